"""How all figures look: one fixed color per contender, quiet axes, no background of their own."""

from __future__ import annotations

import html
from typing import Any

from qsched.study.verdict import Contender

__all__ = [
    "COLORS",
    "DASHES",
    "GRID",
    "INK",
    "LABELS",
    "SHORT_LABELS",
    "axis",
    "heading",
    "layout",
    "percent",
    "plain",
    "shade",
    "signed",
    "wrap",
]

# Of the palette of Okabe and Ito (Color Universal Design, 2008), those that keep a contrast of at
# least 3 against white and against the dark page.
COLORS: dict[Contender, str] = {
    "found": "#0072B2",
    "hand-coded": "#D55E00",
    "static": "#009E73",
    "full precision": "#808080",
}
DASHES: dict[Contender, str] = {
    "found": "solid",
    "hand-coded": "solid",
    "static": "dash",
    "full precision": "dot",
}
LABELS: dict[Contender, str] = {
    "found": "found",
    "hand-coded": "best hand-coded",
    "static": "tuned static",
    "full precision": "full precision",
}
# For panels that are a third of a phone wide.
SHORT_LABELS: dict[Contender, str] = {**LABELS, "hand-coded": "hand-coded"}

# Legible on white and on black; the page replaces them by those of its color scheme.
INK = "#808080"
GRID = "rgba(128,128,128,0.25)"

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


def layout(
    title: str, subtitle: str, *, height: int, head: int = 8, foot: int = 48
) -> dict[str, Any]:
    """Return the layout of a figure whose title says the finding and whose subtitle explains it.

    Args:
        title: the finding, in plain text; markup has no meaning in it.
        subtitle: how to read the figure, in plain text.
        height: of the figure without its title, in pixels.
        head: room between title and plot, for a legend or panel names, in pixels.
        foot: room below the plot, in pixels.

    Returns:
        A layout. Its ``meta`` holds title and subtitle as given and, as ``above``, how many pixels
        they take, so that a page can set them in its own type instead.
    """
    text, above = heading(title, subtitle, 690)
    return {
        "template": "none",
        "meta": {"title": title, "subtitle": subtitle, "above": above},
        "height": height + above,
        "title": text,
        "margin": {"l": 56, "r": 16, "t": above + head, "b": foot},
        "font": {"family": _FONT, "size": 13, "color": INK},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "dragmode": False,
        "hoverlabel": {"font": {"family": _FONT}},
    }


def heading(title: str, subtitle: str, width: int) -> tuple[dict[str, Any], int]:
    """Return a figure's title with its subtitle, wrapped to ``width`` pixels, and its height."""
    # Of the fonts in use, none is wider on average than this at 16 and at 12 pixels.
    lines, sublines = wrap(title, int(width / 9.5)), wrap(subtitle, int(width / 6.6))
    text = {
        "text": "<br>".join(map(plain, lines)),
        "font": {"size": 16},
        "subtitle": {"text": "<br>".join(map(plain, sublines)), "font": {"size": 12}},
        "x": 0,
        "xref": "container",
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"t": 16, "l": 12},
    }
    return text, 24 + 21 * len(lines) + 16 * len(sublines)


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a quiet axis with a title that names the unit."""
    base = {
        "title": {"text": plain(title), "standoff": 8, "font": {"size": 13}},
        "ticklabelstandoff": 4,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "fixedrange": True,
    }
    return {**base, **more}


def wrap(text: str, width: int) -> list[str]:
    r"""Return ``text`` broken into lines of at most ``width`` characters; figures do not wrap.

    >>> wrap("after 80\xa0% of training", 9)
    ['after', '80\xa0% of', 'training']
    """
    lines: list[str] = []
    for word in filter(None, text.replace("\n", " ").split(" ")):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def plain(text: str) -> str:
    """Return ``text`` for a figure, which would read markup in it.

    >>> plain("<b>5 & 6</b>")
    '&lt;b&gt;5 &amp; 6&lt;/b&gt;'
    """
    return html.escape(text, quote=False)


def shade(color: str, alpha: float) -> str:
    """Return a hexadecimal color with an opacity.

    >>> shade("#0072B2", 0.2)
    'rgba(0,114,178,0.2)'
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def percent(share: float, digits: int = 1) -> str:
    r"""Return a share as a percentage.

    >>> percent(0.8691)
    '86.9\xa0%'
    """
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def signed(share: float, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign; nothing is ``+0.00``.

    >>> signed(-0.0391), signed(-0.000001)
    ('−3.91', '+0.00')
    """
    return f"{100 * share:+z.{digits}f}".replace("-", "\N{MINUS SIGN}")
