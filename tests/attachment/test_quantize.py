"""What quantize finds in models, what it leaves and why, and that it is all or nothing."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

import qsched
from qsched.attachment import summary
from qsched.errors import InputError
from qsched.schedules import Override, Schedule
from qsched.schedules.file import load_schedule
from qsched.specs import Precision
from qsched.tasks import build_network, task_plan
from tests.attachment.models import ANNEALED, network
from tests.attachment.networks import module_of
from tests.training import small


class Tangled(nn.Module):
    """A model of many kinds of modules, some of them shared."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose1d(8, 8, 2, stride=2)
        self.act = nn.GELU()
        self.again = self.act
        self.rnn = nn.GRU(8, 8, batch_first=True)
        self.mirrored = nn.Conv1d(8, 8, 3, padding=1, padding_mode="reflect")
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
        self.gate = nn.Sigmoid()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.last = nn.Linear(8, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        x = self.mirrored(self.again(self.up(self.act(self.conv(x))))).transpose(1, 2)
        x = self.block(self.gate(self.normed(self.rnn(x)[0])))
        return self.head(self.last(x))


def test_the_table_says_what_and_why() -> None:
    model = qsched.quantize(Tangled(), Precision(last=True))
    found = {entry.name: entry.levels or entry.reason for entry in summary(model).entries}
    assert found["conv"] == found["up"] == found["act"] == found["last"] == "ternary"
    assert found["embedding"] == "Embedding has no quantized version"
    assert found["rnn"] == "GRU has no quantized version"
    assert found["mirrored"] == "its padding mode is reflect"
    assert found["normed"] == "ParametrizedLinear has no quantized version"
    assert found["head"] == "another module shares its weight"
    assert "past it in evaluation" in found["block.linear1"]
    assert found["gate"].startswith("not among the activations to replace")
    assert model.act is model.again
    table = str(summary(model)).splitlines()
    assert table[0].split() == ["module", "class", "role", "depth", "levels"]
    assert "float: GRU has no quantized version" in str(summary(model))
    tokens = torch.randint(0, 11, (2, 5))
    model(tokens).sum().backward()
    assert model.up.weight.grad.abs().sum() > 0
    converted = qsched.convert(model)
    with torch.no_grad():  # the float GRU and encoder have kernels of their own for it
        assert torch.allclose(converted(tokens), model.eval()(tokens), atol=1e-5)


def test_parameters_are_the_same_objects_under_the_same_names() -> None:
    model = network()
    before = dict(model.named_parameters())
    qsched.quantize(model, ANNEALED)
    after = dict(model.named_parameters())
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


@pytest.mark.parametrize("name", ["ana-2019-partition", "inq-halves"])
def test_a_float_state_dict_loads(name: str) -> None:
    other = network(seed=1)
    model = qsched.quantize(network(), name)
    model.load_state_dict(other.state_dict())
    fresh = qsched.quantize(other, name)
    ours, theirs = model.state_dict(), fresh.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    with pytest.raises(RuntimeError, match="0.quantizer"):
        broken = {k: v for k, v in theirs.items() if "quantizer.controls" not in k}
        model.load_state_dict(broken)


def test_levels_are_fitted_to_the_weights() -> None:
    model = network()
    with torch.no_grad():
        model[0].weight.mul_(1e-3)
    weight = model[0].weight.detach().clone()
    layer = qsched.quantize(model, Precision())[0].eval()
    error = (layer.effective_weight - weight).square().sum()
    scales = torch.linspace(0, weight.abs().max(), 400)
    errors = [
        (weight - s * weight.sign() * (weight.abs() >= s / 2)).square().sum() for s in scales
    ]
    assert error <= min(errors) * 1.001
    assert error < weight.square().sum() / 2


@pytest.mark.parametrize(
    "levels", ["binary", "2-bit", "4-bit", "power-of-two-3", "power-of-two-5"]
)
@pytest.mark.parametrize("schedule", ["ana-2019-partition", "inq-halves"])
def test_all_levels_convert_bit_for_bit(levels: str, schedule: str) -> None:
    model = qsched.quantize(network(), schedule, Precision(weights=levels, activations=levels))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    qsched.attach(model, optimizer, schedule, 5).seek(5)
    x = torch.randn(4, 2, 6, 6)
    hard = qsched.convert(model)
    assert torch.equal(hard(x), model.eval()(x))
    assert torch.equal(hard[0].weight, model[0].effective_weight)
    assert hard[0].levels.dtype == torch.int16


def test_places_are_those_of_studies() -> None:
    for name in ("small-mlp", "small-cnn"):
        task = small.small_task(name)

        plan = task_plan(task)[0]
        shape = (6,) if name == "small-mlp" else (2, 6, 6)
        model = qsched.quantize(module_of(build_network(task, 3), shape), Precision())
        quantized = summary(model).quantized
        for role in ("weights", "activations"):
            expected = [place.depth for place in plan.places if place.role == role]
            assert [e.depth for e in quantized if e.role == role] == expected


def test_first_last_exclude_and_overrides() -> None:
    model = qsched.quantize(
        network(),
        Precision(first=False, last=True),
        exclude=["5"],
        overrides={"[37]": Precision(weights="4-bit"), "7": Precision(weights="float")},
    )
    found = {entry.name: entry.levels or entry.reason for entry in summary(model).entries}
    assert found == {
        "0": "first layer",
        "2": "ternary",
        "3": "4-bit",
        "5": "excluded",
        "7": "levels are float",
    }


def test_a_schedule_leaves_what_it_excludes() -> None:
    file = load_schedule("inq-halves")
    without = file.schedule.model_copy(
        update={"activations": None, "overrides": (Override(pattern="3", exclude=True),)}
    )
    model = qsched.quantize(network(), file.model_copy(update={"schedule": without}))
    found = {entry.name: entry.levels or entry.reason for entry in summary(model).entries}
    assert found["0"] == "ternary"
    assert {found[name] for name in "235"} == {"full precision in the schedule"}
    assert isinstance(model[2], nn.ReLU)


def test_a_precision_of_a_schedule_file_is_used() -> None:
    file = load_schedule("ana-2019-partition")
    task = {"precision": {"weights": "2-bit", "activations": "4-bit", "last": True}}
    model = qsched.quantize(network(), file.model_copy(update={"task": task}))
    assert [entry.levels for entry in summary(model).quantized] == [
        *("2-bit", "4-bit"),
        *("2-bit", "4-bit"),
        "2-bit",
    ]


def test_the_order_of_calls() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = nn.Linear(4, 4)
            self.first = nn.Linear(4, 4)
            self.unused = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x))

    model = qsched.quantize(Backwards(), Precision(last=True), example=torch.zeros(1, 4))
    entries = summary(model).entries
    assert [(e.name, e.depth) for e in entries] == [
        ("first", 0.0),
        ("second", 1.0),
        ("unused", None),
    ]
    assert entries[2].reason == "the example does not reach it"
    assert model.training


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"exclude": ["features.0"]},
            "`features.0` in exclude must match .* known: 0, 2, 3, 5, 7",
        ),
        ({"exclude": ["("]}, "is not a regular expression"),
        ({"overrides": {"77": Precision()}}, "`77` in overrides .* did you mean `7`"),
        ({"exclude": [r"\d"]}, "nothing of this model would be quantized: `0` .Conv2d.: excluded"),
    ],
)
def test_faults_leave_the_model_as_it_was(arguments: dict[str, object], message: str) -> None:
    model = network()
    kinds = [type(module) for module in model.modules()]
    state = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError, match=message):
        qsched.quantize(model, Precision(), **arguments)
    assert [type(module) for module in model.modules()] == kinds
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    qsched.quantize(model, Precision())


