"""The comparison as text outside the app: for a terminal, for Markdown, and for other programs."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from logreg_tui.core.analysis.comparison import PAIRED, UNPAIRED, Comparison, ComparisonRow, Order
from logreg_tui.core.analysis.comparison_columns import (
    COLUMNS,
    FIELDS,
    PLUS_MINUS,
    TURNED,
    cell_text,
    columns_of,
    fitting_columns,
    plain_cell,
    record,
    run_label,
)
from logreg_tui.core.export.tables import GAP, escaped, markdown_table, plain_table
from logreg_tui.core.text import shortened, without_infinities

EXPERIMENT = "experiment"
"""A column beside COLUMNS if the runs are of several experiments."""
SHARED = (
    "dataset",
    "pixels",
    "head",
    "l2",
    "learning_rate",
    "optimizer",
    "schedule",
    "seed",
    "epochs",
    "state",
)
"""Columns that stand above the table, once, if they are the same in all rows."""
MEANS_TITLE = f"Means {PLUS_MINUS} standard deviations (n - 1) over the seeds"
NAME_SHARE = 0.25
"""Share of the width that the names of experiments get if there is no room for everything."""
SHORTEST_NAME = 16

Columns = Mapping[str, Sequence[str]]
"""Cells by the names of COLUMNS or EXPERIMENT, left to right."""


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
    records = without_infinities([record(row) for row in comparison.rows])
    return json.dumps(records, indent=2, allow_nan=False) + "\n"


# For people


@dataclass(frozen=True, slots=True)
class _Format:
    """The way tables and the sentences about them are written."""

    width: int | None
    """In cells; None is any width."""
    text: Callable[[str], str]
    table: Callable[[Sequence[str], Iterable[Sequence[str]], set[int]], str]
    bullet: str = ""


def as_plain(comparison: Comparison, means: Comparison | None = None, width: int | None = None) -> str:
    """Return an aligned table, what its rows share above it, and with `means` another one of means.

    In `width` cells the columns that matter least give way; None is any width.
    """
    fill = partial(textwrap.fill, width=width or 0, subsequent_indent=GAP, break_on_hyphens=False)
    return _document(comparison, means, _Format(width, str if width is None else fill, plain_table))


def as_markdown(comparison: Comparison, means: Comparison | None = None) -> str:
    """Return the same as Markdown, with every column."""

    def table(header: Sequence[str], lines: Iterable[Sequence[str]], right: set[int]) -> str:
        return markdown_table(header, [[escaped(cell) for cell in line] for line in lines], right)

    return _document(comparison, means, _Format(None, escaped, table, "- "))


def _document(comparison: Comparison, means: Comparison | None, form: _Format) -> str:
    shared, present = {}, columns_of(comparison.rows)
    for name in (name for name in SHARED if name in present):
        texts = {cell_text(row, name) for row in comparison.rows}
        if len(texts) == 1 and not (name == "seed" and comparison.has_means):
            shared[name] = texts.pop()
    columns, table = _table(comparison, shared, form)
    blocks = [
        form.text(", ".join(f"{COLUMNS[name].title} {text}" for name, text in shared.items())),
        form.text(MEANS_TITLE) if comparison.has_means else "",
        table,
    ]
    if means is not None:
        blocks.append(form.text(f"{MEANS_TITLE}, diff pp to {_reference(means)}"))
        blocks.append(_table(means, shared, form)[1])
    notes = _notes(comparison, columns)
    blocks.append("\n".join(form.bullet + form.text(note) for note in notes))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(comparison: Comparison, shared: Collection[str], form: _Format) -> tuple[Columns, str]:
    """Return the columns there is room for, and their table with the others named below it."""
    rows = comparison.rows
    whole: Columns = {
        **({EXPERIMENT: [_experiment(row) for row in rows]} if comparison.has_experiments else {}),
        **{name: [cell_text(row, name) for row in rows] for name in columns_of(rows) if name not in shared},
    }
    columns = whole if form.width is None else _fitted(whole, form.width, comparison.order)
    right = {at for at, name in enumerate(columns) if name in COLUMNS and not COLUMNS[name].is_text}
    table = form.table(list(map(_title, columns)), zip(*columns.values(), strict=True), right)
    missing = ", ".join(_title(name) for name in whole if name not in columns)
    return columns, f"{table}\n{form.text(f'(no room here for: {missing})')}" if missing else table


def _fitted(columns: Columns, width: int, order: Order | None) -> Columns:
    """Return the columns there is room for, names of experiments shortened if need be."""
    if sum(_widths(columns).values()) + len(GAP) * (len(columns) - 1) <= width:
        return columns
    if EXPERIMENT in columns:
        longest = max(SHORTEST_NAME, round(NAME_SHARE * width))
        columns = {**columns, EXPERIMENT: _short_names(columns[EXPERIMENT], longest)}
    first = {EXPERIMENT, "run", *([order.column] if order else [])}
    return {name: columns[name] for name in fitting_columns(_widths(columns), width, len(GAP), first)}


def _widths(columns: Columns) -> dict[str, int]:
    return {name: max(map(len, (_title(name), *cells))) for name, cells in columns.items()}


def _title(name: str) -> str:
    return COLUMNS[name].title if name in COLUMNS else name


def _short_names(names: Sequence[str], longest: int) -> Sequence[str]:
    """Return names that are at most `longest` long, or as long as they need be to differ still."""
    for length in range(longest, max(map(len, names))):
        short = [shortened(name, length) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return names


def _experiment(row: ComparisonRow) -> str:
    directories = {run.origin.directory for run in row.runs}
    return row.first.origin.experiment if len(directories) == 1 else f"{len(directories)} experiments"


def _reference(comparison: Comparison) -> str:
    """Return the pinned row in words."""
    row = comparison.reference
    assert row is not None
    return f"{run_label(row)} of {_experiment(row)}" if comparison.has_experiments else run_label(row)


def _notes(comparison: Comparison, columns: Columns) -> list[str]:
    """Return what is not obvious of a table, a line each."""
    notes = []
    if "difference_pp" in columns:
        reference = _reference(comparison)
        notes.append(f"diff pp: test accuracy minus that of {reference}, in percentage points")
        notes += _interval_note(comparison.methods, "interval_low_pp" in columns)
    if "best_test_accuracy" in columns:
        notes.append("best acc: the highest on the way; it is chosen on the test set, which flatters a run")
    for row in comparison.rows:
        if row.first.changes:
            name = f"{_experiment(row)} " if comparison.has_experiments else ""
            changes = "; ".join(row.first.changes)
            notes.append(f"{TURNED} {name}run {cell_text(row, 'run')}: at epoch {changes}")
    return notes


def _interval_note(methods: set[str], is_shown: bool) -> list[str]:
    """Return how the intervals were computed, or why there are none."""
    if not methods & {PAIRED, UNPAIRED}:
        return [f"no 95 % interval: {' and '.join(sorted(methods))}"]
    if not is_shown:
        return []
    if PAIRED not in methods:
        return ["95 % interval: Newcombe 1998, unpaired, which is wider than a paired one"]
    rest = "; else unpaired, which is wider" if UNPAIRED in methods else ""
    return [f"95 % interval: Newcombe 1998, p: paired, on the same test samples{rest}"]
