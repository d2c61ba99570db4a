"""The way in which the columns of a table become features, learnt on the training set and kept with it.

Neither numpy nor polars is imported here: whatever reads config.json loads this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logreg_tui.core.file_options import FILLS


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: one feature, or one for each of its texts."""

    name: str
    categories: tuple[str, ...] | None = None
    """The texts of the training set, sorted, each a feature of 0 or 1; None for a column of numbers."""
    fill: float | None = None
    """The number that stands for a missing one; None refuses them."""

    @property
    def feature_names(self) -> list[str]:
        """The names of its features."""
        if self.categories is None:
            return [self.name]
        return [f"{self.name}={category}" for category in self.categories]


@dataclass(frozen=True, slots=True)
class TableEncoding:
    """The columns that are features, in their order, with the scaling of `--pixels`."""

    label: str
    columns: tuple[TableColumn, ...]
    fill: str | None = None
    """One of FILLS, or None: gaps are refused. A gap in a column of texts is none of its categories."""
    shift: tuple[float, ...] = ()
    """Of the scaling (value - shift) / divisor: one for each feature or one for all; none without scaling."""
    divisor: tuple[float, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of all features."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def texts(self) -> set[str]:
        """The names of the columns of texts."""
        return {column.name for column in self.columns if column.categories is not None}

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` turns back."""
        return {
            "label": self.label,
            "fill": self.fill,
            "columns": [
                {
                    "name": column.name,
                    **({} if column.categories is None else {"categories": list(column.categories)}),
                    **({} if column.fill is None else {"fill": column.fill}),
                }
                for column in self.columns
            ],
            "shift": list(self.shift),
            "divisor": list(self.divisor),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TableEncoding:
        """Read what `to_json` gave. Raises ValueError or another built-in error on bad values."""
        if record["fill"] not in (None, *FILLS) or not isinstance(record["label"], str):
            raise ValueError("the encoding of the table is damaged")
        encoding = cls(
            record["label"],
            tuple(_column(column) for column in record["columns"]),
            record["fill"],
            _numbers(record["shift"]),
            _numbers(record["divisor"]),
        )
        sizes = {0, 1, len(encoding.feature_names)}
        if len(encoding.shift) != len(encoding.divisor) or len(encoding.shift) not in sizes:
            raise ValueError("the scaling of the table does not fit its features")
        return encoding


def _column(record: Mapping[str, Any]) -> TableColumn:
    categories, fill = record.get("categories"), record.get("fill")
    if categories is not None:
        categories = tuple(_text(category) for category in categories)
    return TableColumn(_text(record["name"]), categories, None if fill is None else float(fill))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no name")
    return value


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))
