"""The comparison as lines: which columns there is room for, and the strips of header and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.analysis.compared_runs import RunKey
from logreg_tui.core.analysis.comparison import PAIRED, UNPAIRED, Row
from logreg_tui.core.analysis.comparison_columns import COLUMNS, IMPORTANCE, PLUS_MINUS, cell_text, columns_of
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.cells import ink, plain_text
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.spans import Part, strip_of

OF_PINNED = ("difference_pp", "interval_low_pp")
NARROW = 80
"""Cells below which one space parts the columns."""
NAME_SHARE = 5
"""The names of experiments take at most one cell in so many."""
SHORTEST_NAME = 12
BOLD = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Look:
    """What the terminal and the theme allow."""

    glyphs: Glyphs
    ascii_only: bool
    dark: bool

    @property
    def pin(self) -> str:
        return "*" if self.ascii_only else "◆"

    def shown(self, text: str) -> str:
        """Return text as this terminal can show it."""
        # Most cells are figures.
        if text.isascii() and text.isprintable():
            return text
        return plain_text(text.replace(PLUS_MINUS, "+-") if self.ascii_only else text, self.ascii_only)


@dataclass(frozen=True, slots=True)
class Order:
    """By which column the rows stand."""

    name: str = "run"
    descending: bool = False

    def reversed(self) -> Order:
        return Order(self.name, not self.descending)

    @classmethod
    def by(cls, name: str) -> Order:
        """Return the order of a column that has the best at the top."""
        return cls(name, COLUMNS[name].descends)


class Table:
    """The rows as text, laid out for a width in cells."""

    def __init__(
        self, rows: Sequence[Row], order: Order, pinned: RunKey | None, live: str, width: int, look: Look
    ) -> None:
        """Lay out the rows; `live` is the directory whose runs need no name, `pinned` gets a mark."""
        self._rows = rows
        self._order = order
        self._pinned = pinned
        self._live = live
        self._width = width
        self._look = look
        self._gap = " " if width < NARROW else "  "
        names = columns_of(rows)
        self._cells = {name: self._column(name) for name in names}
        widths = {name: max(map(len, [self._title(name), *cells])) for name, cells in self._cells.items()}
        self.widths = {name: widths[name] for name in names if name in self._fitting(names, widths)}
        """The columns that are shown, left to right, with their widths."""
        best = [row.value("test_accuracy") for row in rows]
        self._best = max((value for value in best if value is not None), default=None)

    def _column(self, name: str) -> list[str]:
        if name == "run":
            return [self._identity(row) for row in self._rows]
        return [self._look.shown(cell_text(row, name)) for row in self._rows]

    def _identity(self, row: Row) -> str:
        runs = cell_text(row, "run")
        if row.first.key.directory != self._live:
            runs = f"{row.first.experiment} {runs}"
        longest = max(SHORTEST_NAME, self._width // NAME_SHARE)
        mark = self._look.pin if self._pinned in row.keys else " "
        state = self._look.glyphs.symbol(_SYMBOLS.get(row.first.state, row.first.state))
        return f"{state}{mark}{shorten(self._look.shown(runs), longest, self._look.glyphs.dots)}"

    def _title(self, name: str) -> str:
        title = COLUMNS[name].title
        if name == "run":
            title = f"  {title}"
        if name == "l2":
            title = self._look.glyphs.lambda_ if not self._look.ascii_only else title
        if name != self._order.name:
            return title
        up, down = ("^", "v") if self._look.ascii_only else ("▲", "▼")
        return title + (down if self._order.descending else up)

    def _fitting(self, names: Sequence[str], widths: Mapping[str, int]) -> set[str]:
        """Return the columns there is room for; settings in which no two rows differ give way first."""
        alike = {
            name
            for name in names
            if COLUMNS[name].is_setting and len(self._rows) > 1 and len(set(self._cells[name])) == 1
        }
        fitting: set[str] = set()
        left = self._width - len(self._look.glyphs.swatch) + len(self._gap)
        for name in sorted(names, key=lambda name: self._rank(name, alike)):
            if widths[name] + len(self._gap) <= left:
                fitting.add(name)
                left -= widths[name] + len(self._gap)
        return fitting

    def _rank(self, name: str, alike: set[str]) -> tuple[bool, bool, int]:
        return name not in ("run", self._order.name), name in alike, IMPORTANCE.index(name)

    def header(self, style: Style, sorted_style: Style) -> Strip:
        """Return the line of titles."""
        parts: list[Part] = [(" " * len(self._look.glyphs.swatch), style)]
        for name in self.widths:
            title = self._padded(name, self._title(name))
            parts += [(title, sorted_style if name == self._order.name else style), (self._gap, style)]
        return strip_of(parts[:-1])

    def line(self, index: int) -> Strip:
        """Return one row."""
        row = self._rows[index]
        is_live = row.first.key.directory == self._live
        swatch = ink(run_color(row.first.run, self._look.dark)) if is_live else None
        parts: list[Part] = [(self._look.glyphs.swatch if is_live else " ", swatch)]
        plain = ""
        for name in self.widths:
            text = self._padded(name, self._cells[name][index])
            if self._stands_out(row, name):
                parts += [(plain, None), (text, BOLD)]
                plain = self._gap
            else:
                plain += text + self._gap
        return strip_of([*parts, (plain.rstrip(), None)])

    def _padded(self, name: str, text: str) -> str:
        width = self.widths[name]
        return text.ljust(width) if COLUMNS[name].is_text else text.rjust(width)

    def _stands_out(self, row: Row, name: str) -> bool:
        """Whether it is the best accuracy, or a difference whose interval is on one side of 0."""
        if name == "test_accuracy":
            return len(self._rows) > 1 and self._best is not None and row.value(name) == self._best
        interval = None if row.difference is None else row.difference.interval
        return name in OF_PINNED and interval is not None and (interval.low > 0 or interval.high < 0)

    def column_at(self, x: int) -> str | None:
        """Return the column under a cell, or None."""
        left = len(self._look.glyphs.swatch)
        for name, width in self.widths.items():
            if x < left + width + len(self._gap):
                return name
            left += width + len(self._gap)
        return None


_SYMBOLS = {"stopped": "paused", "interrupted": "paused"}


def method_note(rows: Sequence[Row], reference: str, width: int) -> str:
    """Say what the differences are and how their intervals were computed, as far as there is room."""
    methods = {row.difference.method for row in rows if row.difference is not None}
    if not methods & {PAIRED, UNPAIRED}:
        how = "; no interval: " + " and ".join(sorted(methods)) if methods else ""
    else:
        how = "; 95 % interval after Newcombe 1998, "
        how += "p: paired, else unpaired, which is wider" if PAIRED in methods else "unpaired, which is wider"
    short = how.replace("95 % interval after", "interval:").removesuffix(", which is wider")
    versions = (
        f"diff pp: test accuracy minus that of {reference} in percentage points{how}",
        f"diff: to {reference} in percentage points{short}",
        f"diff: to {reference}{short}",
    )
    return next((text for text in versions if len(text) <= width), versions[-1])
