"""A database as files that any other database takes in: JSON, and Parquet for runs."""

from qsched.storage.dump.move import Counts, dump, restore
from qsched.storage.dump.package import read_package, write_package

__all__ = ["Counts", "dump", "read_package", "restore", "write_package"]
