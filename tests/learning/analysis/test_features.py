"""Features: those of bundled networks are those of the networks themselves."""

from __future__ import annotations

from statistics import median

import pytest

from qsched.errors import InputError
from qsched.lanes.plan import make_plan
from qsched.learning.analysis.features import features
from qsched.quantizers import CODEBOOKS, STAIRS
from qsched.registry import NETWORKS
from qsched.specs import DataSpec, NetworkSpec, Precision, TaskSpec
from qsched.specs.task import Levels
from qsched.tasks import load_data
from qsched.tasks.networks import with_precision


def task(network: str, width: int | None = None, **changes: object) -> TaskSpec:
    data = DataSpec(name="digits", train=960, validation=400)
    plain = TaskSpec(
        data=data, network=NetworkSpec(name=network, width=width), epochs=10, batch_size=32
    )
    return plain.model_copy(update=changes)


@pytest.mark.parametrize("width", [None, 48])
@pytest.mark.parametrize("name", NETWORKS.builtins)
def test_depth_and_fan_in_are_those_of_the_network(name: str, width: int | None) -> None:
    layers = with_precision(NETWORKS.load(name)(width, 10), Precision())
    shape = (1, 8, 8) if name.startswith(("mlp", "cnn")) else (3, 32, 32)
    weights = [b for b in make_plan(layers, shape).blocks if b.quantized]
    found = features(task(name, width))
    assert found.depth == len(weights)
    assert found.fan_in == median(block.fan_in for block in weights[1:])


@pytest.mark.parametrize("levels", sorted(CODEBOOKS))
def test_levels_are_those_of_codebook_and_stair(levels: Levels) -> None:
    found = features(task("mlp9", precision=Precision(weights=levels)))
    assert found.levels == CODEBOOKS[levels].count == len(STAIRS[levels].levels)


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "wine"])
def test_examples_are_those_of_the_data_set(name: str) -> None:
    spec = DataSpec(name=name, validation=20)
    found = features(task("mlp9", data=spec, batch_size=1, epochs=1))
    assert found.steps == len(load_data(spec).train)


def test_steps_follow_data_batch_and_length() -> None:
    assert features(task("mlp9")).steps == 300
    assert features(task("mlp9"), length=0.5).steps == 150
    whole = DataSpec(name="mnist", validation=10_000)
    assert features(task("mlp9", data=whole, epochs=1)).steps == 50_000 // 32


def test_what_is_not_known_must_be_given() -> None:
    own = task("my-network")
    with pytest.raises(InputError, match="--depth and --fan-in"):
        features(own)
    found = features(own, depth=12, fan_in=256)
    assert (found.depth, found.fan_in) == (12, 256)
    data = DataSpec(name="mine", validation=10)
    with pytest.raises(InputError, match="--examples"):
        features(task("mlp9", data=data))
    assert features(task("mlp9", data=data), examples=640).steps == 200
    with pytest.raises(InputError, match="quantized weights"):
        features(task("mlp9", precision=Precision(weights="float")))
