"""Random decay shapes, windows and schedules."""

from __future__ import annotations

from hypothesis import strategies as st

from qsched.schedules import (
    Ana,
    Cosine,
    Exponential,
    Inq,
    Knots,
    Lag,
    LearningRate,
    Logistic,
    Power,
    Schedule,
    Steps,
    Window,
)

fractions = st.floats(0, 1)
signed = st.floats(-1, 1)

decays = st.one_of(
    st.builds(Power, exponent=st.floats(0.1, 20), exponent_last=st.floats(0.1, 20)),
    st.just(Cosine()),
    st.builds(Exponential, rate=st.floats(1e-3, 50)),
    st.builds(Logistic, steepness=st.floats(1e-2, 500), center=fractions),
    st.builds(Steps, stages=st.integers(1, 40)),
    st.lists(st.integers(1, 999), unique=True, max_size=12).map(
        lambda n: Steps(fractions=(*(k / 1000 for k in sorted(n)), 1.0))
    ),
    st.lists(fractions, min_size=1, max_size=8).map(lambda v: Knots(values=tuple(sorted(v)))),
)

windows = st.builds(
    lambda ends, a, b: Window(start=min(ends), end=max(ends), offset_start=a, offset_end=b),
    st.tuples(fractions, fractions),
    signed,
    signed,
)

anas = st.builds(
    Ana,
    forward_std=st.floats(0, 3),
    backward_std=st.floats(0, 3),
    backward_floor=fractions,
    mean=signed,
    mean_decay=st.sampled_from(["sqrt", "static"]),
)

schedules = st.builds(
    Schedule,
    window=windows,
    decay=decays,
    lag=st.builds(Lag, activations=signed, backward=signed),
    weights=st.one_of(st.none(), anas, st.builds(Inq)),
    activations=st.one_of(st.none(), anas),
    learning_rate=st.builds(
        LearningRate,
        initial=st.floats(1e-4, 1),
        decay=st.sampled_from(["constant", "drops", "cosine"]),
        restart=st.booleans(),
    ),
)
