"""metrics.csv: a row per run and log point, only ever appended, under one header."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

from logreg_tui.core.errors import UserError
from logreg_tui.core.files import LONGEST_LINE, MOST_BYTES, open_regular
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import MOST_COUNT, MOST_EPOCHS
from logreg_tui.core.training.events import RowLogged

METRICS = "metrics.csv"
BLOCK_BYTES = 1 << 16
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QUOTED = re.compile(rb'"([^",\n]*)"')
_DECIMAL_COMMA = re.compile(rb'"-?\d+,\d+"')


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """One row, its fields the columns in their order; None is not measured, nan and inf are diverged."""

    run: int
    epoch: int
    elapsed_s: float | None
    head: str
    l2: float | None
    learning_rate: float | None
    train_loss: float | None
    l2_penalty: float | None
    test_loss: float | None
    train_accuracy: float | None
    test_accuracy: float | None

    @property
    def objective(self) -> float | None:
        """The sum that is minimised: train_loss + l2_penalty."""
        if self.train_loss is None or self.l2_penalty is None:
            return None
        return self.train_loss + self.l2_penalty


CSV_COLUMNS = tuple(field.name for field in fields(MetricsRow))
CSV_HEADER = ",".join(CSV_COLUMNS) + "\n"


def csv_line(row: RowLogged) -> str:
    """Return a row as its line: floats in full precision, nan and inf as such."""
    return (
        f"{row.run},{row.epoch},{row.elapsed_s},{row.head},{row.l2},{row.learning_rate},{row.train_loss},"
        f"{row.l2_penalty},{row.test_loss},{row.train_accuracy},{row.test_accuracy}\n"
    )


def parse_row(line: bytes) -> MetricsRow | None:
    """Return the row of a line, None if it is none: the header, or what somebody has edited.

    A spreadsheet's line ends, quotes and empty cells behind the last column make no difference.
    """
    if b'"' in line:
        line = _QUOTED.sub(rb"\1", line)
    # Not read by the csv module: a stray quote would swallow the lines behind it.
    cells = line.decode(errors="replace").rstrip("\r\n").split(",")
    if len(cells) < len(CSV_COLUMNS) or any(cells[len(CSV_COLUMNS) :]):
        return None
    run, epoch, elapsed_s, head, *figures = cells[: len(CSV_COLUMNS)]
    try:
        row = MetricsRow(int(run), int(epoch), _number(elapsed_s), head, *map(_number, figures))
    except ValueError:
        return None
    is_possible = 0 < row.run <= MOST_COUNT and 0 <= row.epoch <= MOST_EPOCHS and row.head in HEADS
    return row if is_possible else None


def as_written(data: bytes) -> bytes:
    """Return the content of metrics.csv without what a spreadsheet adds when it saves it.

    That is a byte order mark, other line ends, quotes, and empty cells behind the last column.
    """
    data = data.removeprefix(BYTE_ORDER_MARK)
    header = data.partition(b"\n")[0]
    if header.endswith(b"\r"):
        data = data.replace(b"\r\n", b"\n")
        header = header[:-1]
    if b'"' in header:
        data, header = _QUOTED.sub(rb"\1", data), _QUOTED.sub(rb"\1", header)
    added = len(header) - len(header.rstrip(b","))
    return re.sub(rb",{%d}$" % added, b"", data, flags=re.MULTILINE) if added else data


def check_header(path: Path, data: bytes) -> None:
    """Raise UserError, naming cause and remedy, unless metrics.csv, which begins with `data`, can be read."""
    check_separators(path, data)
    if not as_written(data[:BLOCK_BYTES]).startswith(CSV_HEADER.encode()):
        raise UserError(f"{str(path)!r} is damaged: it has no header, or one of other columns")


def check_separators(path: Path, data: bytes) -> None:
    """Raise UserError if metrics.csv has other separators or decimal commas, as some spreadsheets save it."""
    header, *rows = data[:BLOCK_BYTES].split(b"\n", 2)
    separators = [name for name, sign in (("semicolons", b";"), ("tabs", b"\t")) if sign in header]
    if separators or (rows and _DECIMAL_COMMA.search(rows[0])):
        found = f"{separators[0]} between the columns" if separators else "commas in the numbers"
        raise UserError(
            f"{str(path)!r} was saved by another program with {found}: save it again as CSV in UTF-8, with "
            "commas between the columns and points in the numbers"
        )


def newest_rows(path: Path, runs: int) -> dict[int, MetricsRow]:
    """Return the newest row of each run by its number, of `runs` at most; reads from the end of the file.

    Raises OSError.
    """
    found: dict[int, MetricsRow] = {}
    with open_regular(path, most=MOST_BYTES) as file:
        start, rest, is_last = file.seek(0, os.SEEK_END), b"", True
        while start and len(found) < runs:
            size = min(start, BLOCK_BYTES)
            start -= size
            file.seek(start)
            data = file.read(size) + rest
            if is_last:
                # A line still being written is none.
                data, newline, _ = data.rpartition(b"\n")
                is_last = not newline
            first, *lines = data.split(b"\n")
            # A longer one is no row, and is not to be copied again and again.
            rest, lines = (first[:LONGEST_LINE], lines) if start else (b"", [first, *lines])
            for line in reversed(lines):
                number = line.partition(b",")[0].strip(b'"')
                if number.isdigit() and int(number) not in found and (row := parse_row(line)) is not None:
                    found[row.run] = row
    return found


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
