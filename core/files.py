"""Files of which no reader and no crash ever meets half: replaced as a whole, or grown by whole lines."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import sys
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from logreg_tui.core.errors import ReaderGone

MOST_BYTES = 1 << 32
"""Bytes of rows or events that are read at once: those of some 30 million."""
STDOUT = Path("-")
"""In the place of a file to be written: standard output."""


def replace_file(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `target`, sync it and rename it over `target`.

    STDOUT, a device or a pipe is written to directly; what a symbolic link points to is replaced, not
    the link. Raises OSError and leaves `target` as it was where the disk refuses a write, ReaderGone if
    nobody reads stdout or the pipe any more.
    """
    if target == STDOUT:
        _write_to_stdout(write)
        return
    # Before the link is followed: that of a pipe, as /dev/stdout may be, leads to no path.
    if target.exists() and not (target.is_file() or target.is_dir()):
        try:
            with target.open("wb") as stream:
                write(stream)
        except BrokenPipeError as error:
            raise ReaderGone from error
        return
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        with draft.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _write_to_stdout(write: Callable[[IO[bytes]], object]) -> None:
    # Whole first: what fails half way has written nothing, and some formats go back and forth.
    content = io.BytesIO()
    write(content)
    try:
        sys.stdout.flush()
        with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
            stream.write(content.getvalue())
    except BrokenPipeError as error:
        raise ReaderGone from error


def different_folders(folders: Iterable[Path]) -> list[Path]:
    """Return each folder once, in the order and by the path it is first named."""
    found: dict[str, Path] = {}
    for folder in folders:
        found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def reason(error: OSError) -> str:
    """Return why the system refused, without the path and the number."""
    return error.strerror or str(error)


def open_regular(path: Path, flags: int = os.O_RDONLY, *, most: int | None = None) -> IO[bytes]:
    """Open a file by the flags of `os.open`, unbuffered if it is to be written, without waiting for anybody.

    In a folder that somebody else made, a pipe may stand in its place, which would keep its reader for ever,
    a device that never ends, or a link to a file that nobody meant to write. Raises OSError if it is no
    regular file, has more than `most` bytes, or is to be written and a link.
    """
    if is_written := bool(flags & (os.O_WRONLY | os.O_RDWR)):
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if is_written and error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link") from error
        # A pipe that nobody reads.
        if is_written and error.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, "it is no regular file") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise OSError(errno.EINVAL, f"it is {kind}")
        if most is not None and status.st_size > most:
            raise OSError(
                errno.EFBIG, f"it has {status.st_size:,} bytes, more than {most:,} are never written"
            )
        if flags & os.O_WRONLY:
            return open(descriptor, "ab", buffering=0)
        if flags & os.O_RDWR:
            return open(descriptor, "a+b", buffering=0)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most so many bytes. Raises OSError."""
    with open_regular(path, most=most) as file:
        return file.read(most)


class AppendOnlyFile:
    """An existing file open for appending; every line is with the operating system at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_regular(path, os.O_RDWR | os.O_APPEND)
        self.size = os.fstat(self._file.fileno()).st_size
        """Bytes of whole lines."""
        self.checksum = 0
        """CRC-32 of these bytes."""
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            self.checksum = zlib.crc32(block, self.checksum)

    def append(self, line: bytes) -> None:
        """Add one line, all of it or nothing. Raises OSError."""
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise OSError(errno.ENOENT, "it was deleted")
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), self.size)
            raise
        self.size += len(line)
        self.checksum = zlib.crc32(line, self.checksum)

    def sync(self) -> None:
        """Wait until the disk has everything. Raises OSError."""
        os.fsync(self._file.fileno())

    def restore_file(self) -> None:
        """Write the content to its place again if the file was deleted or moved away. Raises OSError."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                return
        content = os.pread(self._file.fileno(), self.size, 0)
        replace_file(self._path, lambda file: file.write(content))
        self._file.close()
        self._file = open_regular(self._path, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
