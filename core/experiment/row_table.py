"""metrics.csv read as columns: a million rows in about two seconds, with exactly the numbers of `parse_row`.

Blocks of lines as this program writes them are parsed by numpy; where a block has a line that is not, it is
halved until that line is found, which `parse_row` then judges.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from logreg_tui.core.experiment.metrics import CSV_COLUMNS, MetricsRow, parse_row
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.snapshots import RowsRecorded

BLOCK = 1 << 22
"""Bytes that are parsed at once."""
SMALL = 1 << 10
"""Bytes that are not worth halving."""
LONGEST_COUNT = 15
"""Digits of a count that a float holds exactly."""
HEAD, L2 = CSV_COLUMNS.index("head"), CSV_COLUMNS.index("l2")
HISTORY_COLUMNS = [at for at, name in enumerate(CSV_COLUMNS) if name not in ("run", "head", "l2")]
"""The columns of RowsRecorded.columns."""
_NUMBERS = b"0123456789.+-einaf,\n"
"""The characters of numbers, and those between them."""


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """The rows of metrics.csv in which everything was measured, in the order of the file."""

    values: np.ndarray
    """Shape (columns, rows), float64: CSV_COLUMNS, the head as its place in HEADS."""

    def __len__(self) -> int:
        return len(self.values[0])


def read_table(data: bytes) -> RowTable:
    """Return the rows of whole lines; what cannot be read, and what lacks a value, is left out."""
    found = [_parsed(block) for block in _blocks(data)]
    return RowTable(np.concatenate([np.empty((len(CSV_COLUMNS), 0)), *found], axis=1))


def _blocks(data: bytes) -> Iterator[bytes]:
    """Yield the lines in blocks, the header apart."""
    start = data.find(b"\n") + 1 if data.startswith(b"run,") else 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + BLOCK) + 1 or (data.find(b"\n", start) + 1) or len(data)
        yield data[start:end]
        start = end


def _parsed(block: bytes) -> np.ndarray:
    """Return the rows of some lines, shape (columns, rows)."""
    values = _plain(block)
    if values is not None:
        return values
    middle = block.rfind(b"\n", 0, len(block) // 2) + 1 if len(block) > SMALL else 0
    if middle:
        return np.concatenate([_parsed(block[:middle]), _parsed(block[middle:])], axis=1)
    rows = [
        _values(row)
        for row in map(parse_row, block.split(b"\n"))
        if row is not None and max(row.run, row.epoch) < 10**LONGEST_COUNT
    ]
    return np.array([row for row in rows if None not in row], float).reshape(-1, len(CSV_COLUMNS)).T


def _values(row: MetricsRow) -> list[float | None]:
    values = [getattr(row, name) for name in CSV_COLUMNS]
    values[HEAD] = HEADS.index(row.head)
    return values


def _plain(block: bytes) -> np.ndarray | None:
    """Return the rows of lines as this program writes them, shape (columns, rows); None if one is not."""
    text, heads = block, 0
    for place, head in enumerate(HEADS):
        heads += block.count(f",{head},".encode())
        text = text.replace(f",{head},".encode(), f",{place},".encode())
    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    rows = len(ends)
    if not block.endswith(b"\n") or heads != rows or text.translate(None, _NUMBERS):
        return None
    commas = np.flatnonzero(characters == ord(","))
    if len(commas) != rows * (len(CSV_COLUMNS) - 1):
        return None
    # The place behind each cell, and the first of each line: shape (rows, columns) and (rows,).
    behind = np.concatenate([commas.reshape(rows, -1), ends[:, None]], axis=1)
    starts = np.concatenate(([0], ends[:-1] + 1))
    if (behind[:, 0] < starts).any() or (behind[:, -2] > ends).any():
        return None
    if not (
        _are_counts(characters, starts, behind[:, 0])
        and _are_counts(characters, behind[:, 0] + 1, behind[:, 1])
        and _are_heads(characters, behind[:, HEAD - 1] + 1, behind[:, HEAD])
    ):
        return None
    with warnings.catch_warnings():
        # A number that is none ends the parsing, which is not an error of numpy's yet.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            values = np.fromstring(text[:-1].replace(b"\n", b","), sep=",")
        except ValueError:
            return None
    if len(values) != rows * len(CSV_COLUMNS) or not values[:: len(CSV_COLUMNS)].all():
        return None
    table: np.ndarray = values.reshape(rows, -1).T
    return table


def _are_counts(characters: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Return whether there are digits alone, not too many, from each start to its end."""
    lengths = ends - starts
    if not len(lengths) or lengths.min() < 1 or lengths.max() > LONGEST_COUNT:
        return False
    digits = (characters[starts[lengths > at] + at] - ord("0") for at in range(int(lengths.max())))
    # Below 0 they are large, without a sign.
    return all(bool((each < 10).all()) for each in digits)


def _are_heads(characters: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Return whether there is the name of a head from each start to its end."""
    is_head = np.zeros(len(starts), bool)
    for head in HEADS:
        like = ends - starts == len(head)
        for at, character in enumerate(head.encode()):
            like[like] = characters[starts[like] + at] == character
        is_head |= like
    return bool(is_head.all())


def logged_rows(
    table: RowTable, joins: Mapping[int, Sequence[tuple[int, int]]], settings: ExperimentSettings
) -> RowsRecorded:
    """Return the rows of known runs with the steps at which they were logged, in the order of the file.

    `joins` is what `joins_of` returns.
    """
    run, epoch = table.values[:2].astype(np.int64)
    step = np.full(len(run), -1)
    for number, joined in joins.items():
        own = np.flatnonzero(run == number)
        for start, at in joined:
            later = own[epoch[own] > start]
            step[later] = epoch[later] + at
    kept = step >= 0
    values = table.values[:, kept]
    return RowsRecorded(
        step=int(step.max(initial=0)),
        steps=step[kept],
        run=run[kept],
        head=values[HEAD].astype(np.uint8),
        l2=values[L2],
        is_report=epoch[kept] % settings.report_every == 0,
        columns=values[HISTORY_COLUMNS],
    )
