"""The tables of names that study files may use: one explicit table a kind.

A table maps a name to an import reference ``module:attribute``, which is imported only when it is
used; so listing and checking names needs no torch. Third-party entries come by entry points of the
table's group, or by :meth:`Registry.add` from a plugin file.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from qsched.errors import InputError, UnknownNameError

__all__ = ["DATASETS", "NETWORKS", "Registry"]


class Registry:
    """A table of names of one kind.

    Built-in names come first, then entry points of ``group``, then names added at run time; a name
    is never replaced silently.

    Attributes:
        kind: what its entries are, for messages.
        group: of the entry points that add to it.
        builtins: names of the entries of qsched itself, sorted.

    >>> table = Registry("color", {"pi": "math:pi"}, "qsched.colors")
    >>> table.names()
    ('pi',)
    >>> round(table.load("pi"), 2)
    3.14
    """

    def __init__(self, kind: str, builtins: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self.group = group
        self.builtins = tuple(sorted(builtins))
        self._references: dict[str, str] = dict(builtins)
        self._objects: dict[str, Any] = {}
        self._scanned = False

    def names(self) -> tuple[str, ...]:
        """Return all known names, sorted."""
        self._scan()
        return tuple(sorted({*self._references, *self._objects}))

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def check(self, name: str) -> None:
        """Raise UnknownNameError, with the nearest names, unless ``name`` is known."""
        if name not in self:
            raise UnknownNameError(self.kind, name, self.names())

    def load(self, name: str) -> Any:
        """Return the object called ``name``, importing it on first use.

        Raises:
            UnknownNameError: no table entry, entry point or plugin has this name.
            InputError: what it refers to cannot be imported.
        """
        self.check(name)
        if name not in self._objects:
            module, _, attribute = self._references[name].partition(":")
            try:
                self._objects[name] = getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                raise InputError(
                    f"the {self.kind} `{name}` must be importable as {self._references[name]}, "
                    f"but it is not: {error}; install what is missing or mend the entry point"
                ) from error
        return self._objects[name]

    def add(self, name: str, value: Any) -> None:
        """Register ``value`` under ``name`` for this process.

        Raises:
            InputError: the name is taken by something else.
        """
        if name in self.names() and self._objects.get(name) is not value:
            raise InputError(
                f"the {self.kind} name `{name}` is taken; choose another name in your plugin"
            )
        self._objects[name] = value

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        for point in entry_points(group=self.group):
            self._references.setdefault(point.name, point.value)


DATASETS = Registry(
    "data set",
    {
        "digits": "qsched.tasks.digits:load",
        "fashion-mnist": "qsched.tasks.idx:load_fashion_mnist",
        "mnist": "qsched.tasks.idx:load_mnist",
        "cifar10": "qsched.tasks.cifar10:load",
        "breast-cancer": "qsched.tasks.tabular:load_breast_cancer",
        "wine": "qsched.tasks.tabular:load_wine",
        "synthetic": "qsched.tasks.synthetic:load",
    },
    "qsched.datasets",
)

NETWORKS = Registry(
    "network",
    {
        "mlp3": "qsched.tasks.mlp:mlp3",
        "mlp6": "qsched.tasks.mlp:mlp6",
        "mlp9": "qsched.tasks.mlp:mlp9",
        "mlp14": "qsched.tasks.mlp:mlp14",
        "cnn5": "qsched.tasks.cnn:cnn5",
        "cnn9": "qsched.tasks.cnn:cnn9",
        "vgg8": "qsched.tasks.vgg:vgg8",
        "resnet20": "qsched.tasks.resnet:resnet20",
        "tnn3": "qsched.tasks.tnn:tnn3",
        "tnn96": "qsched.tasks.tnn:tnn96",
    },
    "qsched.networks",
)
