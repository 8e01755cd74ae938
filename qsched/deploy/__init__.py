"""Networks out: integers, ONNX, QONNX and ternary accelerators.

:func:`trace` takes a converted model, :func:`train_network` a run; both give a
:class:`HardNetwork`, which :func:`save` stores and :func:`deploy` exports.
"""

from qsched.deploy.capture import train_network
from qsched.deploy.checkpoint import load, save
from qsched.deploy.evaluate import accuracy
from qsched.deploy.export import FORMATS, Deployment, deploy
from qsched.deploy.integer import IntegerNetwork, integer_network
from qsched.deploy.records import HardNetwork, Input, Metadata
from qsched.deploy.trace import trace
from qsched.deploy.verify import Agreement, Difference, verify

__all__ = [
    "FORMATS",
    "Agreement",
    "Deployment",
    "Difference",
    "HardNetwork",
    "Input",
    "IntegerNetwork",
    "Metadata",
    "accuracy",
    "deploy",
    "integer_network",
    "load",
    "save",
    "trace",
    "train_network",
    "verify",
]
