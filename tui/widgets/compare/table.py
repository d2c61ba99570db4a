"""The comparison as lines: header and rows, with the columns there is room for."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.analysis.comparison import PAIRED, UNPAIRED, Comparison, ComparisonRow, Order
from logreg_tui.core.analysis.comparison_columns import COLUMNS, cell_text, columns_of, fitting_columns
from logreg_tui.tui.number_format import first_fitting, shorten
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.cells import ink, plain_text
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.spans import Span, strip_of

OF_PINNED = ("difference_pp", "interval_low_pp")
NARROW = 80
"""Cells below which one space parts the columns."""
NAME_SHARE = 0.2
"""Share of the width that the names of experiments take at most."""
SHORTEST_NAME = 12
BOLD = Style(bold=True)


class CompareTable:
    """The rows of a comparison as text, laid out for a width in cells."""

    def __init__(self, comparison: Comparison, live: str, width: int, glyphs: Glyphs, is_dark: bool) -> None:
        """Lay out the rows; runs of the directory `live` have a colour and need no name."""
        self._rows = rows = comparison.rows
        self._pinned = comparison.pinned
        self._order = comparison.order or Order()
        self._live = live
        self._longest_name = max(SHORTEST_NAME, round(NAME_SHARE * width))
        self._glyphs = glyphs
        self._dark = is_dark
        self._gap = " " if width < NARROW else "  "
        self._cells = {name: [self._cell(row, name) for row in rows] for name in columns_of(rows)}
        widths = {name: max(map(len, [self._title(name), *cells])) for name, cells in self._cells.items()}
        alike = {
            name
            for name, cells in self._cells.items()
            if COLUMNS[name].is_setting and len(rows) > 1 and len(set(cells)) == 1
        }
        room = width - len(glyphs.swatch)
        shown = fitting_columns(widths, room, len(self._gap), {"run", self._order.column}, alike)
        self._widths = {name: widths[name] for name in shown}
        """Left to right."""
        best = [row.value("test_accuracy") for row in rows]
        self._best = max((value for value in best if value is not None), default=None)

    def _cell(self, row: ComparisonRow, name: str) -> str:
        is_ascii = self._glyphs.is_ascii
        text = cell_text(row, name)
        if name != "run":
            return plain_text(text, is_ascii)
        if row.first.key.directory != self._live:
            text = f"{row.first.origin.experiment} {text}"
        state = self._glyphs.symbol(row.first.state)
        mark = ("*" if is_ascii else "◆") if self._pinned in row.keys else " "
        name = shorten(plain_text(text, is_ascii), self._longest_name, self._glyphs.dots)
        return f"{state}{mark}{name}"

    def _title(self, name: str) -> str:
        title = COLUMNS[name].title
        if name == "run":
            title = f"  {title}"
        if name == "l2" and not self._glyphs.is_ascii:
            title = self._glyphs.lambda_
        if name != self._order.column:
            return title
        up, down = ("^", "v") if self._glyphs.is_ascii else ("▲", "▼")
        return title + (down if self._order.descending else up)

    def header(self, style: Style, sorted_style: Style) -> Strip:
        """Return the line of titles."""
        spans: list[Span] = [(" " * len(self._glyphs.swatch), style)]
        for name in self._widths:
            title = self._padded(name, self._title(name))
            spans += [(title, sorted_style if name == self._order.column else style), (self._gap, style)]
        return strip_of(spans[:-1])

    def line(self, index: int) -> Strip:
        row = self._rows[index]
        is_live = row.first.key.directory == self._live
        swatch = ink(run_color(row.first.run, self._dark)) if is_live else None
        spans: list[Span] = [(self._glyphs.swatch if is_live else " ", swatch)]
        plain = ""
        for name in self._widths:
            text = self._padded(name, self._cells[name][index])
            if self._stands_out(row, name):
                spans += [(plain, None), (text, BOLD)]
                plain = self._gap
            else:
                plain += text + self._gap
        return strip_of([*spans, (plain.rstrip(), None)])

    def _padded(self, name: str, text: str) -> str:
        width = self._widths[name]
        return text.ljust(width) if COLUMNS[name].is_text else text.rjust(width)

    def _stands_out(self, row: ComparisonRow, name: str) -> bool:
        """Return whether it is the best accuracy, or a difference whose interval is on one side of 0."""
        if name == "test_accuracy":
            return len(self._rows) > 1 and self._best is not None and row.value(name) == self._best
        interval = None if row.difference is None else row.difference.interval
        return name in OF_PINNED and interval is not None and (interval.low > 0 or interval.high < 0)

    def column_at(self, x: int) -> str | None:
        """Return the column under a cell, or None."""
        left = len(self._glyphs.swatch)
        for name, width in self._widths.items():
            left += width + len(self._gap)
            if x < left:
                return name
        return None


def method_note(methods: set[str], reference: str, width: int) -> str:
    """Return what the differences are and how their intervals were computed, as far as there is room."""
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
    return first_fitting(versions, width)
