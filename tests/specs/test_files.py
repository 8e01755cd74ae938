"""Study files: what reading one adds to it."""

from __future__ import annotations

import pytest

from qsched.files import Document, bundled_names, load, resolve
from qsched.specs import StudySpec
from qsched.specs.files import OVERLAPPED, load_study, read_study

TEXT = """\
format: qsched/study/1
name: mine
task:
  data: {name: digits, validation: 400}
  network: {name: mlp9}
  epochs: 10
  batch_size: 32
space: SPACE
baselines: [BASELINE]
budget: {trials: 4}
"""


def _baselines(space: str, baseline: str) -> tuple[str, ...]:
    text = TEXT.replace("SPACE", space).replace("BASELINE", baseline)
    return read_study(Document.of(text)).baselines


@pytest.mark.parametrize("space", ["ana", "surrogate"])
def test_studies_of_noise_annealing_have_the_overlapped_form(space: str) -> None:
    assert _baselines(space, "ede") == ("ede", OVERLAPPED)
    assert _baselines(space, OVERLAPPED) == (OVERLAPPED,)


def test_studies_of_frozen_weights_do_not() -> None:
    assert _baselines("inq", "inq-halves") == ("inq-halves",)


@pytest.mark.parametrize("name", bundled_names("studies"))
def test_bundled_studies_stay_as_they_are(name: str) -> None:
    assert load_study(name) == load(StudySpec, resolve("studies", name))
