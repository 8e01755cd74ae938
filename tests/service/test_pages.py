"""The pages, as HTML: what they show, to whom, and under which policy."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
from fastapi.testclient import TestClient

from qsched.files import Document, bundled
from qsched.report.style import COLORS
from qsched.service.access import Role
from qsched.service.app import create_app
from qsched.service.launcher import Child
from qsched.service.pages.assets import asset_url, assets, map_style
from qsched.service.pages.html import POLICY
from qsched.service.settings import Settings
from qsched.service.tokens import TokenFile
from qsched.specs import StudySpec
from qsched.storage import Storage
from tests.report import fabricate
from tests.service.immediate import Immediate

BROWSER = {"Accept": "text/html"}
EVIL = "<script>alert(1)</script>"


class Idle:
    """Cannot start studies, so that they wait."""

    def start(self, spec: StudySpec) -> Child:
        """Fail as a machine without room for a process does."""
        raise OSError("no room")

    def last_errors(self, spec: StudySpec) -> str:
        """Say nothing."""
        return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database: one study finished, one searching, one without a training."""
    folder = tmp_path_factory.mktemp("pages")
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        done = fabricate.spec("done", candidates=24).model_copy(update={"about": EVIL})
        fabricate.confirm(storage, done, fabricate.search(storage, done), gain=0.02)
        fabricate.search(storage, fabricate.spec("searching", candidates=6))
        early = fabricate.spec("early", candidates=6)
        storage.save_study(early, "0" * 64)
        storage.set_state("early", "interrupted")
    return folder


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[Role, str]:
    """One token of each role."""
    file = TokenFile(folder / "tokens.json")
    return {role: file.create(role.value, role) for role in Role}


@pytest.fixture(scope="module")
def client(folder: Path, tokens: dict[Role, str]) -> Iterator[TestClient]:
    """A browser in which nobody has logged in."""
    settings = Settings(
        database=f"sqlite:///{folder}/qsched.db",
        folder=folder / "served",
        tokens=folder / "tokens.json",
    )
    app = create_app(settings, Idle(), Immediate())
    with TestClient(app, "http://localhost", headers=BROWSER, follow_redirects=False) as client:
        yield client


@pytest.fixture
def editor(client: TestClient, tokens: dict[Role, str]) -> Iterator[TestClient]:
    """The browser of somebody who may launch and stop studies."""
    yield from _logged_in(client, tokens[Role.EDITOR])


@pytest.fixture
def viewer(client: TestClient, tokens: dict[Role, str]) -> Iterator[TestClient]:
    """The browser of somebody who may look."""
    yield from _logged_in(client, tokens[Role.VIEWER])


