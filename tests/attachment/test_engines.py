"""Attached models under autocast, torch.compile and DDP; operators under vmap."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

import qsched
from qsched.attachment.ops import anneal, harden, quantize_rows
from qsched.quantizers import ana, codebook, stair
from tests.attachment.models import SCHEDULES, STEPS, Loop, batch, network


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_compiled_model_is_compiled_once(name: str) -> None:
    torch.compiler.reset()
    loop, plain = Loop(SCHEDULES[name]), Loop(SCHEDULES[name])
    compiled = torch.compile(loop.model, backend="aot_eager", fullgraph=True)
    for step in range(STEPS):
        x, y = batch(step)
        with torch.compiler.set_stance("fail_on_recompile" if step else "default"):
            loop.optimizer.zero_grad()
            F.cross_entropy(compiled(x), y).backward()
        loop.optimizer.step()
        loop.ctl.step()
        plain.step()
    trained = dict(plain.model.named_parameters())
    for key, parameter in loop.model.named_parameters():
        assert torch.allclose(parameter, trained[key], atol=1e-5)
    assert loop.ctl.fully_quantized


@pytest.mark.parametrize("name", SCHEDULES)
def test_autocast(name: str) -> None:
    loop = Loop(SCHEDULES[name])
    for step in range(STEPS):
        x, y = batch(step)
        loop.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            out = loop.model(x)
            assert out.dtype == torch.bfloat16
            loss = F.cross_entropy(out, y)
        loss.backward()
        loop.optimizer.step()
        loop.ctl.step()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in loop.model.parameters())
    converted = qsched.convert(loop.model)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        x, _ = batch(40)
        assert torch.equal(converted(x), loop.model.eval()(x))


def _train(rank: int, folder: str) -> None:
    """Train one of two processes, each on half of every batch."""
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    for name in ("ana", "inq"):
        schedule = SCHEDULES[name]
        model = qsched.quantize(_smooth(), schedule)
        ddp = DistributedDataParallel(model)
        optimizer = torch.optim.SGD(ddp.parameters(), 0.02)
        ctl = qsched.attach(ddp, optimizer, schedule, STEPS)
        for step in range(STEPS):
            x, y = batch(step)
            half = slice(4 * rank, 4 * rank + 4)
            optimizer.zero_grad()
            F.cross_entropy(ddp(x[half]), y[half]).backward()
            optimizer.step()
            ctl.step()
        assert ctl.fully_quantized
        torch.save(model.state_dict(), f"{folder}/{name}-{rank}.pt")
    torch.distributed.destroy_process_group()


def _smooth() -> nn.Module:
    """Return a network without batch normalization and random activations."""
    return nn.Sequential(
        *(module for module in network() if not isinstance(module, nn.BatchNorm2d | nn.ReLU))
    )


def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_train, (str(tmp_path),), nprocs=2)
    for name in ("ana", "inq"):
        first, second = (torch.load(tmp_path / f"{name}-{rank}.pt") for rank in range(2))
        assert all(torch.equal(first[key], second[key]) for key in first)
        schedule = SCHEDULES[name]
        model = qsched.quantize(_smooth(), schedule)
        optimizer = torch.optim.SGD(model.parameters(), 0.02)
        ctl = qsched.attach(model, optimizer, schedule, STEPS)
        for step in range(STEPS):
            x, y = batch(step)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            ctl.step()
        alone = model.state_dict()
        assert all(torch.allclose(first[key], alone[key], atol=1e-6) for key in first)


LANES = 3


def _inputs(forward: str) -> tuple[Tensor, Tensor, Tensor, tuple[str, float, str, str]]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(LANES, 4, 5, generator=draw, dtype=torch.double)
    controls = torch.rand(LANES, 4, generator=draw, dtype=torch.double)
    keys = torch.randint(0, 2**31 - 1, (LANES, 2), generator=draw, dtype=torch.int32)
    return x, controls, keys, ("4-bit", 1 / 3, "normal", forward)


@pytest.mark.parametrize("forward", ["expectation", "mode", "random"])
def test_vmap_is_a_loop(forward: str) -> None:
    x, controls, keys, static = _inputs(forward)
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    batched = torch.vmap(lambda *row: anneal(*row, *static))(one, controls, keys)
    looped = torch.stack([anneal(*row, *static) for row in zip(two, controls, keys, strict=True)])
    assert torch.equal(batched, looped)
    (batched**2).sum().backward()
    (looped**2).sum().backward()
    assert torch.allclose(one.grad, two.grad, rtol=1e-12)
    shared = torch.vmap(lambda c, k: anneal(x[0], c, k, *static))(controls, keys)
    assert torch.equal(shared[0], batched[0])
    hard = torch.vmap(lambda row: harden(row, "ternary", 1.0), in_dims=1)(x)
    assert torch.equal(hard, harden(x, "ternary", 1.0).movedim(1, 0))


def test_the_operator_is_the_function_of_the_quantizers() -> None:
    x, controls, keys, static = _inputs("expectation")
    row = controls[0]
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = anneal(ours, row, keys[0], *static)
    z = ana(
        theirs, row[0], row[1], row[2], stair=stair("4-bit"), family="normal", forward=static[3]
    )
    assert torch.equal(y, z)
    y.sum().backward()
    z.sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_rows_of_incremental_weights_under_vmap() -> None:
    draw = torch.Generator().manual_seed(2)
    weights = torch.randn(LANES, 1, 9, generator=draw)
    frozen = torch.rand(LANES, 1, 9, generator=draw) < 0.4
    frozen[0] = False
    fixed, scale = torch.full_like(weights, 7.0), torch.full((LANES, 1, 1), 0.3)
    out = torch.vmap(lambda *row: quantize_rows(*row, "ternary"))(weights, frozen, fixed, scale)
    book = codebook("ternary")
    for lane in range(LANES):
        fitted = scale[lane] if frozen[lane].any() else book.scale(weights[lane])
        expected = torch.where(frozen[lane], 7.0, book.quantize(weights[lane], fitted))
        assert torch.equal(out[lane], expected)


def test_operators_keep_their_contract() -> None:
    x, controls, keys, static = _inputs("mode")
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(anneal, (x.requires_grad_(), controls, keys, *static), test_utils=tests)
    torch.library.opcheck(harden, (x.detach(), "ternary", 1.0), test_utils=tests)
