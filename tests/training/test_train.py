"""The interface: what training accepts and what its results say."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import torch

import qsched
from qsched.errors import InputError, TrainingError
from qsched.lanes.layers import Activation, BatchNorm, Flatten, Linear
from qsched.registry import NETWORKS
from qsched.schedules import Override
from qsched.specs import Precision
from qsched.training import train
from qsched.training.loss import correct, cross_entropy, cross_entropy_gradient
from tests.training.small import STATIC, inq, make_run, schedule, small_task

HEAD = Linear(3, quantized=False, bias=True)


def test_no_runs() -> None:
    assert train([]) == []


@pytest.mark.parametrize("change", [{"length": 0.5}, {"task": small_task(epochs=3)}])
def test_runs_of_one_cohort_share_task_and_length(change: dict[str, object]) -> None:
    run = make_run(small_task(), inq())
    with pytest.raises(TrainingError, match="must share task and length"):
        train([run, run.model_copy(update=change)])


def test_an_override_that_matches_no_quantizer() -> None:
    exception = Override(pattern="linear9", exclude=True)
    with pytest.raises(InputError, match="`linear9` matches no quantizer here; their names:"):
        train([make_run(small_task(), inq(overrides=(exception,)))])


def test_a_batch_larger_than_the_data() -> None:
    with pytest.raises(InputError, match="batch size must not exceed the 70 training examples"):
        train([make_run(small_task(batch_size=71), inq())])


def test_results_say_what_they_were_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qsched.training.record.loaded_plugins", dict)
    (result,) = train([make_run(small_task(), inq())])
    assert result.versions == {
        "qsched": qsched.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "engine": "torch-lanes",
        "lanes": "1",
        "dtype": "float32",
    }
    assert result.seconds > 0
    assert result.status == "finished"


def test_a_curve_has_ten_points_at_most_and_ends_with_training() -> None:
    run = make_run(small_task(epochs=23), schedule(STATIC, STATIC), length=0.95)
    (result,) = train([run])
    assert result.steps == 87
    steps = [point.step for point in result.curve]
    assert len(steps) == 10
    assert steps[-1] == 87
    assert all(step % 4 == 0 for step in steps[:-1])
    gaps = np.diff([0, *steps])
    assert gaps.max() - gaps.min() <= 5


def test_training_learns() -> None:
    """Three noisy patterns are easy: the hard ternary network finds them."""
    runs = [make_run(small_task(epochs=25), schedule(STATIC, STATIC), seed) for seed in range(4)]
    results = train(runs)
    accuracies = [result.accuracy for result in results]
    assert np.mean([a for a in accuracies if a is not None]) > 0.6  # chance is a third
    assert all(result.curve[-1].loss < result.curve[0].loss for result in results)


@pytest.mark.parametrize("levels", ["binary", "2-bit", "4-bit", "power-of-two-3", "float"])
def test_other_levels(levels: str) -> None:
    precision = Precision(weights=levels, activations=levels)  # type: ignore[arg-type]
    task = small_task(precision=precision, epochs=6)
    results = train([make_run(task, one) for one in (schedule(STATIC, STATIC), inq())])
    assert all(result.accuracy is not None and result.accuracy > 0.4 for result in results)
    if levels == "float":  # methods have nothing to quantize then
        assert results[0].accuracy == results[1].accuracy


def test_a_network_with_leading_normalization() -> None:
    layers = Flatten(), BatchNorm(), Linear(6), BatchNorm(), Activation(), HEAD
    NETWORKS.add("small-normalized", lambda width, classes: layers)
    task = small_task("small-normalized", epochs=10)
    task = task.model_copy(update={"data": small_task().data})
    (result,) = train([make_run(task, schedule(STATIC, STATIC))])
    assert result.accuracy is not None
    assert result.accuracy > 0.6


def test_a_network_with_nothing_to_quantize_is_refused() -> None:
    NETWORKS.add("small-linear", lambda width, classes: (Flatten(), BatchNorm(), HEAD))
    task = small_task("small-linear", precision=Precision(first=False))
    task = task.model_copy(update={"data": small_task().data})
    with pytest.raises(InputError, match="needs weights or activations to quantize"):
        train([make_run(task, schedule(STATIC, STATIC))])


def test_loss_and_gradient_equal_autograd() -> None:
    logits = torch.randn(3, 5, 7, dtype=torch.float64, requires_grad=True)
    classes = torch.randint(0, 5, (3, 7))
    expected = torch.nn.functional.cross_entropy(logits, classes, reduction="none").mean(1)
    loss, grad = cross_entropy_gradient(logits.detach(), classes)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(cross_entropy(logits.detach(), classes), expected.detach())
    expected.sum().backward()
    assert logits.grad is not None
    torch.testing.assert_close(grad, logits.grad)


def test_correct_counts_the_largest_logit_and_never_nan() -> None:
    logits = torch.tensor([[[1.0, 5.0, torch.nan], [2.0, 4.0, torch.nan]]])
    assert correct(logits, torch.tensor([[1, 0, 0]])).tolist() == [2]
    assert correct(logits, torch.tensor([[0, 1, 1]])).tolist() == [0]
