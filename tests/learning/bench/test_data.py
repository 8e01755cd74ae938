"""The files of SchedBench: what is written is read; broken files say what is wrong."""

from dataclasses import fields

import numpy as np
import pytest

from qsched.errors import DataError
from qsched.learning import Tests as TestResults
from qsched.learning import load_bench, load_tests, save_bench, save_tests
from tests.learning.fabricate import make_bench

pyarrow = pytest.importorskip("pyarrow")


def test_what_is_written_is_read(tmp_path):
    bench, tests = make_bench(design=4)
    bench.runs.accuracy[0] = np.nan
    save_bench(bench, tmp_path)
    save_tests(tests, tmp_path)

    again = load_bench(tmp_path)

    assert again.about == bench.about
    tables = [(again.tasks, bench.tasks), (again.arms, bench.arms), (again.runs, bench.runs)]
    for found, made in [*tables, (load_tests(tmp_path), tests)]:
        for field in fields(made):
            a, b = getattr(found, field.name), getattr(made, field.name)
            if b.ndim == 2:  # Curves are kept in single precision.
                np.testing.assert_allclose(a, b, rtol=1e-6)
            else:
                np.testing.assert_array_equal(a, b, err_msg=field.name)
            assert a.dtype == b.dtype or b.ndim == 2, field.name


def test_no_table_but_that_of_tests_holds_test_results(tmp_path):
    bench, tests = make_bench(design=2)
    save_bench(bench, tmp_path)
    assert not list(tmp_path.glob("tests*"))
    with pytest.raises(DataError, match=r"tests\.parquet .* bench-data"):
        load_tests(tmp_path)
    assert set(tests.key) <= set(bench.runs.where(bench.runs.phase == "report").key)


def test_schedules_and_tasks_come_back_as_models():
    bench, _ = make_bench(design=2)
    task = bench.tasks.task("digits-mlp9-ternary-short")
    assert (task.data.name, task.network.name) == ("digits", "mlp9")
    assert bench.arms.arm("hand-coded").learning_rate.initial == 0.01
    assert bench.arms.arm("hand-coded", 0.04).learning_rate.initial == 0.04
    assert bench.arms.points()[0].keys() == {"backward_std"}


def test_a_missing_column_is_named(tmp_path):
    import pyarrow.parquet

    _, tests = make_bench(design=2)
    save_tests(tests, tmp_path)
    path = tmp_path / "tests.parquet"
    whole = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(whole.drop_columns(["loss"]), path)
    with pytest.raises(DataError, match="but loss are missing"):
        load_tests(tmp_path)


def test_rows_are_chosen_by_mask_and_by_index():
    _, tests = make_bench(design=2)
    assert isinstance(tests.where(np.array([1, 0])), TestResults)
    assert tests.where(np.array([1, 0])).key.tolist() == [tests.key[1], tests.key[0]]
    assert len(tests.where(tests.accuracy < 0)) == 0
