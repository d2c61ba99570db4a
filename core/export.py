"""Figures out of experiment directories into files of the user's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment import METRICS
from logreg_tui.core.files import reason, replace_file

FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a cell a formula; the last four are the same, as wide as a Chinese character."""
_PLAIN_CELL = rb"(?:-?[0-9.]+(?:e[-+]?[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*|)"
_PLAIN_LINE = re.compile(rb"%b(?:,%b)*\n" % (_PLAIN_CELL, _PLAIN_CELL))
"""Numbers and words: what this program writes, and nothing that a spreadsheet would run."""


def export_csv(directory: Path, target: Path) -> int:
    """Copy the rows of an experiment to `target` and return how many there are.

    An existing file is replaced, by a rename at the end. Raises UserError; nothing is lost then.
    """
    header, rows = _read(directory)
    _write(target, [header, *rows], directory)
    return len(rows)


def join_csv(directories: Sequence[Path], target: Path) -> int:
    """Write the rows of several experiments to `target`, with a column `experiment` in front.

    The column holds the name of the experiment directory. Returns the number of rows; raises
    UserError.
    """
    lines: list[bytes] = []
    for directory in directories:
        header, rows = _read(directory)
        lines = lines or [b"experiment," + header]
        name = _cell(directory.resolve().name)
        lines += [name + b"," + row for row in rows]
    _write(target, lines, *directories)
    return len(lines) - 1


def _read(directory: Path) -> tuple[bytes, list[bytes]]:
    """Return header and rows of metrics.csv; a last line still being written is left out."""
    path = directory / METRICS
    try:
        with path.open("rb") as file:
            lines = [_inert_line(line) for line in file if line.endswith(b"\n")]
    except OSError as error:
        raise UserError(
            f"{str(directory)!r} is not an experiment directory: cannot read {METRICS}: {reason(error)}"
        ) from error
    if not lines or not lines[0].startswith(b"run,epoch,"):
        raise UserError(f"{str(path)!r} has no header of metrics.csv: name an experiment directory")
    return lines[0], lines[1:]


def _inert_line(line: bytes) -> bytes:
    """Return a line of metrics.csv as it is, or with inert cells where somebody has edited it."""
    if _PLAIN_LINE.fullmatch(line):
        return line
    return b",".join(map(_cell, line.decode(errors="replace").rstrip("\r\n").split(","))) + b"\n"


def _cell(text: str) -> bytes:
    """Return text as a CSV cell that a spreadsheet does not take for a formula."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    if printable.lstrip().startswith(FORMULA_STARTS):
        printable = "'" + printable
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([printable])
    return out.getvalue().encode(errors="replace")


def _write(target: Path, lines: Sequence[bytes], *directories: Path) -> None:
    resolved = target.resolve()
    if any(resolved.parent == directory.resolve() for directory in directories):
        raise UserError(f"{str(target)!r} lies in the experiment's own directory: choose another place")

    def write(file: IO[bytes]) -> None:
        file.writelines(lines)

    try:
        replace_file(target, write)
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error
