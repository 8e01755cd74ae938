"""``qsched lower``: a schedule for programs without qsched."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from qsched.schedules import Place
from qsched.schedules.file import load_schedule
from tests.cli.conftest import Qsched


def test_a_table(qsched: Qsched, tmp_path: Path) -> None:
    options = ["--layers", 2, "--length", 10, "--out", "inq.csv"]
    assert qsched("lower", "inq-halves", *options).out == "inq.csv\n"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "inq.csv").read_text())))
    schedule = load_schedule("inq-halves").schedule
    frozen = [float(row["frozen"]) for row in rows if row["quantizer"] == "layer2"]
    expected = [schedule.at(step / 10, [Place("weights", 1.0)])[0, 3] for step in range(11)]
    assert frozen == expected
    assert qsched("lower", "inq-halves", *options).code == 2  # a file is not replaced


def test_quantlab(qsched: Qsched) -> None:
    name = "ana-cvpr-overlapped-homogeneous-static"
    done = qsched("lower", name, "--to", "quantlab", "--layers", 7, "--length", 500)
    [timer] = json.loads(done.out)["training"]["quantize"]["kwargs"]["ctrl_spec"]
    assert timer["sigma"] == {
        "beta": 0.5,
        "fun": "bws",
        "kwargs": {"tstart": 0, "tend": 350, "alpha": 2},
    }


def test_what_cannot_be_written(qsched: Qsched) -> None:
    done = qsched("lower", "ana-2019-overlapped", "--to", "quantlab")
    assert (done.code, done.out) == (2, "")
    assert "quantlab cannot express this schedule: the nearest configuration differs" in done.err
    assert qsched("lower", "ana-2019-overlapped", "--to", "nothing").code == 2
