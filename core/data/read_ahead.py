"""Blocks read from disk while others are computed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

READ_AHEAD = 8
"""Blocks that are read before they are asked for."""


class ReadAhead:
    """A thread that reads blocks before they are asked for, a few at a time."""

    def __init__(self, read: Callable[[int], np.ndarray], count: int) -> None:
        self._read = read
        self._count = count
        self._pool = ThreadPoolExecutor(1, "read")
        self._reading: dict[int, Future[np.ndarray]] = {}
        self._next = 0
        self._lock = threading.Lock()

    def __enter__(self) -> ReadAhead:
        self._go_on_to(READ_AHEAD)
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self, index: int) -> np.ndarray:
        """Return what was read of a block; asked for once each. Raises what reading raised."""
        self._go_on_to(index + 1 + READ_AHEAD)
        return self._reading.pop(index).result()

    def _go_on_to(self, stop: int) -> None:
        with self._lock:
            while self._next < min(stop, self._count):
                self._reading[self._next] = self._pool.submit(self._read, self._next)
                self._next += 1
