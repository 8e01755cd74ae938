"""The report is one honest HTML file that needs nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qsched.errors import QschedError
from qsched.report import draw, gather, write
from qsched.report.material import Material
from qsched.report.page import render
from qsched.storage import Storage
from tests.report import fabricate

NAME = "digits-ana"
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>&amp;'


def rendered(material: Material) -> str:
    return render(material, draw(material))


class Page(HTMLParser):
    """Collects tags, what they would load, and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def text(finished: Storage) -> str:
    return rendered(gather(finished, NAME))


def test_loads_nothing(text: str) -> None:
    page = Page(text)
    loads = ("src", "href", "srcset", "data", "action", "poster")
    assert [attrs for _, attrs in page.tags if any(name in attrs for name in loads)] == []
    assert {"link", "iframe", "object", "embed", "base"}.isdisjoint(tag for tag, _ in page.tags)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_holds_the_library_once_and_a_place_for_each_figure(text: str) -> None:
    assert text.count("plotly.js v") == 1
    page = Page(text)
    plots = [a["id"] for _, a in page.tags if a.get("class") == "plot"]
    data = [a["id"] for tag, a in page.tags if tag == "script" and a.get("type")]
    assert data == [f"data-{key}" for key in plots]
    assert plots[0] == "verdict"


def test_headings_are_semantic(text: str) -> None:
    page = Page(text)
    assert page.count("h1") == 1
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert all(below - above <= 1 for above, below in zip(levels, levels[1:], strict=False))
    assert page.count("main") == 1
    assert dict(page.tags)["html"]["lang"] == "en"


def test_says_the_verdict_and_where_it_comes_from(finished: Storage, text: str) -> None:
    words = Page(text).words
    row = finished.study(NAME)
    assert row.verdict is not None
    assert row.verdict["sentence"] in words
    for claim in row.verdict["comparisons"]:
        assert claim["arm"] in words
    assert "qsched run digits-ana.yaml" in words
    assert row.sha256 in words
    assert row.verdict["rungs"] in words
    assert "200000 to 200011" in words
    assert "torch 2.13.0" in words
    assert "batch_size: 32" in words
    assert "All 52 arms of the search" in words
    assert "PED-ANOVA" in words


def test_lists_every_arm_with_accuracy_seeds_and_state(finished: Storage, text: str) -> None:
    words = Page(text).words
    for attempt in gather(finished, NAME).attempts:
        state = "raced out" if attempt.seeds == 2 else "finished"
        assert attempt.value is not None
        accuracy = f"{100 * attempt.value:.2f} %"
        assert f"{attempt.arm}{attempt.kind}{accuracy}{attempt.seeds}{state}" in words


def test_says_no_significant_difference_plainly(empty: Storage) -> None:
    study = fabricate.spec(candidates=4)
    arms = fabricate.search(empty, study)
    best = max(a.accuracy for a in arms if a.kind == "candidate")
    fabricate.confirm(empty, study, arms, gain=0.826 - best)
    cells = rendered(gather(empty, NAME))
    assert "<td>no significant difference</td>" in cells


def test_an_unfinished_study_says_so(searching: Storage) -> None:
    words = Page(rendered(gather(searching, NAME))).words
    assert "No verdict yet: the study is running." in words
    assert "PED-ANOVA) needs at least 20 finished candidates" in words
    assert "there are 6" in words


def hostile(material: Material) -> Material:
    """The same material with markup in every name and text that a user chooses."""
    assert material.verdict is not None
    row = replace(
        material.row,
        spec=material.row.spec.model_copy(update={"about": EVIL, "space": EVIL}),
        notes={EVIL: EVIL},
    )
    arms = tuple(arm.model_copy(update={"arm": EVIL}) for arm in material.verdict.arms)
    verdict = material.verdict.model_copy(update={"arms": arms, "sentence": EVIL, "rungs": EVIL})
    attempts = tuple(replace(attempt, arm=EVIL) for attempt in material.attempts)
    shown = {c: replace(s, arm=EVIL) for c, s in material.shown.items()}
    runs = tuple(replace(run, arm=EVIL) for run in material.runs)
    return Material(row, verdict, runs, attempts, shown)


@pytest.fixture(scope="module")
def evil_text(finished: Storage) -> str:
    return rendered(hostile(gather(finished, NAME)))


def test_hostile_names_stay_text(text: str, evil_text: str) -> None:
    evil, plain = Page(evil_text), Page(text)
    assert evil.count("img") == 0
    assert evil.count("script") == plain.count("script")
    assert EVIL in evil.text
    assert len(evil.text) > len(plain.text)


def test_figures_show_hostile_names_as_text(evil_text: str) -> None:
    start = evil_text.index('id="data-verdict"')
    data = evil_text[start : evil_text.index("</script>", start)]
    assert "<img" not in data
    # Escaped once for the figure, which reads markup itself, and its `&` once for the page.
    assert "\\u0026lt;script" in data
    assert "\\u003cscript" not in data


def test_writes_whole_files_and_makes_folders(finished: Storage, tmp_path: Path) -> None:
    path = tmp_path / "out" / NAME / "report.html"
    material = gather(finished, NAME)
    assert write(material, draw(material), path) == path
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    write(material, draw(material), path)
    assert os.listdir(path.parent) == ["report.html"]


def test_a_failed_write_leaves_what_was_there(
    finished: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    material = gather(finished, NAME)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(QschedError, match="No space left on device; choose another path"):
        write(material, draw(material), path)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_path_below_a_file_is_refused(finished: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    material = gather(finished, NAME)
    with pytest.raises(QschedError, match="a report needs a file that can be written"):
        write(material, draw(material), tmp_path / "file" / "report.html")