def test_models_without_layers() -> None:
    with pytest.raises(InputError, match="needs a Linear or Conv layer .* F.relu are not found"):
        qsched.quantize(nn.Sequential(nn.BatchNorm1d(3)), Precision())
    with pytest.raises(InputError, match="wrap it in nn.Sequential"):
        qsched.quantize(nn.Linear(3, 3), Precision(last=True))
    model = qsched.quantize(network(), Precision())
    with pytest.raises(InputError, match="is quantized already"):
        qsched.quantize(model, Precision())
    with pytest.raises(InputError, match="call qsched.quantize"):
        summary(network())


def test_a_schedule_for_other_layers() -> None:
    wrong: Schedule = ANNEALED.model_copy(
        update={"overrides": (Override(pattern=r"layer4\.conv", exclude=True),)}
    )
    with pytest.raises(InputError, match=r"`layer4\\.conv` matches no quantizer here; .*`0`, `2`"):
        qsched.quantize(network(), wrong)


def test_the_package_needs_no_torch_until_it_is_used() -> None:
    program = "import sys, qsched; print('torch' in sys.modules, callable(qsched.attach))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="no attribute `quantise`"):
        _ = qsched.quantise


class Swish(nn.Module):
    """An activation that nobody knows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.sigmoid()


class Several(nn.Module):
    """Activations of every kind: modules, functions, methods; one module called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = (nn.Linear(4, 4) for _ in range(3))
        self.act, self.own, self.learned = nn.ReLU(), Swish(), nn.PReLU()
        self.norm, self.drop = nn.BatchNorm1d(4, affine=False), nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.first(x)))
        x = self.own(self.act(self.second(torch.nn.functional.gelu(x.relu()))).relu_())
        return self.head(self.drop(self.learned(x)))