def _logged_in(client: TestClient, token: str) -> Iterator[TestClient]:
    answer = client.post("/login", data={"token": token, "next": "/new"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/new")
    yield client
    client.cookies.clear()


def _words(text: str) -> str:
    """The text of a page, without its markup."""
    bare = re.sub(r"(?s)<script.*?</script>|<[^>]*>", " ", text)
    return " ".join(html.unescape(bare).split())


PAGES = ("/", "/studies/done", "/studies/searching", "/studies/early", "/new", "/studies/none")


@pytest.mark.parametrize("path", [*PAGES, "/dashboard"])
def test_strangers_are_led_to_the_login(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
    assert "Log in" in client.get(f"/login?next={path}").text


def test_the_login_leads_nowhere_else(client: TestClient) -> None:
    assert 'name="next" value="/studies/done"' in client.get("/login?next=/studies/done").text
    assert 'name="next" value="/"' in client.get("/login?next=https://elsewhere.example").text
    assert "no valid token" in client.get("/login?failed=1").text


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_under_a_strict_policy_and_keep_it(editor: TestClient, path: str) -> None:
    answer = editor.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    markup = re.sub(r"(?s)>[^<]*</script>", "></script>", answer.text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", markup)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    assert all('type="application/json"' in head or not body for head, body in scripts)
    assert EVIL not in answer.text
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_marked_up_for_everybody(editor: TestClient, path: str) -> None:
    text = editor.get(path).text
    assert '<html lang="en">' in text
    assert 'name="viewport" content="width=device-width' in text
    assert text.count("<h1>") == 1
    for landmark in (
        "<header",
        "<main",
        "<footer",
        '<nav aria-label="Main"',
        "Skip to the content",
    ):
        assert landmark in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    fields = re.findall(r"<(?:input|select|textarea)\b(?![^>]*hidden)[^>]*", text)
    labelled = re.findall(r'<label for="([^"]+)"', text)
    assert all(any(f'id="{name}"' in field for name in labelled) for field in fields)


def test_the_list_says_how_far_studies_are(viewer: TestClient, folder: Path) -> None:
    text = viewer.get("/").text
    assert re.findall(r'href="/studies/([a-z]+)"', text) == ["early", "searching", "done"]
    words = _words(text)
    assert "3 studies" in words
    assert "24 of 24 candidates" in words
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        runs = storage.runs("done", "report")
    scores = {
        arm: fmean(row.result.accuracy or 0 for row in runs if row.arm == arm)
        for arm in {row.arm for row in runs}
    }
    best = max(score for arm, score in scores.items() if arm.startswith("trial-"))
    assert f"{100 * best:.1f} % trial-" in words
    assert f"{100 * scores['ana-2019']:.1f} % ana-2019" in words
    assert f"+{100 * (best - scores['ana-2019']):.1f} points test accuracy" in words


def test_long_lists_have_pages(
    viewer: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qsched.service.pages.studies._LISTED", 2)
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        names = [row.name for row in storage.studies()]
    shown = []
    for number in range(1, len(names)):
        text = viewer.get(f"/?page={number}").text
        found = re.findall(r'href="/studies/([a-z]+)"', text)
        assert len(found) <= 2
        assert ("Newer" in text) == (number > 1 and bool(found))
        shown += found
        if "Older" not in text:
            break
    assert shown == names[::-1]
    assert viewer.get("/?page=0").status_code == 422


def test_an_ended_study_shows_verdict_figures_and_files(viewer: TestClient, folder: Path) -> None:
    text = viewer.get("/studies/done").text
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        verdict = storage.study("done").verdict
    assert verdict is not None
    assert verdict["sentence"] in _words(text)
    keys = set(re.findall(r'<div class="plot" id="([a-z-]+)"', text))
    assert keys == {
        "verdict",
        "atlas-forward",
        "atlas-backward",
        "curves",
        "regret",
        "importance",
    }
    for key in keys:
        data = text.partition(f'id="data-{key}">')[2].partition("</script>")[0]
        assert json.loads(data)["data"]
    assert "data-live" not in text
    for url in re.findall(r'href="(/v1/[^"]+)" download', text):
        file = viewer.get(html.unescape(url))
        assert (file.status_code, file.headers["content-disposition"][:10]) == (200, "attachment")


@pytest.mark.parametrize(
    ("gain", "kind", "words"),
    [
        (0.02, "better", "better than hand-coded"),
        (0.001, "same", "no significant difference"),
        (-0.02, "worse", "worse than hand-coded"),
    ],
)
def test_the_outcome_is_seen_at_a_glance(
    viewer: TestClient, folder: Path, gain: float, kind: str, words: str
) -> None:
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        spec = fabricate.spec(f"ends-{kind}", candidates=24)
        fabricate.confirm(storage, spec, fabricate.search(storage, spec), gain=gain)
        verdict = storage.study(spec.name).verdict
    assert verdict is not None
    claim = next(c for c in verdict["comparisons"] if c["other"] == "hand-coded")
    assert claim["significant"] == (kind != "same")
    text = viewer.get(f"/studies/{spec.name}").text
    assert re.search(r"<span>qsched \d", text)
    assert f'<p class="sentence {kind}">' in text
    assert text.count(f'class="badge outcome {kind}"') == 2
    assert words in _words(text)
    row = viewer.get(f"/?q={spec.name}").text
    assert f'class="badge outcome {kind}"' in row
    drawn = re.search(r'd="M([\d.]+) 6H([\d.]+)"/><circle cx="([\d.]+)"', row)
    assert drawn is not None
    low, high, middle = map(float, drawn.groups())
    assert low < middle < high
    assert (low < 50 < high) == (kind == "same")
    assert (low > 50) == (kind == "better")


def test_lists_are_searched(viewer: TestClient) -> None:
    text = viewer.get("/?q=EAR").text
    assert re.findall(r'href="/studies/([a-z]+)"', text) == ["early", "searching"]
    found = viewer.get("/?q=%3Cnone%3E").text
    assert "No study of that name" in found
    assert 'value="&lt;none&gt;"' in found
    assert 'data-live="/parts/studies?page=1&amp;q=%3Cnone%3E"' in found


def test_the_way_to_the_accelerator(viewer: TestClient, folder: Path) -> None:
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        spec = fabricate.spec("to-cutie", candidates=4)
        network = spec.task.network.model_copy(update={"name": "tnn3"})
        spec = spec.model_copy(update={"task": spec.task.model_copy(update={"network": network})})
        fabricate.confirm(storage, spec, fabricate.search(storage, spec))
    words = _words(viewer.get("/studies/to-cutie").text)
    commands = (
        "qsched train to-cutie-schedule.yaml --task ./to-cutie.yaml --save to-cutie.pt",
        "qsched deploy to-cutie.pt --format cutie --verify",
    )
    assert all(command in words for command in commands)
    refused = viewer.get("/v1/studies/to-cutie/best?format=cutie")
    assert refused.status_code == 409
    assert " && ".join(commands) in refused.json()["detail"]
    assert viewer.get("/studies/to-cutie/lowered?to=cutie").status_code == 409
    assert viewer.get("/v1/studies/done/best?format=cutie").status_code == 422
    assert "CUTIE" not in viewer.get("/studies/done").text


def test_schedules_leave_for_other_programs(viewer: TestClient, folder: Path) -> None:
    answer = viewer.get("/studies/done/lowered?to=table&layers=3&steps=10")
    assert (answer.status_code, answer.headers["content-type"][:8]) == (200, "text/csv")
    assert 'filename="done.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 11 * 3 * 2
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        verdict = storage.study("done").verdict
    assert verdict is not None
    noise = verdict["arms"][0]["schedule"]["weights"]
    assert float(rows[0]["backward_std"]) == pytest.approx(noise["backward_std"])
    refused = viewer.get("/studies/done/lowered?to=quantlab")
    assert refused.status_code == 422
    assert "quantlab" in _words(refused.text)
    huge = viewer.get("/studies/done/lowered?layers=1000&steps=100000")
    assert huge.status_code == 422
    assert viewer.get("/studies/searching/lowered").status_code == 409


def test_a_running_study_shows_what_it_has_and_asks_for_more(viewer: TestClient) -> None:
    text = viewer.get("/studies/searching").text
    assert "No verdict yet" in text
    assert 'data-live="/parts/studies/searching"' in text
    assert re.search('data-state="running" data-version="running-[0-9]+"', text)
    assert "format=yaml" not in text
    assert text.index('id="search"') < text.index('id="export"')
    part = viewer.get("/parts/studies/searching")
    assert part.text.strip() in text
    again = viewer.get("/parts/studies/searching", headers={"If-None-Match": part.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_study_without_trainings_has_a_page(viewer: TestClient) -> None:
    answer = viewer.get("/studies/early")
    assert answer.status_code == 200
    assert "Candidates 0 of 6" in _words(answer.text)
    assert "The first results come with the first trainings" in answer.text


def test_only_editors_are_offered_what_only_they_may_do(
    viewer: TestClient, tokens: dict[Role, str]
) -> None:
    pages = {path: viewer.get(path).text for path in ("/", "/studies/early")}
    assert "New study" not in pages["/"]
    assert "/resume" not in pages["/studies/early"]
    refused = viewer.post("/studies/early/resume")
    assert (refused.status_code, "needs the role editor" in _words(refused.text)) == (403, True)
    assert refused.headers["content-type"].startswith("text/html")
    assert viewer.post("/new/check", data={"text": ""}).status_code == 403
    viewer.post("/login", data={"token": tokens[Role.EDITOR]})
    assert "New study" in viewer.get("/").text
    assert 'action="/studies/early/resume"' in viewer.get("/studies/early").text


@pytest.mark.parametrize(
    ("path", "status"), [("/studies/none", 404), ("/nowhere", 404), ("/studies/early/stop", 405)]
)
def test_errors_are_pages(viewer: TestClient, path: str, status: int) -> None:
    answer = viewer.get(path)
    assert answer.status_code == status
    if status == 404:
        assert answer.headers["content-type"].startswith("text/html")
        assert "To the studies" in answer.text


def test_a_refused_change_is_a_page_with_the_reason(editor: TestClient) -> None:
    answer = editor.post("/studies/done/resume")
    assert answer.status_code == 409
    assert "`done` is finished; there is nothing to resume" in _words(answer.text)


def test_the_form_offers_bundled_files(editor: TestClient) -> None:
    text = editor.get("/new?study=digits-control").text
    area = text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
    assert html.unescape(area) == (bundled("studies") / "digits-control.yaml").read_text()
    assert '<option value="digits-control" selected>' in text
    assert "No faults" in text
    assert editor.get("/new?study=../../etc/passwd").status_code == 200


def test_faults_are_shown_at_their_lines(editor: TestClient) -> None:
    text = (bundled("studies") / "digits-ana.yaml").read_text()
    lines = [*text.replace("epochs: 10", "epochs: ten").splitlines(), "sed: 0"]
    answer = editor.post("/new/check", data={"text": "\n".join(lines)})
    assert answer.status_code == 200
    marked = {int(number) for number in re.findall(r'data-line="(\d+)"', answer.text)}
    expected = {i for i, line in enumerate(lines, 1) if line.endswith(": ten") or line == "sed: 0"}
    assert marked == expected
    assert "did you mean `seed`?" in _words(answer.text)


def test_a_checked_file_says_what_would_run(editor: TestClient) -> None:
    text = (bundled("studies") / "digits-ana.yaml").read_text()
    answer = editor.post("/new/check", data={"text": text})
    found = re.search(r'data-name="(.*?)" data-trials="(\d+)" data-seed="(\d+)"', answer.text)
    assert found is not None
    assert found.groups() == ("digits-ana", "256", "0")


def test_a_stored_study_is_launched_again_with_changes(editor: TestClient, folder: Path) -> None:
    text = editor.get("/new?again=done").text
    area = text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        spec = storage.study("done").spec
    again = Document.of(html.unescape(area)).to(StudySpec)
    assert again == spec.model_copy(update={"name": "done-2"})
    assert 'href="/new?again=done"' in editor.get("/studies/done").text
    assert editor.get("/new?again=none").status_code == 404
    file = editor.get("/v1/studies/done/file")
    assert Document.of(file.text).to(StudySpec) == spec


def test_viewers_look_at_study_files(viewer: TestClient) -> None:
    text = viewer.get("/new").text
    assert " readonly" in text
    assert "No faults" in text
    assert 'id="go"' not in text
    assert "launch.js" not in text


def test_launching_stores_the_study_and_shows_it(editor: TestClient, folder: Path) -> None:
    text = (bundled("studies") / "digits-ana.yaml").read_text()
    mine = text.replace("name: digits-ana", "name: mine", 1)
    answer = editor.post("/new", data={"text": mine})
    assert (answer.status_code, answer.headers["location"]) == (303, "/studies/mine")
    assert 'class="badge' in editor.get("/studies/mine").text
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        assert storage.study("mine").spec.budget.trials == 256
    changed = editor.post("/new", data={"text": f"{mine}seed: 1\n"})
    assert changed.status_code == 409
    assert "stored with another one" in changed.text
    assert "seed: 1" in changed.text
    stopped = editor.post("/studies/mine/stop")
    assert (stopped.status_code, stopped.headers["location"]) == (303, "/studies/mine")


def test_a_faulty_file_comes_back_as_it_was_sent(editor: TestClient) -> None:
    answer = editor.post("/new", data={"text": f"name: {EVIL}\n"})
    assert answer.status_code == 422
    assert html.escape(EVIL) in answer.text
    assert EVIL not in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_assets_may_be_kept_for_ever_by_their_content(client: TestClient) -> None:
    for name, asset in assets().items():
        answer = client.get(asset_url(name))
        assert answer.content == asset.body
        assert "immutable" in answer.headers["cache-control"]
        plain = client.get(f"/assets/{name}", headers={"Accept-Encoding": "identity"})
        assert plain.content == asset.body
        assert "content-encoding" not in plain.headers
        assert plain.headers["cache-control"] == "no-cache"
        tag = {"If-None-Match": plain.headers["etag"]}
        assert client.get(f"/assets/{name}", headers=tag).status_code == 304
    assert client.get("/assets/../app.py").status_code in (303, 404)
    assert client.get("/assets/app.py").status_code == 404


def test_plotly_is_told_to_leave_its_styles_out(viewer: TestClient) -> None:
    script = assets()["plotly.js"].body.decode()
    assert "no-inline-styles" in script
    style = map_style()
    assert style is not None
    page = viewer.get("/studies/done").text
    assert f'<meta id="{style}"' in page
    assert 'id="plotly.js-style-global" class="no-inline-styles"' in page


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("ink", "paper"),
        ("soft", "paper"),
        ("soft", "card"),
        ("accent", "paper"),
        ("accent", "card"),
        ("accent-ink", "accent"),
        ("accent-ink", "accent-deep"),
        ("good", "good-soft"),
        ("busy", "busy-soft"),
        ("warn", "warn-soft"),
        ("bad", "bad-soft"),
        ("bad", "paper"),
        ("ink", "bad-soft"),
    ],
)
def test_colors_have_contrast(scheme: int, ink: str, paper: str) -> None:
    assert _contrast(scheme, ink, paper) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("contender", COLORS)
@pytest.mark.parametrize("paper", ["paper", "card"])
def test_colors_of_figures_have_contrast(scheme: int, contender: str, paper: str) -> None:
    assert _contrast(scheme, contender.replace(" ", "-"), paper) >= 3


def test_figures_are_recolored_from_the_colors_that_they_are_drawn_in() -> None:
    script = assets()["draw.js"].body.decode()
    drawn = dict(re.findall(r'"--([a-z-]+)": "(#[0-9a-f]{6})"', script))
    assert drawn == {name.replace(" ", "-"): color.lower() for name, color in COLORS.items()}


def _contrast(scheme: int, ink: str, paper: str) -> float:
    blocks = re.findall(r":root \{(.*?)\}", assets()["site.css"].body.decode(), re.DOTALL)
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme]))
    light, dark = sorted((_luminance(colors[ink]), _luminance(colors[paper])), reverse=True)
    return (light + 0.05) / (dark + 0.05)
