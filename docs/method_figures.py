"""Draw the pictures of the method cards: what each method does, from its own functions.

    python docs/method_figures.py

Needs ``pip install kaleido`` and Chrome or Chromium.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from qsched.quantizers import ana, stair
from qsched.report.style import axis, layout
from qsched.schedules import FROZEN, Place
from qsched.schedules.file import load_schedule

INPUTS = np.linspace(-2, 2, 801)
SHADES = ("#D55E00", "#CC79A7", "#009E73", "#0072B2")
CLIPPED = 12**-0.5
INQ = ("inq-alexnet", "inq-googlenet", "inq-quantlab", "inq-one-shot")


def passes(forward_std: float, backward_std: float) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs of a ternary quantizer under uniform noise, and the gradient it passes."""
    x = torch.tensor(INPUTS, requires_grad=True)
    y = ana(
        x,
        torch.tensor(forward_std, dtype=x.dtype),
        None,
        torch.tensor(backward_std, dtype=x.dtype),
        stair=stair("ternary", 1.0),
        family="uniform",
        forward="expectation",
    )
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach().numpy(), slope.numpy()


def both_passes(title: str, subtitle: str, noise: list[tuple[str, float, float]]) -> go.Figure:
    """Return a figure of outputs and gradients, one line for each (name, forward, backward)."""
    figure = make_subplots(1, 2, subplot_titles=["forward pass", "backward pass"])
    for color, (name, forward, backward) in zip(SHADES, noise, strict=False):
        for column, y in enumerate(passes(forward, backward), start=1):
            line = {"color": color, "width": 2.5}
            shown = column == 1
            trace = go.Scatter(x=INPUTS, y=y, name=name, line=line, legendgroup=name)
            figure.add_trace(trace.update(showlegend=shown), 1, column)
    figure.update_layout(layout(title, subtitle, height=330, head=80))
    figure.update_layout(legend={"y": 1.12})
    figure.update_xaxes(axis("input, quanta"))
    figure.update_yaxes(axis("output, quanta"), col=1)
    figure.update_yaxes(axis("gradient passed"), col=2)
    return figure


def frozen() -> go.Figure:
    """Return a figure of published freezing schedules."""
    figure, u = go.Figure(), np.linspace(0, 1, 1001)
    places = [Place("weights", 0.5)]
    for color, name in zip(SHADES, INQ, strict=True):
        schedule = load_schedule(name).schedule
        share = [100 * float(schedule.at(each, places)[0, FROZEN]) for each in u]
        line = {"color": color, "width": 2.5}
        figure.add_trace(go.Scatter(x=100 * u, y=share, name=name, line=line))
    title = "INQ freezes weights in stages; a schedule says when, and how many"
    subtitle = "Share of each layer's weights that is rounded to the levels and never moves again."
    figure.update_layout(layout(title, subtitle, height=330, head=48))
    figure.update_xaxes(axis("training progress, %"))
    figure.update_yaxes(axis("frozen weights, %"))
    return figure


def main() -> None:
    pictures = {
        "ana": both_passes(
            "ANA: noise makes the stair smooth, and is annealed to none",
            "Expectation of a ternary quantizer under uniform noise of a standard deviation, "
            "and its derivative.",
            [(f"{std:.2f} quanta", std, std) for std in (0.6, CLIPPED, 0.1)]
            + [("none", 0.0, CLIPPED)],
        ),
        "ste": both_passes(
            "STE: the stair forward, the derivative of a ramp backward",
            "The width of the backward window is its only choice; 0.29 quanta is the clipped "
            "straight-through estimator.",
            [(f"{std:.2f} quanta", 0.0, std) for std in (4 * CLIPPED, 2 * CLIPPED, CLIPPED)],
        ),
        "inq": frozen(),
    }
    for name, figure in pictures.items():
        path = Path(__file__).parent / "img" / f"method-{name}.png"
        figure.write_image(path, width=1000, height=460, scale=1.5)
        print(path)


if __name__ == "__main__":
    main()
