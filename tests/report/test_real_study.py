"""The report of a study that the study loop itself has run, on a surrogate of training."""

from __future__ import annotations

from pathlib import Path

from qsched.execution import Inline
from qsched.report import draw, gather, save_to_dashboard, write
from qsched.specs import Budget, Confirmation, Rung, SamplerSpec
from qsched.storage import Storage
from qsched.study import run_study
from tests.report import fabricate
from tests.study import surrogate


def test_a_study_from_the_loop_has_a_whole_report(empty: Storage, tmp_path: Path) -> None:
    study = fabricate.spec().model_copy(
        update={
            "baselines": ("ana-ste-static", "ana-2019-overlapped"),
            "budget": Budget(trials=4, rungs=(Rung(seeds=2), Rung(seeds=3))),
            "sampler": SamplerSpec(batch=4),
            "confirmation": Confirmation(
                candidates=2, baselines=1, selection_seeds=2, report_seeds=4
            ),
        }
    )
    with Inline(surrogate.train) as executor:
        verdict = run_study(study, empty, executor, lambda progress: None)
    material = gather(empty, study.name)
    drawn = draw(material)
    save_to_dashboard(empty, material, drawn)
    assert {"verdict", "atlas-forward", "atlas-backward", "curves", "regret"} <= set(drawn)
    assert len([t for t in drawn["curves"].data if t.showlegend is None]) == 4
    text = write(material, drawn, tmp_path / "report.html").read_text(encoding="utf-8")
    assert verdict.sentence.partition(":")[0] in text
    # Two hand-coded, five static arms, four candidates.
    assert "All 11 arms of the search" in text
