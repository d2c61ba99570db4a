"""A disk that fails: all calls by which Python opens and changes files under a folder pass through here.

What C code writes by itself would not; nothing of this program does.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import pytest

PATH_CALLS = {
    "rename": "rename",
    "replace": "rename",
    "mkdir": "mkdir",
    "link": "link",
    "symlink": "link",
    "unlink": "unlink",
    "remove": "unlink",
    "rmdir": "rmdir",
    "truncate": "truncate",
    "ftruncate": "truncate",
}
"""Functions of `os` that take a path or a descriptor first, and the kinds of call they are."""


@dataclass(frozen=True)
class Call:
    """A call that is about to be made; `kind` is open, write, close, fsync or one of PATH_CALLS."""

    kind: str
    path: str
    data: bytes = b""
    is_append: bool = False


@dataclass(frozen=True)
class Fault:
    """What happens in the place of a call."""

    error: int = 0
    """The number of an error; 0 if a write says that it took less than it was given."""
    taken: int = 0
    """Bytes that a write takes before."""
    kills: bool = False
    """True if the process is killed instead."""


class Disk:
    """The files under a folder; `fault` is asked before every call, and at first lets all of them be made."""

    def __init__(self, patch: pytest.MonkeyPatch, root: str | os.PathLike[str] = "/") -> None:
        self.fault: Callable[[Call], Fault | None] = lambda call: None
        self._root = os.path.realpath(root)
        self._paths: dict[int, str] = {}
        """Of open descriptors."""
        self._real_open, self._real_close = os.open, os.close
        for module in (builtins, io):
            patch.setattr(module, "open", self._open)
        patch.setattr(os, "open", self._open_descriptor)
        patch.setattr(os, "close", self._close_descriptor)
        for name, kind in PATH_CALLS.items():
            patch.setattr(os, name, self._watched(kind, getattr(os, name)))
        # Nothing here depends on what a loss of power leaves, and it takes long.
        patch.setattr(os, "fsync", self._watched("fsync", lambda place: None))

    def act(self, call: Call, write: Callable[[bytes], int] | None = None) -> int | None:
        """Return None if a call is to be made, the bytes taken of a write that is cut; raise, or kill."""
        fault = self.fault(call)
        if fault is None:
            return None
        if write is not None and fault.taken:
            write(call.data[: fault.taken])
        if fault.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.error:
            raise OSError(fault.error, os.strerror(fault.error), call.path)
        return fault.taken

    def _path(self, place: Any, folder: int | None = None) -> str | None:  # noqa: ANN401
        """Return the path of something on this disk, None of anything else."""
        if isinstance(place, int):
            return self._paths.get(place)
        path = os.path.join(
            os.getcwd() if folder is None else self._paths.get(folder, ""), os.fsdecode(place)
        )
        path = os.path.normpath(path)
        return path if os.path.commonpath([path, self._root]) == self._root else None

    def _watched(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(place: Any, *args: Any, **others: Any) -> Any:  # noqa: ANN401
            folder = others.get("dir_fd", others.get("src_dir_fd"))
            if (path := self._path(place, folder)) is not None:
                self.act(Call(kind, path))
            return real(place, *args, **others)

        return call

    def _open_descriptor(self, place: Any, flags: int, mode: int = 0o777, **others: Any) -> int:  # noqa: ANN401
        path = self._path(place, others.get("dir_fd"))
        if path is not None:
            self.act(Call("open", path))
        descriptor = self._real_open(place, flags, mode, **others)
        if path is not None:
            self._paths[descriptor] = path
        return descriptor

    def _close_descriptor(self, descriptor: int) -> None:
        path = self._paths.pop(descriptor, None)
        self._real_close(descriptor)
        if path is not None:
            self.act(Call("close", path))

    def _open(
        self,
        place: Any,  # noqa: ANN401
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[str, int], int] | None = None,
    ) -> IO[Any]:
        path = self._path(place)
        if opener is None and not isinstance(place, int) and path is not None:
            self.act(Call("open", path))
        if path is None:
            return _real_open(place, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = _File(self, path, place, mode.translate({ord("b"): None, ord("t"): None}), closefd, opener)
        self._paths[raw.fileno()] = path
        if buffering == 0:
            return raw  # type: ignore[return-value]
        kind = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
        buffered = kind(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

    def forget(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)


_real_open = io.open


def appended(room: Callable[[bytes], int | None], error: int = 0) -> Callable[[Call], Fault | None]:
    """Return the faults of a disk that takes `room(line)` bytes of an appended line, all of it if None."""

    def fault(call: Call) -> Fault | None:
        taken = room(call.data) if call.is_append and call.kind == "write" else None
        return None if taken is None else Fault(error, taken)

    return fault


class _File(io.FileIO):
    def __init__(
        self,
        disk: Disk,
        path: str,
        place: Any,  # noqa: ANN401
        mode: str,
        closefd: bool,
        opener: Callable[[str, int], int] | None,
    ) -> None:
        self._disk, self._path, self._is_append = disk, path, "a" in mode
        super().__init__(place, mode, closefd, opener)

    def write(self, data: Any) -> int:  # noqa: ANN401
        call = Call("write", self._path, bytes(data), self._is_append)
        taken = self._disk.act(call, super().write)
        return super().write(data) if taken is None else taken

    def truncate(self, size: int | None = None) -> int:
        self._disk.act(Call("truncate", self._path))
        return super().truncate(size)

    def close(self) -> None:
        if self.closed:
            return
        self._disk.forget(self.fileno())
        is_writable = self.writable()
        super().close()
        if is_writable:
            self._disk.act(Call("close", self._path))
