"""Columns of the comparison: names in files, titles, text, which way is better, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logreg_tui.core.analysis.comparison import AVERAGED, PAIRED, ComparisonRow, Order
from logreg_tui.core.text import FORMULA_STARTS, escape_control_chars

PLUS_MINUS = "±"
TURNED = "*"
"""Behind the head of a run whose knobs were turned on the way."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison."""

    name: str
    """In files, and of `ComparisonRow.value`."""
    title: str
    text: Callable[[Any], str]
    """A value as it is shown."""
    descends: bool = False
    """True if the best or the most interesting value is the largest one."""
    is_setting: bool = False
    is_text: bool = False
    """Set to the left; numbers are set to the right."""


_general: Callable[[Any], str] = "{:g}".format
_share: Callable[[Any], str] = "{:.4f}".format
_points: Callable[[Any], str] = "{:+.2f}".format


def _count(value: float) -> str:
    return f"{round(value):,}"


def _loss(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _rate(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


COLUMNS = {
    column.name: column
    for column in (
        Column("run", "run", str, is_text=True),
        Column("head", "head", str, is_setting=True, is_text=True),
        Column("l2", "l2", _general, is_setting=True),
        Column("learning_rate", "lr", _general, is_setting=True),
        Column("optimizer", "optimizer", str, is_setting=True, is_text=True),
        Column("schedule", "schedule", str, is_setting=True, is_text=True),
        Column("seed", "seed", str, is_setting=True),
        Column("epochs", "epochs", _count, descends=True),
        Column("test_accuracy", "test acc", _share, descends=True),
        Column("difference_pp", "diff pp", _points, descends=True),
        Column("interval_low_pp", "95 % interval", _points, descends=True),
        Column("best_test_accuracy", "best acc", _share, descends=True),
        Column("best_epoch", "at epoch", _count),
        Column("train_accuracy", "train acc", _share, descends=True),
        Column("test_loss", "test loss", _loss),
        Column("train_loss", "train loss", _loss),
        Column("gap", "gap", _loss),
        Column("l2_penalty", "L2 term", _loss),
        Column("seconds", "seconds", _seconds),
        Column("epochs_per_s", "epochs/s", _rate, descends=True),
        Column("state", "state", str, is_text=True),
        Column("dataset", "dataset", str, is_setting=True, is_text=True),
        Column("pixels", "pixels", str, is_setting=True, is_text=True),
    )
}
"""By name, in the order in which they stand beside each other."""

IMPORTANCE = (
    "run", "head", "l2", "learning_rate", "optimizer", "seed", "test_accuracy", "difference_pp",
    "interval_low_pp", "epochs", "best_test_accuracy", "best_epoch", "test_loss", "train_loss", "gap",
    "seconds", "epochs_per_s", "train_accuracy", "schedule", "state", "pixels", "dataset", "l2_penalty",
)  # fmt: skip
"""The columns by how much it matters that they are seen if there is no room for all."""

_VALUES = (
    "experiment",
    *(name for name in COLUMNS if not name.startswith("interval")),
    "interval_low_pp",
    "interval_high_pp",
    "interval_method",
)
_DEVIATIONS = tuple(name for name in COLUMNS if name in AVERAGED)
FIELDS = (*_VALUES, "changes", "seeds", *(f"{name}_sd" for name in _DEVIATIONS))
"""Names of the values in a `record`, in their order."""


def best_first(name: str) -> Order:
    """Return the order by a column that puts the best at the top."""
    return Order(name, COLUMNS[name].descends)


def columns_of(rows: Collection[ComparisonRow]) -> list[str]:
    """Return the columns that these rows have, in their order."""
    differences = [row.difference for row in rows if row.difference is not None]
    missing = set() if differences else {"difference_pp"}
    if not any(difference.interval for difference in differences):
        missing.add("interval_low_pp")
    if all(run.settings.optimizer.is_plain for row in rows for run in row.runs):
        missing.add("optimizer")
    return [name for name in COLUMNS if name not in missing]


def fitting_columns(
    widths: Mapping[str, int], room: int, gap: int, first: Collection[str], last: Collection[str] = ()
) -> list[str]:
    """Return the columns that fit into `room` cells, `gap` cells between two of them, in their order.

    The important ones are taken first, those in `first` before and those in `last` behind all others; a name
    beside COLUMNS is the most important. `run` is there however little room there is.
    """
    ranks = {name: rank for rank, name in enumerate(IMPORTANCE)}
    fitting = set()
    left = room + gap
    for name in sorted(widths, key=lambda name: (name not in first, name in last, ranks.get(name, -1))):
        if widths[name] + gap <= left or name == "run":
            fitting.add(name)
            left -= widths[name] + gap
    return [name for name in widths if name in fitting]


def run_label(row: ComparisonRow) -> str:
    """Return the runs of a row in words: `run 2`, `runs 1-3`."""
    return f"run{'' if len(row.runs) == 1 else 's'} {cell_text(row, 'run')}"


def cell_text(row: ComparisonRow, name: str) -> str:
    """Return a cell as it is shown: a mean with its standard deviation for several seeds."""
    if name == "run":
        return _ranges([run.run for run in row.runs])
    if name == "seed" and len(row.runs) > 1:
        return f"{len(row.runs)} seeds"
    if name == "interval_low_pp":
        return _interval(row)
    value = row.value(name)
    if value is None:
        return "-"
    text = COLUMNS[name].text(value)
    if name == "head" and row.first.changes:
        return text + TURNED
    deviation = row.deviation(name)
    if deviation is None or (name == "epochs" and not deviation):
        return text
    return f"{text} {PLUS_MINUS}{COLUMNS[name].text(deviation)}"


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers as ranges: 1, 2, 3, 7 as `1-3,7`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _interval(row: ComparisonRow) -> str:
    """Return both ends, with a `p` if they are those of paired accuracies."""
    difference = row.difference
    if difference is None:
        return "-"
    if difference.interval is None:
        return difference.method
    low, high = map(_points, difference.interval)
    return f"{low} to {high}{' p' if difference.method == PAIRED else ''}"


def record(row: ComparisonRow) -> dict[str, Any]:
    """Return a row as plain values in full precision, by the names of FIELDS; None if there is none."""
    values = {name: row.value(name) for name in _VALUES}
    if len(row.runs) > 1:
        # Not as ranges: a spreadsheet takes 1-3 for a day.
        values["run"] = " ".join(str(run.run) for run in row.runs)
    values["changes"] = "; ".join(row.first.changes) or None
    values["seeds"] = len(row.runs)
    return values | {f"{name}_sd": row.deviation(name) for name in _DEVIATIONS}


def as_tsv(rows: Sequence[ComparisonRow]) -> str:
    """Return the rows with a header, tab-separated in full precision, for a spreadsheet to take over.

    Columns that are empty in every row are left out.
    """
    records = [record(row) for row in rows]
    names = [name for name in FIELDS if any(values[name] is not None for values in records)]
    lines = [names, *([plain_cell(values[name]) for name in names] for values in records)]
    return "".join("\t".join(line) + "\n" for line in lines)


def plain_cell(value: object) -> str:
    """Return a value as a cell that a spreadsheet does not take for a formula."""
    if value is None:
        return ""
    text = escape_control_chars(value)
    is_formula = isinstance(value, str) and text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if is_formula else text
