"""Inputs that stay on disk, in the files of a folder of shards, and are read where they are asked for.

They are read and not mapped: pages of a mapped file would count as memory of the process.
"""

from __future__ import annotations

import math
import os
import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logreg_tui.core.errors import UserError
from logreg_tui.core.text import describe, escape_control_chars


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of inputs."""

    path: Path
    start: int
    """Number of its first sample in the split."""
    samples: int
    offset: int
    """First byte of its values in the file."""
    version: tuple[int, int]
    """Size in bytes and time in whole seconds: another version means that the file was changed."""


class ShardSource:
    """The inputs of one split, on disk."""

    is_on_disk = True

    def __init__(self, shards: Sequence[Shard], dtype: np.dtype, sample_shape: tuple[int, ...]) -> None:
        self.shards = shards
        self.dtype = dtype
        samples = shards[-1].start + shards[-1].samples
        self.shape = (samples, math.prod(sample_shape))
        self.stored_shape = (samples, *sample_shape)
        """(samples, features) or (samples, rows, columns)."""
        self._starts = [shard.start for shard in shards]
        # One open file per thread: threads go through the rows in order, and need no lock.
        self._of_thread = threading.local()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows start to stop, shape (stop - start, features), in an array of their own.

        Any thread may ask. Raises UserError if a file cannot be read or was changed.
        """
        stop = min(stop, self.shape[0])
        values = np.empty((stop - start, self.shape[1]), self.dtype)
        for shard in self.shards[bisect_right(self._starts, start) - 1 :]:
            if shard.start >= stop:
                break
            first, last = max(start, shard.start), min(stop, shard.start + shard.samples)
            self._fill(values[first - start : last - start], shard, first - shard.start)
        return values

    def _fill(self, values: np.ndarray, shard: Shard, row: int) -> None:
        opened: _OpenShard | None = getattr(self._of_thread, "opened", None)
        if opened is None or opened.shard is not shard:
            opened = self._of_thread.opened = _OpenShard(shard)
        row_bytes = self.shape[1] * self.dtype.itemsize
        opened.fill(values.reshape(-1).view(np.uint8).data, shard.offset + row * row_bytes)


class _OpenShard:
    """An open file of one thread; closed when nothing refers to it any more."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        try:
            self._descriptor = open_file(str(shard.path), os.O_RDONLY)
        except OSError as error:
            raise _unreadable(shard.path, error) from error

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def fill(self, target: memoryview, offset: int) -> None:
        """Fill target with what lies `offset` bytes from the beginning."""
        try:
            is_same = version_of(os.fstat(self._descriptor)) == self.shard.version
            while is_same and target:
                count = os.preadv(self._descriptor, [target], offset)
                is_same = count > 0
                target, offset = target[count:], offset + count
        except OSError as error:
            raise _unreadable(self.shard.path, error) from error
        if not is_same:
            raise UserError(
                f"{escape_control_chars(self.shard.path)} was changed while it was in use: "
                "leave the files of a dataset as they are, and start again"
            )


def open_file(path: str, flags: int) -> int:
    """Open a file as `open` does for `opener`."""
    # A pipe must not make the program wait.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def version_of(status: os.stat_result) -> tuple[int, int]:
    """Return what a Shard calls its version."""
    return status.st_size, int(status.st_mtime)


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{escape_control_chars(path)} cannot be read: {describe(error)}")
