"""How a running study is shown: live on a terminal, else line by line.

Progress goes to standard error, so that standard output holds results alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from qsched.cli.output import duration, percent
from qsched.study.progress import Observe, Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Lines", "shown"]


@contextmanager
def shown(study: str, stream: TextIO | None = None) -> Iterator[Observe]:
    """Show the progress of ``study`` on ``stream`` (standard error) while the context is open."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(study, stream)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=stream), refresh_per_second=4) as live:
        yield lambda progress: live.update(_panel(study, progress))


class Lines:
    """Writes a line for a new phase at once, and for other changes when a second has passed.

    Args:
        study: named on every line.
        stream: where lines go.
        clock: seconds, increasing.
    """

    def __init__(
        self, study: str, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._study, self._stream, self._clock = study, stream, clock
        self._next = clock()
        self._phase = ""

    def __call__(self, progress: Progress) -> None:
        if progress.phase == self._phase and self._clock() < self._next:
            return
        self._phase, self._next = progress.phase, self._clock() + 1
        print(f"{self._study}: {', '.join(_words(progress))}", file=self._stream, flush=True)


def _words(progress: Progress) -> list[str]:
    """Return the parts of a progress line that are known."""
    parts = [progress.phase]
    if progress.rung:
        parts.append(progress.rung)
    if progress.total:
        parts.append(f"runs {progress.done}/{progress.total}")
    parts.append(f"trials {progress.trials}/{progress.trials_total}")
    if progress.best is not None:
        parts.append(f"best {percent(progress.best)} ({progress.best_arm})")
    if progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return parts


def _panel(study: str, progress: Progress) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bars = Table.grid(padding=(0, 2))
    for name, done, total in (
        (progress.phase, progress.done, progress.total),
        ("trials", progress.trials, progress.trials_total),
    ):
        bar = ProgressBar(total=max(total, 1), completed=done, width=40)
        bars.add_row(Text(name), bar, Text(f"{done}/{total}"))
    known = [word for word in _words(progress)[1:] if not word.startswith(("runs ", "trials "))]
    return Group(Text(f"{study}: {', '.join(known)}", no_wrap=True, overflow="ellipsis"), bars)
