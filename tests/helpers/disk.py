"""A disk that refuses to write, under the files that only grow."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import IO, Any

import pytest


class Disk:
    """The disk of all files that are opened to append from now on; at first it takes everything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: Callable[[bytes], int | None] = lambda line: None
        """The bytes it takes of a line, or None if it takes all of it."""
        self.raises = False
        """True if it raises an error after those bytes, rather than say how many they were."""

        def opened(path: object, mode: str = "r", **others: Any) -> Any:  # noqa: ANN401
            file = open(path, mode, **others)  # type: ignore[call-overload]  # noqa: SIM115
            return _File(file, self) if mode in ("ab", "a+b") else file

        monkeypatch.setattr("logreg_tui.core.files.open", opened, raising=False)


class _File:
    def __init__(self, file: IO[bytes], disk: Disk) -> None:
        self._file = file
        self._disk = disk

    def write(self, line: bytes) -> int:
        room = self._disk.room(line)
        written = self._file.write(line if room is None else line[:room])
        if room is not None and self._disk.raises:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return written

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._file, name)
