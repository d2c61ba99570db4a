"""Rows of metrics.csv in one file of the user's: CSV, or JSON Lines.

Experiment directories may come from strangers: cells that a spreadsheet would run are made text, and a line
that is no row is counted, not believed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import check_outside
from logreg_tui.core.experiment.listing import Skip, each_readable
from logreg_tui.core.experiment.metrics import (
    CSV_COLUMNS,
    METRICS,
    MetricsRow,
    as_written,
    check_header,
    parse_row,
)
from logreg_tui.core.files import (
    MOST_BYTES,
    different_folders,
    read_regular,
    reason,
    refusals_explained,
    replace_file,
)
from logreg_tui.core.text import FORMULA_STARTS, escape_control_chars

_PLAIN_CELL = rb"(?:-?[0-9.]+(?:e[-+]?[0-9]+)?|-inf|[A-Za-z_][A-Za-z0-9_]*|)"
_PLAIN_LINE = re.compile(rb"%b(?:,%b)*\n" % (_PLAIN_CELL, _PLAIN_CELL))
"""Numbers and words: what this program writes, and nothing that a spreadsheet would run."""


class Exported(NamedTuple):
    """Numbers of what was written."""

    rows: int
    left_out: int
    """Lines that are no rows, because somebody has edited them."""
    runs: int = 0


def export_csv(directory: Path, target: Path) -> int:
    """Copy the rows of an experiment to `target` and return how many there are.

    An existing file is replaced, by a rename at the end. Raises UserError; nothing is lost then.
    """
    lines = _inert_lines(directory)
    _write(target, lines)
    return len(lines) - 1


def join_csv(directories: Sequence[Path], target: Path, skip: Skip | None = None) -> int:
    """Write the rows of several experiments to `target`, with a column `experiment` in front.

    The column holds the name of the experiment directory. A directory named twice is written once;
    if two have the same name, the second has -2 behind it. With `skip`, of several directories those are
    left out that cannot be read. Returns the number of rows. Raises UserError.
    """
    lines: list[bytes] = []
    names = named(directories)
    for directory, (header, *rows) in each_readable(names, _inert_lines, skip):
        name = names[directory]
        lines = lines or [b"experiment," + header]
        lines += [_cell(name) + b"," + row for row in rows]
    _write(target, lines)
    return len(lines) - 1


def export_jsonl(directories: Sequence[Path], target: Path, skip: Skip | None = None) -> Exported:
    """Write the rows of experiments to `target`, one JSON object a line: `experiment`, then the columns.

    Numbers have the digits of metrics.csv, null is "not measured". JSON has no number for a value
    that diverged: it is the text "nan", "inf" or "-inf", which float() reads. Experiments are named
    and left out as by `join_csv`; lines that are no rows are left out. Raises UserError.
    """
    lines: list[bytes] = []
    left_out = 0
    names = named(directories)
    for directory, (rows, bad) in each_readable(names, read_rows, skip):
        left_out += bad
        for row in rows:
            record = {"experiment": escape_control_chars(names[directory])}
            for column in CSV_COLUMNS:
                value = getattr(row, column)
                is_infinite = isinstance(value, float) and not math.isfinite(value)
                record[column] = str(value) if is_infinite else value
            lines.append(json.dumps(record, allow_nan=False).encode() + b"\n")
    _write(target, lines)
    return Exported(len(lines), left_out)


def read_rows(directory: Path) -> tuple[list[MetricsRow], int]:
    """Return the rows in the order of the file, and how many lines are none. Raises UserError."""
    _, *lines = _whole_lines(directory)
    rows = [row for row in map(parse_row, lines) if row is not None]
    return rows, len(lines) - len(rows)


def named(directories: Sequence[Path], spelled: Callable[[str], str] = str) -> dict[Path, str]:
    """Return each directory once with its own name as `spelled`, with -2, -3 ... behind one that is taken."""
    found: dict[str, Path] = {}
    for directory in different_folders(directories):
        name = spelled(os.path.basename(os.path.realpath(directory)))
        number = 1
        while (free := f"{name}-{number}" if number > 1 else name) in found:
            number += 1
        found[free] = directory
    return {directory: name for name, directory in found.items()}


def _inert_lines(directory: Path) -> list[bytes]:
    """Return the lines of metrics.csv, with inert cells if somebody has edited them."""

    def inert(line: bytes) -> bytes:
        return b",".join(map(_cell, line.decode(errors="replace").rstrip("\r\n").split(","))) + b"\n"

    lines = _whole_lines(directory)
    return [line if _PLAIN_LINE.fullmatch(line) else inert(line) for line in lines]


def _whole_lines(directory: Path) -> list[bytes]:
    """Return the lines of metrics.csv, the header first; a last one still being written is left out.

    Raises UserError if there is no such file, or it cannot be read.
    """
    path = directory / METRICS
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise UserError(
            f"{str(directory)!r} is not an experiment directory: cannot read {METRICS}: {reason(error)}"
        ) from error
    check_header(path, data)
    return [line + b"\n" for line in as_written(data).split(b"\n")[:-1]]


def _cell(text: str) -> bytes:
    """Return text as a CSV cell that a spreadsheet does not take for a formula."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    if printable.lstrip().startswith(FORMULA_STARTS):
        printable = "'" + printable
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([printable])
    return out.getvalue().encode(errors="replace")


def _write(target: Path, lines: Iterable[bytes]) -> None:
    check_outside(target)
    with refusals_explained(target):
        replace_file(target, lambda file: file.writelines(lines))
