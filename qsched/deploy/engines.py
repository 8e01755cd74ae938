"""Five ways to compute one network: PyTorch, NumPy, onnxruntime, qonnx, and packed trits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from qsched.deploy.execute import BATCH, golden, logits
from qsched.deploy.integer import IntegerNetwork
from qsched.deploy.onnx_export import to_onnx
from qsched.deploy.qonnx_export import batched, qonnx_package, to_qonnx
from qsched.deploy.records import HardNetwork, Stair
from qsched.deploy.twin import to_torch
from qsched.errors import InputError

__all__ = ["Engine", "Numpy", "OnnxRuntime", "Qonnx", "Torch"]


class Engine(ABC):
    """A way to compute a deployed network.

    Attributes:
        name: for people.
    """

    name: str

    @abstractmethod
    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits of inputs x [N, ...], [N, classes] float32."""

    @abstractmethod
    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return integer tensors of one example by name, as far as the engine shows them."""


class Numpy(Engine):
    """The integer network in NumPy, the reference."""

    name = "numpy"

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network

    def logits(self, x: np.ndarray) -> np.ndarray:
        return logits(self.network, x)

    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return golden(self.network, x)


class Torch(Engine):
    """The hard network in PyTorch: formulas of normalization and stairs, in float64."""

    name = "torch"

    def __init__(self, network: HardNetwork, integers: IntegerNetwork) -> None:
        self.model = to_torch(network, integers)
        self.layers = network.layers

    def logits(self, x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [self.model(part) for part in torch.split(torch.from_numpy(x), BATCH)]
        return torch.cat(parts).numpy()

    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        enter, *modules = self.model
        found, value = {}, enter(torch.from_numpy(x))
        with torch.inference_mode():
            for layer, module in zip(self.layers, modules, strict=True):
                value = module(value)
                if isinstance(layer, Stair):
                    found[layer.name] = np.rint(value.numpy() / layer.quantum).astype(np.int64)
        return found


class OnnxRuntime(Engine):
    """The plain ONNX twin in onnxruntime.

    Args:
        network: the integer network.
        model: as exported; None exports it.
    """

    name = "onnxruntime"

    def __init__(self, network: IntegerNetwork, model: Any = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                f"the check in onnxruntime needs it, but it cannot be imported ({error}); "
                "run `pip install 'qsched[deploy]'`"
            ) from error
        self.runtime, self.network = onnxruntime, network
        self.model = to_onnx(network) if model is None else model
        self.session = self._session(self.model)

    def logits(self, x: np.ndarray) -> np.ndarray:
        parts = [
            self.session.run(["logits"], {"x": x[i : i + BATCH]})[0]
            for i in range(0, len(x), BATCH)
        ]
        return np.concatenate(parts)

    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        names = ["input", *(node.name for node in self.network.nodes[:-1])]
        inner = {info.name: info for info in model.graph.value_info}
        model.graph.output.extend(inner[name] for name in names)
        values = self._session(model).run(names, {"x": x})
        return dict(zip(names, (_integers(value) for value in values), strict=True))

    def _session(self, model: Any) -> Any:
        options = self.runtime.SessionOptions()
        options.log_severity_level = 3
        return self.runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


class Qonnx(Engine):
    """The QONNX model in qonnx's own executor.

    Args:
        network: the integer network.
        batch: examples at a time.
        model: as exported, of one example at a time, which is given the batch; None exports it.
    """

    name = "qonnx"

    def __init__(self, network: IntegerNetwork, batch: int = 64, model: Any = None) -> None:
        qonnx_package()
        self.network, self.batch = network, batch
        self.model = to_qonnx(network, batch) if model is None else batched(model, batch)

    def logits(self, x: np.ndarray) -> np.ndarray:
        rows = [context["logits"][:count] for context, count in self._run(x)]
        return np.concatenate(rows)

    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        context, count = next(self._run(x))
        names = ["input", *(node.name for node in self.network.nodes[:-1])]
        return {name: _integers(context[name][:count]) for name in names}

    def _run(self, x: np.ndarray) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        from qonnx.core.onnx_exec import execute_onnx

        for start in range(0, len(x), self.batch):
            part = x[start : start + self.batch]
            padded = np.zeros((self.batch, *x.shape[1:]), np.float32)
            padded[: len(part)] = part
            yield execute_onnx(self.model, {"x": padded}, True), len(part)


def _integers(values: np.ndarray) -> np.ndarray:
    integers: np.ndarray = np.rint(values).astype(np.int64)
    return integers
