"""Rows of experiment directories into one file of the user's: CSV, or JSON Lines.

`export_tensorboard.py` writes a folder of TensorBoard's.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import check_outside
from logreg_tui.core.experiment.metrics import CSV_COLUMNS, MetricsRow
from logreg_tui.core.export.rows import Exported, named, read_rows, whole_lines
from logreg_tui.core.files import reason, replace_file
from logreg_tui.core.text import FORMULA_STARTS, escape_control_chars

_PLAIN_CELL = rb"(?:-?[0-9.]+(?:e[-+]?[0-9]+)?|-inf|[A-Za-z_][A-Za-z0-9_]*|)"
_PLAIN_LINE = re.compile(rb"%b(?:,%b)*\n" % (_PLAIN_CELL, _PLAIN_CELL))
"""Numbers and words: what this program writes, and nothing that a spreadsheet would run."""


def export_csv(directory: Path, target: Path) -> int:
    """Copy the rows of an experiment to `target` and return how many there are.

    An existing file is replaced, by a rename at the end. Raises UserError; nothing is lost then.
    """
    lines = [_inert_line(line) for line in whole_lines(directory)]
    _write(target, lines)
    return len(lines) - 1


def join_csv(directories: Sequence[Path], target: Path) -> int:
    """Write the rows of several experiments to `target`, with a column `experiment` in front.

    The column holds the name of the experiment directory. A directory named twice is written once;
    where two have the same name, the second has -2 behind it. Returns the number of rows; raises
    UserError.
    """
    lines: list[bytes] = []
    for name, directory in named(directories).items():
        header, *rows = [_inert_line(line) for line in whole_lines(directory)]
        lines = lines or [b"experiment," + header]
        lines += [_cell(name) + b"," + row for row in rows]
    _write(target, lines)
    return len(lines) - 1


def export_jsonl(directories: Sequence[Path], target: Path) -> Exported:
    """Write the rows of experiments to `target`, one JSON object a line: `experiment`, then the columns.

    Numbers have the digits of metrics.csv, null is "not measured". JSON has no number for a value
    that diverged: it is the text "nan", "inf" or "-inf", which float() reads. Experiments are named
    as by `join_csv`. A line of metrics.csv that somebody has edited, so that it is no row, is left
    out and counted. Raises UserError.
    """
    lines: list[bytes] = []
    left_out = 0
    for name, directory in named(directories).items():
        rows, bad = read_rows(directory)
        lines += [_json_line(escape_control_chars(name), row) for row in rows]
        left_out += bad
    _write(target, lines)
    return Exported(len(lines), left_out)


def _json_line(experiment: str, row: MetricsRow) -> bytes:
    record = {"experiment": experiment, **{name: _json_value(getattr(row, name)) for name in CSV_COLUMNS}}
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _json_value(value: float | str | None) -> float | str | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


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


def _write(target: Path, lines: Iterable[bytes]) -> None:
    check_outside(target)

    def write(file: IO[bytes]) -> None:
        file.writelines(lines)

    try:
        replace_file(target, write)
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error
