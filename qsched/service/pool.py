"""Open study databases, lent to one request at a time."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from qsched.storage import Storage

__all__ = ["Pool"]

_KEPT = 8


class Pool:
    """Databases that stay open between requests: an instance belongs to one thread at a time.

    Args:
        url: the database's URL. It is created if there is none.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: queue.LifoQueue[Storage] = queue.LifoQueue(_KEPT)
        self._put_back(Storage.open(url))

    @contextmanager
    def storage(self) -> Iterator[Storage]:
        """Lend a database.

        Raises:
            StorageError: it cannot be opened, or the block's use of it fails.
        """
        try:
            storage = self._idle.get_nowait()
        except queue.Empty:
            storage = Storage.open(self._url)
        try:
            with storage.guard():
                yield storage
        finally:
            self._put_back(storage)

    def close(self) -> None:
        """Close what is not lent."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _put_back(self, storage: Storage) -> None:
        try:
            self._idle.put_nowait(storage)
        except queue.Full:
            storage.close()
