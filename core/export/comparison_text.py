"""The comparison as text outside the app: for a terminal, for Markdown, and for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunKey
from logreg_tui.core.analysis.comparison import (
    PAIRED,
    UNPAIRED,
    ContingencyTable,
    Row,
    find_row,
    rows_of,
    sort_rows,
    with_differences,
)
from logreg_tui.core.analysis.comparison_columns import (
    COLUMNS,
    FIELDS,
    PLUS_MINUS,
    TURNED,
    cell_text,
    columns_of,
    plain_cell,
    record,
)
from logreg_tui.core.export.comparison_layout import EXPERIMENT, Layout, Markdown, Plain, Table

SAID_ONCE = ("dataset", "pixels", "head", "l2", "learning_rate", "schedule", "seed", "epochs", "state")
"""Columns that are left out of a table in which they are the same in all rows."""
MEANS_TITLE = f"Means {PLUS_MINUS} standard deviations (n - 1) over the seeds"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows in their order, measured by the row that the pinned run stands in."""

    rows: Sequence[Row]
    pinned: RunKey
    order: str | None

    @property
    def has_means(self) -> bool:
        """Whether a row is of several seeds."""
        return any(len(row.runs) > 1 for row in self.rows)

    @property
    def has_names(self) -> bool:
        """Whether the runs are of several experiments."""
        return len({run.origin.directory for row in self.rows for run in row.runs}) > 1

    @property
    def reference(self) -> str:
        """The pinned row in words."""
        row = find_row(self.rows, self.pinned)
        assert row is not None
        runs = f"run{'' if len(row.runs) == 1 else 's'} {cell_text(row, 'run')}"
        return f"{runs} of {_experiment(row)}" if self.has_names else runs


def compare(
    runs: Iterable[ComparedRun],
    pinned: ComparedRun,
    pairs: Mapping[RunKey, ContingencyTable],
    *,
    order: str | None = None,
    folds_seeds: bool = False,
) -> Comparison:
    """Return the rows of runs, `pinned` among them, in the order of one of COLUMNS, the best first.

    Without an order they stay in that of the runs. `pairs` is as in `with_differences`.
    """
    rows = with_differences(rows_of(runs, folds_seeds=folds_seeds), pinned.key, pairs)
    if order is not None:
        rows = sort_rows(rows, order, descending=COLUMNS[order].descends)
    return Comparison(rows, pinned.key, order)


# For other programs


def as_csv(comparison: Comparison) -> str:
    """Return a header of FIELDS and one line per row, in full precision, safe for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(map(plain_cell, record(row).values()) for row in comparison.rows)
    return out.getvalue()


def as_json(comparison: Comparison) -> str:
    """Return a list with one object per row by the names of FIELDS; what is missing or not finite is null."""
    records = [{name: _finite(value) for name, value in record(row).items()} for row in comparison.rows]
    return json.dumps(records, indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:  # noqa: ANN401  numbers and texts
    return None if isinstance(value, float) and not math.isfinite(value) else value


# For people


def as_plain(comparison: Comparison, means: Comparison | None = None, width: int | None = None) -> str:
    """Return an aligned table, what its rows share above it, and with `means` another one of means.

    In `width` cells the columns that matter least give way; None is any width.
    """
    return _document(comparison, means, Plain(width))


def as_markdown(comparison: Comparison, means: Comparison | None = None) -> str:
    """Return the same as Markdown, with every column."""
    return _document(comparison, means, Markdown())


def _document(comparison: Comparison, means: Comparison | None, layout: Layout) -> str:
    shared = _shared(comparison)
    blocks = [layout.text(", ".join(f"{COLUMNS[name].title} {text}" for name, text in shared.items()))]
    table, text = _fitted(_table(comparison, shared), comparison.order, layout)
    blocks += [layout.text(MEANS_TITLE) if comparison.has_means else "", text]
    if means is not None:
        title = f"{MEANS_TITLE}, diff pp to {means.reference}"
        blocks += [layout.text(title), _fitted(_table(means, shared), means.order, layout)[1]]
    blocks.append(layout.notes(_notes(comparison, table)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _fitted(whole: Table, order: str | None, layout: Layout) -> tuple[Table, str]:
    """Return the part of a table there is room for, and as text with the rest named below it."""
    table = layout.fit(whole, order)
    missing = [whole.title(name) for name in whole.columns if name not in table.columns]
    rest = layout.text(f"(no room here for: {', '.join(missing)})") if missing else ""
    return table, "\n".join(part for part in (layout.table(table), rest) if part)


def _shared(comparison: Comparison) -> dict[str, str]:
    """Return what is the same in all rows, as text by the names of columns."""
    shared = {}
    for name in SAID_ONCE:
        texts = {cell_text(row, name) for row in comparison.rows}
        if len(texts) == 1 and not (name == "seed" and comparison.has_means):
            shared[name] = texts.pop()
    return shared


def _table(comparison: Comparison, shared: Mapping[str, str]) -> Table:
    rows = comparison.rows
    columns = {EXPERIMENT: [_experiment(row) for row in rows]} if comparison.has_names else {}
    names = [name for name in columns_of(rows) if name not in shared]
    return Table(columns | {name: [cell_text(row, name) for row in rows] for name in names})


def _experiment(row: Row) -> str:
    names = {run.origin.directory for run in row.runs}
    return row.first.experiment if len(names) == 1 else f"{len(names)} experiments"


def _notes(comparison: Comparison, table: Table) -> list[str]:
    """Return what is not obvious of a table, a line each."""
    notes = []
    if "difference_pp" in table.columns:
        notes.append(f"diff pp: test accuracy minus that of {comparison.reference}, in percentage points")
        notes += _interval_note(comparison.rows, table)
    if "best_test_accuracy" in table.columns:
        notes.append("best acc: the highest on the way; it is chosen on the test set, which flatters a run")
    turned = [row for row in comparison.rows if row.first.changes]
    for row in turned:
        name = f"{_experiment(row)} " if comparison.has_names else ""
        notes.append(f"{TURNED} {name}run {cell_text(row, 'run')}: at epoch {'; '.join(row.first.changes)}")
    return notes


def _interval_note(rows: Iterable[Row], table: Table) -> list[str]:
    """Say how the intervals were computed, or why there are none."""
    methods = {row.difference.method for row in rows if row.difference is not None}
    if not methods & {PAIRED, UNPAIRED}:
        return [f"no 95 % interval: {' and '.join(sorted(methods))}"]
    if "interval_low_pp" not in table.columns:
        return []
    if PAIRED not in methods:
        return ["95 % interval: Newcombe 1998, unpaired, which is wider than a paired one"]
    rest = "; else unpaired, which is wider" if UNPAIRED in methods else ""
    return [f"95 % interval: Newcombe 1998, p: paired, on the same test samples{rest}"]
