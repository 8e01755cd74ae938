"""YAML files that people write: read as models with every fault at its line; bundled ones.

Besides, the digest by which what they say is known.
"""

from qsched.files.bundled import bundled, bundled_names, resolve
from qsched.files.canonical import json_digest
from qsched.files.document import Document, broken_rules, describe, load
from qsched.files.text import Path, Value, parse, to_yaml

__all__ = [
    "Document",
    "Path",
    "Value",
    "broken_rules",
    "bundled",
    "bundled_names",
    "describe",
    "json_digest",
    "load",
    "parse",
    "resolve",
    "to_yaml",
]
