"""metrics.csv read as columns: a million rows in less than a second, with exactly the numbers of `parse_row`.

Blocks of lines are parsed by polars; a block with a line that it refuses is halved until few lines are
left, which `parse_row` then judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from logreg_tui.core.experiment.metrics import BYTE_ORDER_MARK, CSV_COLUMNS, MetricsRow, parse_row
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import MOST_COUNT, MOST_EPOCHS, ExperimentSettings
from logreg_tui.core.training.snapshots import RowsRecorded

FEW = 1 << 22
"""Bytes that `parse_row` has read before polars is even imported."""
BLOCK = 1 << 24
"""Bytes that are parsed at once."""
SMALL = 1 << 16
"""Bytes that are not worth halving."""
HEAD, L2 = CSV_COLUMNS.index("head"), CSV_COLUMNS.index("l2")
HISTORY_COLUMNS = [at for at, name in enumerate(CSV_COLUMNS) if name not in ("run", "head", "l2")]
"""The columns of RowsRecorded.columns."""


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """The rows of metrics.csv in which everything was measured, in the order of the file."""

    values: np.ndarray
    """Shape (columns, rows), float64: CSV_COLUMNS, the head as its place in HEADS."""

    def __len__(self) -> int:
        return len(self.values[0])


def read_table(data: bytes) -> RowTable:
    """Return the rows of whole lines; what cannot be read, and what lacks a value, is left out."""
    parse = _parsed if len(data) > FEW else _one_by_one
    found = [parse(block) for block in _blocks(data)]
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
    values = _columns(block)
    if values is not None:
        return values
    middle = block.rfind(b"\n", 0, len(block) // 2) + 1 if len(block) > SMALL else 0
    if middle:
        return np.concatenate([_parsed(block[:middle]), _parsed(block[middle:])], axis=1)
    return _one_by_one(block)


def _one_by_one(block: bytes) -> np.ndarray:
    rows = [_values(row) for row in map(parse_row, block.split(b"\n")) if row is not None]
    return np.array([row for row in rows if None not in row], float).reshape(-1, len(CSV_COLUMNS)).T


def _values(row: MetricsRow) -> list[float | None]:
    values = [getattr(row, name) for name in CSV_COLUMNS]
    values[HEAD] = HEADS.index(row.head)
    return values


def _columns(block: bytes) -> np.ndarray | None:
    """Return the rows of some lines, shape (columns, rows); None if polars refuses a line."""
    import polars as pl

    # polars drops these where `parse_row` may not.
    if any(odd in block for odd in (b'"', BYTE_ORDER_MARK)) or b"\r" in block.replace(b"\r\n", b"\n"):
        return None
    schema: dict[str, pl.DataType] = {name: pl.Float64() for name in CSV_COLUMNS}
    schema |= {"run": pl.Int64(), "epoch": pl.Int64(), "head": pl.String()}
    places = {head: place for place, head in enumerate(HEADS)}
    try:
        frame = pl.read_csv(block, has_header=False, schema=schema, quote_char=None)
        # Raises for any other head.
        frame = frame.with_columns(pl.col("head").replace_strict(places, return_dtype=pl.Float64))
    except pl.exceptions.PolarsError:
        return None
    is_possible = pl.col("run").is_between(1, MOST_COUNT) & pl.col("epoch").is_between(0, MOST_EPOCHS)
    # Whatever is missing, `parse_row` would leave the line out, or `read_table` would.
    frame = frame.drop_nulls().filter(is_possible)
    return np.stack([frame[name].to_numpy().astype(float) for name in CSV_COLUMNS])


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
