"""Tasks: data sets and networks, one a file, named by the tables of :mod:`qsched.registry`."""

from qsched.tasks.data import Dataset, Raw, Split, prepare
from qsched.tasks.load import build_network, load_data
from qsched.tasks.networks import parameters

__all__ = ["Dataset", "Raw", "Split", "build_network", "load_data", "parameters", "prepare"]
