"""The lines of a file of LIBSVM or SVMlight, packed or not, and the faults that are found in them.

Imports nothing heavy: the command line looks at the first sample before anything is on the screen.
"""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from logreg_tui.core.errors import Cancelled, UsageError, UserError
from logreg_tui.core.file_options import FileOptions, has_svmlight_ending, is_table
from logreg_tui.core.files import open_regular
from logreg_tui.core.memory import available_memory, limit_text
from logreg_tui.core.text import describe, escape_control_chars, is_number, quoted

LINES_BETWEEN_LOOKS = 256
LONGEST_LINE = 1 << 28
"""Bytes of a sample: ten million values or more. A file without line ends would fill the memory."""
LOOKED_AT = 1 << 16
"""Bytes that tell what a file is."""
MEMORY_FACTOR = 3
"""Memory that the values take while they are read, as a multiple of their text."""
LARGEST_INDEX = 2**31 - 2
GZIP, BZIP2 = b"\x1f\x8b", b"BZh"
"""First bytes of packed files."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def sample_lines(
    path: str, memory_limit: int | None = None, is_cancelled: Callable[[], bool] = lambda: False
) -> Iterator[SampleLines]:
    """Open a file for scikit-learn's reader; what a line makes that raise becomes an error that names it.

    Raises UsageError, and UserError if it does not fit into memory.
    """
    shown, lines = escape_control_chars(path), SampleLines(path, memory_limit, is_cancelled)
    try:
        with open_regular(Path(path)) as file:
            begin = file.read(3)
            file.seek(0)
            if begin.startswith(GZIP):
                lines.file = gzip.GzipFile(fileobj=file)
            elif begin == BZIP2:
                lines.file = bz2.BZ2File(file)
            else:
                lines.file = file
            yield lines
    except (Cancelled, UserError):
        raise
    except (EOFError, zlib.error) as error:
        raise UsageError(f"{shown} is damaged, or cut off: {describe(error)}") from error
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {describe(error)}") from error
    except MemoryError as error:
        raise UserError(f"{shown} does not fit into memory: use a smaller one") from error
    # The line tells more than what it makes a reader raise.
    except Exception as error:
        fault = fault_of(lines.line) or describe(error)
        raise UsageError(f"{shown}: line {lines.number:,}: {fault}") from error


def no_samples(path: str) -> UsageError:
    """Return the error of a file without a sample."""
    return UsageError(f"{escape_control_chars(path)} holds no samples: give lines such as `1 3:0.5 17:2`")


def check_svmlight(path: str, options: FileOptions) -> None:
    """Raise UsageError unless the files that are asked for begin with a sample; no more of them is read."""
    for each in (path, options.test):
        if each is None:
            continue
        with sample_lines(each) as lines:
            first = next((line for line in lines if line.split(b"#")[0].strip()), None)
        if first is None:
            raise no_samples(each)
        fault = fault_of(first)
        if fault is not None:
            raise UsageError(f"{escape_control_chars(each)}: line {lines.number:,}: {fault}")


def is_svmlight(path: str) -> bool:
    """Return whether a file is in the format of LIBSVM and SVMlight: by its ending, or by what is in it.

    Most people have them as they are published: `a9a`, `a9a.t`, `mnist.scale.bz2`.
    """
    is_other = is_table(path) or not os.path.isfile(path)
    return has_svmlight_ending(path) or (not is_other and _begins_with_sample(path))


def _begins_with_sample(path: str) -> bool:
    """Return whether the first bytes of a file are a label and at least one `index:value`."""
    try:
        with sample_lines(path) as lines:
            begin = lines.file.read(LOOKED_AT).removeprefix(BYTE_ORDER_MARK)
    except (UsageError, UserError):
        return False
    # The last word may be cut off.
    begin = begin.rpartition(b" ")[0] if len(begin) == LOOKED_AT else begin
    first = next((line for line in begin.split(b"\n") if line.split(b"#")[0].strip()), b"")
    return b":" in first.split(b"#")[0] and fault_of(first) is None


class SampleLines:
    """The lines of a file, counted."""

    def __init__(self, path: str, memory_limit: int | None, is_cancelled: Callable[[], bool]) -> None:
        self.file: IO[bytes] | gzip.GzipFile | bz2.BZ2File
        self.number = 0
        self.line = b""
        """The last one."""
        self._path = path
        self._limit = memory_limit
        self._allowed = available_memory() if memory_limit is None else memory_limit
        self._is_cancelled = is_cancelled

    def read(self) -> bytes:
        """Never called: scikit-learn tells files from names by it."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        size = looked_at = 0
        lines = iter(lambda: self.file.readline(LONGEST_LINE), b"")
        for number, line in enumerate(lines, 1):
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                shown = escape_control_chars(self._path)
                raise UsageError(f"{shown}: line {number:,} has no end within {LONGEST_LINE:,} bytes")
            self.number, self.line = number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            size += len(line)
            if number % LINES_BETWEEN_LOOKS == 1 or size - looked_at > LONGEST_LINE:
                looked_at = size
                self._check(MEMORY_FACTOR * size)
            yield self.line

    def _check(self, needed: int) -> None:
        """Raise Cancelled, and UsageError if what was read takes more memory than there is."""
        if self._is_cancelled():
            raise Cancelled
        if self._allowed is not None and needed > self._allowed:
            shown, limit = escape_control_chars(self._path), limit_text(self._allowed, self._limit)
            raise UsageError(f"{shown} takes more memory than there is: {limit}")


def fault_of(line: bytes) -> str | None:
    """Return what is wrong with a line; None if nothing is found."""
    words = [word.decode("utf-8", "backslashreplace") for word in line.split(b"#")[0].split()]
    if not words:
        return None
    label, features = words[0], words[1:]
    if ":" in label:
        return f"{quoted(label)} stands where the label should: write `label index:value ...`"
    if not is_number(label):
        if all(map(is_number, label.split(","))):
            return f"{quoted(label)} are several labels: a sample has one here"
        return f"label {quoted(label)} is no number: write `label index:value ...`"
    last = -1
    for word in features[1:] if features and features[0].startswith("qid") else features:
        index, _, value = word.partition(":")
        if not index.isdecimal() or not is_number(value):
            return f"{quoted(word)} is no `index:value`, an integer from 0 on and a number"
        if int(index) <= last:
            return f"feature {int(index)} stands behind {last}: features ascend, each at most once"
        last = int(index)
        if last > LARGEST_INDEX:
            return f"feature {last} is too large, {LARGEST_INDEX:,} is the largest allowed"
    return None
