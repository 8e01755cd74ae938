"""What pages show of studies, made once for many readers."""

from __future__ import annotations

from qsched.service.pages.figure_cache import FigureCache
from qsched.service.pages.html import part_body
from qsched.service.pages.lines import Line, line
from qsched.service.response_cache import CachedBody, SnapshotCache
from qsched.service.snapshots import Snapshot, Snapshots
from qsched.service.studies import Studies

__all__ = ["StudyViews"]


class StudyViews:
    """Studies as pages show them. May be used by several threads.

    Attributes:
        figures: their results.
        lines: how far they are, in words.
        parts: what their pages poll: that, and which results there are.

    Args:
        studies: the server's.
        snapshots: the same, of a moment ago.
        figures: their results.
    """

    def __init__(self, studies: Studies, snapshots: Snapshots, figures: FigureCache) -> None:
        self._studies, self.figures = studies, figures
        self.lines: SnapshotCache[Line] = SnapshotCache(snapshots, self._line)
        self.parts: SnapshotCache[CachedBody] = SnapshotCache(snapshots, self._part)

    def _line(self, study: Snapshot) -> Line:
        return line(self._studies.detail(study), study.row.spec)

    def _part(self, study: Snapshot) -> CachedBody:
        cached = self.figures.get(study)
        drawn = cached.version if cached is not None else ""
        return part_body("part_study.html.jinja", {"line": self._line(study), "drawn": drawn})
