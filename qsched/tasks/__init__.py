"""Tasks: data sets and networks, one a file, named by the tables of :mod:`qsched.registry`."""

from qsched.tasks.data import Dataset, Raw, Split, prepare
from qsched.tasks.engine import is_native, trains_alone
from qsched.tasks.load import build_network, load_data, own_network
from qsched.tasks.networks import parameters
from qsched.tasks.own import OwnNetwork
from qsched.tasks.plan import step_counts, task_plan

__all__ = [
    "Dataset",
    "OwnNetwork",
    "Raw",
    "Split",
    "build_network",
    "is_native",
    "load_data",
    "own_network",
    "parameters",
    "prepare",
    "step_counts",
    "task_plan",
    "trains_alone",
]
