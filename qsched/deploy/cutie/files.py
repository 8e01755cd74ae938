"""The folder that is handed to the accelerator: memory image, thresholds, layer descriptors.

Weight memory is filled as ``stimuli/compute_tcn.py`` of pulp-platform/CUTIE does: layer by layer,
output channel by output channel (each has a memory bank), blocks of 48 input channels, kernel
columns, kernel rows; a word is the 48 trits of these channels, padded to 50, in ten bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qsched.deploy.cutie import hardware
from qsched.deploy.cutie.plan import HardwareLayer, HardwarePlan
from qsched.deploy.cutie.trits import pack, unpack
from qsched.deploy.integer import Logits, Node, Sum, Threshold
from qsched.deploy.records import Integers
from qsched.errors import InputError

__all__ = ["FORMAT", "read", "words", "write"]

FORMAT = "qsched/cutie/1"

WORD_BYTES = 10


def words(weights: Integers) -> np.ndarray:
    """Return the memory words of a layer's weights.

    Args:
        weights: trits, [O, C, 3, 3].

    Returns:
        uint8, [O, blocks x 9, 10].
    """
    outputs, channels = weights.shape[:2]
    padded = np.pad(weights, ((0, 0), (0, -channels % hardware.WORD), (0, 0), (0, 0)))
    blocks = padded.reshape(outputs, -1, hardware.WORD, 3, 3)
    ordered = blocks.transpose(0, 1, 4, 3, 2).reshape(outputs, -1, hardware.WORD)
    return pack(ordered)


def write(plan: HardwarePlan, folder: Path) -> list[Path]:
    """Write the files of a plan into a folder, and return their paths.

    Args:
        plan: what the accelerator and the host compute.
        folder: is created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image = np.concatenate([words(layer.weights).reshape(-1) for layer in plan.layers])
    paths = [folder / name for name in ("weights.bin", "network.json", "host.npz")]
    paths[0].write_bytes(image.tobytes())
    text = {"format": FORMAT, "layers": list(_records(plan)), "notes": list(plan.notes)}
    paths[1].write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    host = {
        f"{side}.{node.name}.{key}": value
        for side, nodes in (("before", plan.before), ("after", plan.after))
        for node in nodes
        for key, value in _arrays(node)
    }
    np.savez(paths[2], **host)  # type: ignore[arg-type]
    for i, layer in enumerate(plan.layers):
        paths += _layer_files(folder, i, layer)
    return paths


def read(folder: Path) -> tuple[HardwareLayer, ...]:
    """Read the layers of the accelerator back from a folder, weights from the packed trits.

    Raises:
        InputError: the folder holds no such files, those of another version, or a memory image of
            another size.
    """
    path = folder / "network.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        image = np.frombuffer((folder / "weights.bin").read_bytes(), np.uint8)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder}: network.json and weights.bin must be readable, but: {error}; export anew"
        ) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise InputError(f"{path}: must begin with `format: {FORMAT}`, but has `{found}`")
    layers, start = [], 0
    for record in data["layers"]:
        size = record["words"] * WORD_BYTES
        layers.append(_layer(record, image[start : start + size], folder))
        start += size
    if start != len(image):
        raise InputError(
            f"{folder / 'weights.bin'}: must have {start} bytes, but has {len(image)}; export anew"
        )
    return tuple(layers)


def _records(plan: HardwarePlan) -> Iterator[dict[str, Any]]:
    start = 0
    for layer in plan.layers:
        outputs, channels = layer.weights.shape[:2]
        count = outputs * -(-channels // hardware.WORD) * 9
        yield {
            "name": layer.name,
            "output": layer.output,
            "outputs": list(layer.outputs),
            "channels": [channels, outputs],
            "offset": start * WORD_BYTES,
            "words": count,
            "thresh_pos": None if layer.high is None else layer.high.tolist(),
            "thresh_neg": None if layer.low is None else layer.low.tolist(),
            "parameters": _parameters(layer),
        }
        start += count


def _parameters(layer: HardwareLayer) -> dict[str, int]:
    """Return the fields of the layer descriptor, by their published names."""
    outputs, channels = (-(-n // hardware.WORD) * hardware.WORD for n in layer.weights.shape[:2])
    return {
        "imagewidth": layer.image[1],
        "imageheight": layer.image[0],
        "k": hardware.KERNEL,
        "ni": channels,
        "no": outputs,
        "stride_width": layer.stride[1],
        "stride_height": layer.stride[0],
        "padding_type": int(layer.same),
        "pooling_enable": int(layer.pool is not None),
        "pooling_pooling_type": int(layer.pool == "sum"),
        "pooling_kernel": layer.window,
        "pooling_padding_type": 0,
        "skip_in": 0,
        "skip_out": 0,
        "is_tcn": 0,
        "tcn_width": 1,
        "tcn_width_mod_dil": 0,
        "tcn_k": 0,
    }


def _layer(record: dict[str, Any], image: np.ndarray, folder: Path) -> HardwareLayer:
    channels, outputs = record["channels"]
    if image.size != record["words"] * WORD_BYTES:
        raise InputError(f"{folder / 'weights.bin'}: the file is too short; export anew")
    trits = unpack(image.reshape(outputs, -1, WORD_BYTES), hardware.WORD)
    blocks = trits.reshape(outputs, -1, 3, 3, hardware.WORD).transpose(0, 1, 4, 3, 2)
    fields = record["parameters"]
    return HardwareLayer(
        record["name"],
        blocks.reshape(outputs, -1, 3, 3)[:, :channels],
        _side(record["thresh_neg"]),
        _side(record["thresh_pos"]),
        stride=(fields["stride_height"], fields["stride_width"]),
        same=bool(fields["padding_type"]),
        image=(fields["imageheight"], fields["imagewidth"]),
        pool=("max", "sum")[fields["pooling_pooling_type"]] if fields["pooling_enable"] else None,
        window=fields["pooling_kernel"],
        output=record["output"],
        outputs=tuple(record["outputs"]),
    )


def _side(values: list[int] | None) -> Integers | None:
    return None if values is None else np.array(values, np.int64)


def _layer_files(folder: Path, i: int, layer: HardwareLayer) -> list[Path]:
    """Write a layer's arrays unpacked, by the names that quantlib's export has."""
    arrays = {
        "weights": layer.weights,
        **({} if layer.low is None else {"thresh_lo": layer.low}),
        **({} if layer.high is None else {"thresh_hi": layer.high}),
    }
    paths = [folder / f"net_l{i}_{name}.npy" for name in arrays]
    for path, array in zip(paths, arrays.values(), strict=True):
        np.save(path, array.astype(np.int16))
    return paths


def _arrays(node: Node) -> Iterator[tuple[str, np.ndarray]]:
    match node.operation:
        case Sum() as sums:
            yield "weights", sums.weights
            yield "geometry", np.array([*sums.stride, *sums.padding, sums.groups])
        case Threshold() as stair:
            yield "thresholds", stair.thresholds
            yield "levels", stair.levels
        case Logits() as last:
            yield "factor", np.array(last.factor)
            yield "offset", last.offset
            yield "step", np.array(last.step)
        case _:
            return