def test_no_activation_stays_float_unsaid() -> None:
    said = "not among the activations to replace"
    found = {e.name: e for e in summary(qsched.quantize(Several(), Precision())).entries}
    assert list(found) == ["first", "second", "head", "act", "own", "learned"]
    assert found["act"].levels == "ternary"
    assert found["own"].reason.startswith(said)
    assert found["learned"].reason.startswith(said)
    model = qsched.quantize(Several(), Precision(), example=torch.zeros(2, 4))
    assert model.training
    found = {e.name: e for e in summary(model).entries}
    assert (
        list(found)
        == [
            "first",
            "act",
            "second",
            "own",
            "learned",
            "head",
            "relu()",
            "gelu()",
            "own.sigmoid()",
        ][: len(found)]
    )
    assert {name for name, e in found.items() if e.calls == 2} == {"act", "relu()"}
    assert found["gelu()"].reason == "a function; write it as a module to quantize it"
    table = str(summary(model))
    assert "ternary (called 2 times)" in table
    assert "float: a function; write it as a module to quantize it (called 2 times)" in table
    added = (*qsched.attachment.ACTIVATIONS, Swish)
    model = qsched.quantize(Several(), Precision(), activations=added)
    assert {e.name for e in summary(model).quantized} == {"first", "second", "act", "own"}


class Late(nn.Module):
    """The activation is defined last, and called before the last layer, or behind it, or both."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.head, self.act, self.how = (
            nn.Linear(4, 4),
            nn.Linear(4, 2),
            nn.Tanh(),
            how,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x = self.head(x if self.how == "behind" else self.act(x))
        return x if self.how == "before" else self.act(x)


@pytest.mark.parametrize("example", [None, torch.zeros(1, 4)], ids=["defined", "called"])
def test_activations_behind_a_float_last_layer_stay_float(example: torch.Tensor | None) -> None:
    output = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.Tanh())
    for how, expected in (("before", "ternary"), ("both", "ternary"), ("behind", None)):
        model = qsched.quantize(Late(how), Precision(), example=example)
        [entry] = [e for e in summary(model).entries if e.name == "act"]
        assert entry.levels == expected
        assert entry.reason == ("" if expected else "behind the last layer")
    model = qsched.quantize(copy.deepcopy(output), Precision(), example=example)
    assert type(model[3]) is nn.Tanh
    assert summary(model).entries[3].reason == "behind the last layer"
    model = qsched.quantize(copy.deepcopy(output), Precision(last=True), example=example)
    assert summary(model).entries[3].levels == "ternary"
    model = qsched.quantize(copy.deepcopy(output), Precision(last=True), exclude=["2"])
    assert type(model[3]) is nn.Tanh


def test_the_last_layer_is_the_last_one_also_where_it_stays_float_anyway() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 5))
    model[3].weight = model[0].weight
    found = {
        e.name: e.levels or e.reason for e in summary(qsched.quantize(model, Precision())).entries
    }
    assert found["1"] == "ternary"
    assert found["3"] == "another module shares its weight"


LEVELS = Precision()


@pytest.mark.parametrize(
    ("model", "arguments", "named", "message"),
    [
        (nn.Sequential(nn.ReLU(), nn.Flatten()), (LEVELS,), {}, "needs parameters"),
        (nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 4)), (LEVELS,), {}, "`0.weight`.*call the"),
        (network, (LEVELS,), {}, "must be a torch.nn.Module, but is the function"),
        (network(), (None,), {}, "a schedule is a Schedule.*but this is the NoneType None"),
        (network(), ({"a": 1},), {}, "a schedule is a Schedule.*but this is the dict"),
        (network(), ("ana-rule", "ternary"), {}, "must be a qsched.Precision, but is the str"),
        (network(), (LEVELS,), {"exclude": "10"}, r"list of regular expressions.*exclude=\["),
        (network(), (LEVELS,), {"exclude": [nn.Conv2d]}, "list of regular expressions"),
        (network(), (LEVELS,), {"overrides": {"0": "4-bit"}}, r"`0` it holds the str '4-bit'"),
        (network(), (LEVELS,), {"activations": ["relu"]}, "must be a list of classes"),
    ],
)
def test_arguments_of_other_types(model, arguments, named, message) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        qsched.quantize(model, *arguments, **named)
