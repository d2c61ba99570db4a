"""How the tables of a comparison look: aligned for a terminal of some width, or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from logreg_tui.core.analysis.comparison_columns import COLUMNS, IMPORTANCE
from logreg_tui.core.export.markdown import escaped, markdown_table

EXPERIMENT = "experiment"
"""A column beside COLUMNS, where the runs are of several experiments."""
GAP = "  "
DOTS = "..."
NAME_SHARE = 4
"""Names of experiments take about one cell in so many where there is no room for everything."""
SHORTEST_NAME = 16


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text."""

    columns: Mapping[str, Sequence[str]]
    """Cells by the names of COLUMNS or EXPERIMENT, left to right."""

    @staticmethod
    def title(name: str) -> str:
        """Return the title of a column."""
        return name if name == EXPERIMENT else COLUMNS[name].title

    @property
    def titles(self) -> list[str]:
        """The header."""
        return [self.title(name) for name in self.columns]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The rows."""
        return list(zip(*self.columns.values(), strict=True))

    @property
    def right(self) -> set[int]:
        """The places of columns of numbers."""
        return {
            at for at, name in enumerate(self.columns) if name != EXPERIMENT and not COLUMNS[name].is_text
        }

    @property
    def widths(self) -> dict[str, int]:
        """Cells that each column takes."""
        return {name: max(map(len, (self.title(name), *cells))) for name, cells in self.columns.items()}


class Layout(Protocol):
    """A way to write tables and what is said of them."""

    def fit(self, table: Table, order: str | None) -> Table:
        """Return the columns there is room for, `order` being one that matters."""
        ...

    def table(self, table: Table) -> str:
        """Return a table."""
        ...

    def text(self, text: str) -> str:
        """Return a paragraph."""
        ...

    def notes(self, notes: Iterable[str]) -> str:
        """Return lines below a table."""
        ...


class Markdown:
    """Tables of GitHub's Markdown."""

    def fit(self, table: Table, order: str | None) -> Table:
        return table

    def table(self, table: Table) -> str:
        lines = ([escaped(cell) for cell in line] for line in table.lines)
        return markdown_table(table.titles, lines, table.right)

    def text(self, text: str) -> str:
        return escaped(text)

    def notes(self, notes: Iterable[str]) -> str:
        return "\n".join(f"- {escaped(note)}" for note in notes)


@dataclass(frozen=True, slots=True)
class Plain:
    """Aligned columns in so many cells, or in any number of them."""

    width: int | None

    def fit(self, table: Table, order: str | None) -> Table:
        if self.width is None or _total(table.widths) <= self.width:
            return table
        table = _with_short_names(table, max(SHORTEST_NAME, self.width // NAME_SHARE))
        fitting: dict[str, int] = {}
        for name in sorted(table.columns, key=lambda name: _rank(name, order)):
            more = {**fitting, name: table.widths[name]}
            if _total(more) <= self.width or name == "run":
                fitting = more
        return Table({name: cells for name, cells in table.columns.items() if name in fitting})

    def table(self, table: Table) -> str:
        widths, right = list(table.widths.values()), table.right
        lines = (
            GAP.join(
                cell.rjust(width) if at in right else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (table.titles, *table.lines)
        )
        return "\n".join(line.rstrip() for line in lines)

    def text(self, text: str) -> str:
        if self.width is None:
            return text
        return textwrap.fill(text, self.width, subsequent_indent=GAP, break_on_hyphens=False)

    def notes(self, notes: Iterable[str]) -> str:
        return "\n".join(map(self.text, notes))


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(GAP) * max(0, len(widths) - 1)


def _rank(name: str, order: str | None) -> tuple[bool, int]:
    return name not in (EXPERIMENT, "run", order), -1 if name == EXPERIMENT else IMPORTANCE.index(name)


def _with_short_names(table: Table, width: int) -> Table:
    """Return the table with the names of experiments shortened to a width at which they still differ."""
    names = table.columns.get(EXPERIMENT, ())
    for length in range(width, max(map(len, names), default=0)):
        short = [name if len(name) <= length else name[: length - len(DOTS)] + DOTS for name in names]
        if len(set(short)) == len(set(names)):
            return Table({**table.columns, EXPERIMENT: short})
    return table
