"""Batches and layouts, and what data training may see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.specs import DataSpec
from qsched.tasks import load_data
from qsched.training import data as training_data
from qsched.training import train
from qsched.training.data import BatchOrder, Resident, gather, resident, spread
from tests.training.small import VALIDATION, inq, make_run, small_task

SPEC = DataSpec(name="small-images", validation=VALIDATION)


def images() -> Resident:
    return resident(SPEC, "train", torch.float64, torch.device("cpu"), False)


def test_an_epoch_visits_examples_once_and_drops_the_rest() -> None:
    order = BatchOrder([3, 4], examples=70, batch=16, augment=False)
    first, second = order.epoch(), order.epoch()
    assert first.shape == (4, 16, 2)
    for lane in range(2):
        seen = first[..., lane].flatten()
        assert len(seen.unique()) == 64
        assert not torch.equal(seen, second[..., lane].flatten())
    assert not torch.equal(first[..., 0], first[..., 1])


def test_batches_follow_the_seed_not_the_lane() -> None:
    whole, alone = (BatchOrder(seeds, 70, 16, augment=True) for seeds in ([3, 4, 5], [5]))
    assert torch.equal(whole.epoch()[..., 2], alone.epoch()[..., 0])
    crops, single = whole.crops(), alone.crops()
    assert crops is not None
    assert single is not None
    assert torch.equal(crops[:, :, 2], single[:, :, 0])
    whole.keep([2])
    assert torch.equal(whole.epoch(), alone.epoch())


def test_images_and_features_reach_their_lane() -> None:
    data, index = images(), torch.tensor([[1, 5, 9], [2, 6, 3]])
    x, y = gather(data, index, None)
    assert x.shape == (2, 3 * 2, 6, 6)
    flat = resident(SPEC, "train", torch.float64, torch.device("cpu"), True)
    features, _ = gather(flat, index, None)
    assert features.shape == (3, 72, 2)
    for b in range(2):
        for k in range(3):
            example = int(index[b, k])
            assert torch.equal(x[b, 2 * k : 2 * k + 2], data.x[example])
            assert torch.equal(features[k, :, b], data.x[example].flatten())
            assert y[k, b] == data.y[example]


def test_crops_and_flips_of_each_image() -> None:
    data, index = images(), torch.tensor([[1, 5]])
    crops = torch.tensor([[[4, 4, 1], [6, 3, 0]]])
    x, _ = gather(data, index, crops)
    assert torch.equal(x[0, :2], data.x[1].flip(2))
    # Moved two rows down and one column left: what comes in is zero.
    expected = torch.zeros(2, 6, 6, dtype=torch.float64)
    expected[:, :4, 1:] = data.x[5][:, 2:, :5]
    assert torch.equal(x[0, 2:], expected)


def test_augmented_training_is_keyed_by_seed() -> None:
    plain = small_task("small-cnn")
    augmented = small_task("small-cnn", data=SPEC.model_copy(update={"augment": True}))
    losses = [
        [p.loss for p in train([make_run(task, inq(), seed)])[0].curve]
        for task, seed in ((plain, 1), (augmented, 1), (augmented, 1), (augmented, 2))
    ]
    assert losses[1] == losses[2]
    assert losses[0] != losses[1] != losses[3]


def test_every_lane_is_shown_the_same_examples() -> None:
    data = images()
    x = spread(data.x[:5], 3)
    assert all(torch.equal(x[:, 2 * k : 2 * k + 2], data.x[:5]) for k in range(3))
    features = spread(data.x[:5].flatten(1), 3)
    assert all(torch.equal(features[k].t(), data.x[:5].flatten(1)) for k in range(3))


@pytest.mark.parametrize("evaluate", ["validation", "test"])
def test_the_test_split_is_read_only_when_asked_for(
    evaluate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident.cache_clear()
    read: list[str] = []

    def watched(split: object, *arguments: object) -> Resident:
        names = ("train", "validation", "test")
        data = load_data(task.data)
        read.extend(name for name in names if getattr(data, name) is split)
        return Resident(split, *arguments)  # type: ignore[arg-type]

    task = small_task()
    monkeypatch.setattr(training_data, "Resident", watched)
    train([make_run(task, inq(), evaluate=evaluate)])
    resident.cache_clear()
    expected = {"train", "validation"} | ({"test"} if evaluate == "test" else set())
    assert set(read) == expected


def test_lanes_of_one_cohort_may_be_scored_on_different_splits() -> None:
    task = small_task()
    both = [make_run(task, inq(), evaluate=name) for name in ("test", "validation")]
    results = train(both, dtype=torch.float64)
    assert results[1].accuracy == results[1].curve[-1].accuracy
    assert results[0].curve == results[1].curve
    sizes = [len(load_data(task.data).test), len(load_data(task.data).validation)]
    for result, size in zip(results, sizes, strict=True):
        assert result.accuracy is not None
        assert np.isclose(result.accuracy * size % 1, 0, atol=1e-9) or np.isclose(
            result.accuracy * size % 1, 1, atol=1e-9
        )
