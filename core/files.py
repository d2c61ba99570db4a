"""Files of which no reader and no crash ever meets half: replaced as a whole, or grown by whole lines."""

from __future__ import annotations

import errno
import fcntl
import glob
import io
import os
import secrets
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from logreg_tui.core.errors import ReaderGone, UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

MOST_BYTES = 1 << 32
"""Bytes of rows or events that are read at once: those of some 30 million."""
LARGEST_HOLE = 1 << 26
"""Bytes of a hole in a file that the loss of power may leave at its end."""
LONGEST_LINE = 1 << 20
"""Bytes of a line of rows or events."""
BLOCK_UNIT = 512
"""Bytes that st_blocks counts by."""
READER_WAIT_S = 5.0
"""How long a pipe that is written to may be without a reader."""
POLL_S = 0.05
STDOUT = Path("-")
STDOUT_NAMES = (STDOUT, Path("/dev/stdout"))
"""In the place of a file to be written: standard output."""


def replace_file(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `target`, sync it and rename it over `target`.

    A stream is written to directly; what a symbolic link points to is replaced, not
    the link. Raises OSError and leaves `target` as it was where the disk refuses a write, ReaderGone if
    nobody reads stdout or the pipe any more.
    """
    if is_stream(target):
        _write_to_stream(target, write)
        return
    target = Path(os.path.realpath(target))
    if os.path.isdir(target):
        raise IsADirectoryError(f"{target} is a folder")
    replace_regular(target, write)


def replace_regular(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace a file as by `replace_file`, but whatever stands in its place. Raises OSError."""
    clear_drafts(target.parent, f"{glob.escape(target.name)}.{'[0-9a-f]' * 8}")
    with synced_draft(target, write) as draft:
        draft.replace(target)
    sync_folder(target.parent)


@contextmanager
def synced_draft(target: Path, write: Callable[[IO[bytes]], object]) -> Iterator[Path]:
    """Give a file beside `target` that `write` has filled, on disk, to be renamed; an error removes it.

    It is locked as long as this process lives and works on it. Raises OSError.
    """
    draft, file = _new_draft(target)
    try:
        with file:
            _fill(file, write)
            yield draft
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _new_draft(target: Path) -> tuple[Path, IO[bytes]]:
    while True:
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
        file = draft.open("xb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # Another process clears it away this very moment.
        except OSError:
            return draft, file  # A file system without locks, on which nothing is cleared away.
        else:
            if os.fstat(file.fileno()).st_nlink:
                return draft, file
        file.close()


def clear_drafts(folder: Path, name: str) -> None:
    """Remove temporary files for targets whose names match a pattern, if no living process works on them."""
    with suppress(OSError):
        for path in folder.glob(f".{name}.new"):
            with suppress(OSError), open_regular(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def write_synced(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that nobody reads yet, and sync it. Raises OSError."""
    with target.open("wb") as file:
        _fill(file, write)


def _fill(file: IO[bytes], write: Callable[[IO[bytes]], object]) -> None:
    write(file)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, if its file system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_stream(target: Path) -> bool:
    """Return whether what is written to a path goes to stdout, a device or a pipe, and leaves no file."""
    is_other = os.path.exists(target) and not (os.path.isfile(target) or os.path.isdir(target))
    return target in STDOUT_NAMES or is_other


def _write_to_stream(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    # Whole first: what fails half way has written nothing, and some formats go back and forth.
    content = io.BytesIO()
    write(content)
    try:
        sys.stdout.flush()
        is_stdout = target in STDOUT_NAMES
        descriptor = sys.stdout.fileno() if is_stdout else _open_stream(target)
        with open(descriptor, "wb", closefd=not is_stdout) as stream:
            stream.write(content.getbuffer())
    except BrokenPipeError as error:
        raise ReaderGone from error


def _open_stream(target: Path) -> int:
    """Open a device or a pipe to write to it; a pipe may have its reader READER_WAIT_S later.

    Raises OSError.
    """
    deadline = time.monotonic() + READER_WAIT_S
    while True:
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or not target.is_fifo():
                raise
            if time.monotonic() >= deadline:
                raise OSError(errno.ENXIO, "nobody reads this pipe") from error
            time.sleep(POLL_S)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def different_folders(folders: Iterable[Path]) -> list[Path]:
    """Return each folder once, in the order and by the path it is first named."""
    found: dict[str, Path] = {}
    for folder in folders:
        found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def reason(error: OSError) -> str:
    """Return why the system refused, without the path and the number."""
    return error.strerror or str(error)


@contextmanager
def refusals_explained(target: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that names the file to be written and the remedy."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error


def open_regular(path: Path, flags: int = os.O_RDONLY, *, most: int | None = None) -> IO[bytes]:
    """Open a file by the flags of `os.open`, unbuffered if it is to be written, without waiting for anybody.

    In a folder that somebody else made, a pipe may stand in its place, which would keep its reader for ever,
    a device that never ends, or a link to a file that nobody meant to write. Raises OSError if it is no
    regular file, has more than `most` bytes, or is to be written and a link; with `most` also if it pretends
    to bytes that the disk does not hold.
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
        if most is not None and _has_large_hole(descriptor, status):
            raise OSError(errno.EINVAL, "it has a hole, which reads as zeros without end")
        if flags & os.O_WRONLY:
            return open(descriptor, "ab", buffering=0)
        if flags & os.O_RDWR:
            return open(descriptor, "a+b", buffering=0)
        return io.BufferedReader(_NeverWaiting(descriptor))
    except BaseException:
        os.close(descriptor)
        raise


class _NeverWaiting(io.FileIO):
    """A file open for reading, which refuses where it would wait, as some of the kernel's under /proc do."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count: int | None = super().readinto(buffer)
        return self._checked(count)

    def readall(self) -> bytes:
        return self._checked(super().readall())

    @staticmethod
    def _checked(found: T | None) -> T:
        if found is None:
            raise OSError(errno.EAGAIN, "it has nothing to read yet")
        return found


def _has_large_hole(descriptor: int, status: os.stat_result) -> bool:
    """Return whether a file has more than LARGEST_HOLE bytes that the disk does not hold."""
    # Less than the size on a disk that compresses too, which has no hole to show.
    if status.st_size - status.st_blocks * BLOCK_UNIT <= LARGEST_HOLE:
        return False
    try:
        return os.lseek(descriptor, 0, os.SEEK_HOLE) < status.st_size
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def whole_lines(file: IO[bytes], start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield each line that has its end, with its byte offset, from an offset on at which a line begins.

    One of more than LONGEST_LINE bytes, which is none of this program's, is left out.
    """
    file.seek(start)
    offset, is_rest = start, False
    while line := file.readline(LONGEST_LINE):
        is_whole = line.endswith(b"\n")
        if is_whole and not is_rest:
            yield offset, line
        offset, is_rest = offset + len(line), not is_whole


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most so many bytes. Raises OSError."""
    with open_regular(path, most=most) as file:
        return file.read(most)


class AppendOnlyFile:
    """An existing file open for appending; every line is with the operating system at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_regular(path, os.O_RDWR | os.O_APPEND)
        self.size = os.fstat(self._file.fileno()).st_size
        """Bytes of whole lines."""
        self.checksum = 0
        """CRC-32 of these bytes."""
        self._has_half_line = False
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            self.checksum = zlib.crc32(block, self.checksum)

    def append(self, line: bytes) -> None:
        """Add one line, all of it or nothing. Raises OSError."""
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise OSError(errno.ENOENT, "it was deleted")
        self._cut_half_line()
        self._has_half_line = True
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            # If that is refused too, it is done before the next line.
            with suppress(OSError):
                self._cut_half_line()
            raise
        self._has_half_line = False
        self.size += len(line)
        self.checksum = zlib.crc32(line, self.checksum)

    def _cut_half_line(self) -> None:
        if self._has_half_line:
            os.ftruncate(self._file.fileno(), self.size)
            self._has_half_line = False

    def sync(self) -> None:
        """Wait until the disk has everything. Raises OSError."""
        os.fsync(self._file.fileno())

    def restore_file(self) -> None:
        """Write the content to its place again if the file was deleted or moved away. Raises OSError."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                return
        content = os.pread(self._file.fileno(), self.size, 0)
        replace_regular(self.path, lambda file: file.write(content))
        former, self._file = self._file, open_regular(self.path, os.O_RDWR | os.O_APPEND)
        self._has_half_line = False
        former.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
