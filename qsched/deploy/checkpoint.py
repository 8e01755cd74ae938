"""Checkpoints of hard networks: one file, read without running code from it."""

from __future__ import annotations

import io
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from qsched import __version__
from qsched.deploy.checks import check_input, check_layer
from qsched.deploy.records import HardNetwork, Input, Layer, Metadata, Reference
from qsched.errors import InputError

__all__ = ["FORMAT", "load", "save"]

FORMAT = "qsched/network/1"

_KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in get_args(Layer)}


def save(network: HardNetwork, path: Path | str) -> None:
    """Write a hard network to a checkpoint, replacing an older one.

    The file is a ``torch.save`` of numbers, text and tensors, which ``torch.load`` reads with
    ``weights_only=True``.

    Args:
        network: what to store.
        path: the file; its folder must exist.
    """
    data = {
        "format": FORMAT,
        "input": asdict(network.input),
        "layers": [_packed(layer) for layer in network.layers],
        "metadata": asdict(network.metadata),
    }
    if network.reference is not None:
        data["reference"] = _tensors(asdict(network.reference))
    torch.save(data, path)


def load(path: Path | str) -> HardNetwork:
    """Read a checkpoint.

    Raises:
        InputError: there is no such file, it is no checkpoint of qsched, or one of another
            version.
    """
    data = _read(Path(path))
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise InputError(_foreign(path, data, found))
    try:
        layers = tuple(_unpacked(layer) for layer in data["layers"])
        spec = Input(**{**data["input"], "shape": tuple(data["input"]["shape"])})
        check_input(spec)
        kept = data.get("reference")
        return HardNetwork(
            spec,
            layers,
            Metadata(**data["metadata"]),
            None if kept is None else Reference(**_arrays(kept)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: a checkpoint holds a format, an input, layers and metadata, but this one is "
            f"damaged ({type(error).__name__}: {error}); save it again"
        ) from error


def _read(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the path") from error
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # What the bytes of another file make it raise has no limits.
        raise InputError(
            f"{path}: this is no checkpoint of qsched ({' '.join(str(error).split())[:120]}); "
            "make one with `qsched train SCHEDULE --task T --save FILE` or qsched.deploy.save"
        ) from error


def _foreign(path: Path | str, data: Any, found: Any) -> str:
    if isinstance(found, str) and found.startswith("qsched/network/"):
        maker = data.get("metadata", {}).get("version", "another version")
        return (
            f"{path}: qsched {__version__} reads `{FORMAT}`, but this is `{found}`, written by "
            f"qsched {maker}; use that version, or train and save the network again"
        )
    return (
        f"{path}: a checkpoint of qsched begins with `format: {FORMAT}`, but this one holds "
        "something else; convert a model of your own with qsched.convert, qsched.deploy.trace "
        "and qsched.deploy.save"
    )


def _packed(layer: Layer) -> dict[str, Any]:
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    return {"kind": type(layer).__name__.lower(), **_tensors(values)}


def _tensors(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def _arrays(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.numpy() if isinstance(value, torch.Tensor) else value
        for name, value in values.items()
    }


def _unpacked(data: dict[str, Any]) -> Any:
    values = _arrays(data)
    layer = _KINDS[values.pop("kind")](**values)
    check_layer(layer)
    return layer
