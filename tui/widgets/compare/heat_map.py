"""Test accuracy by two settings as a heat map with numbers. Nothing here knows of a screen.

Where a terminal has no colours to shade with, or 16 of them, a character in front of the number is the shade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.analysis.comparison_columns import COLUMNS
from logreg_tui.tui.number_format import first_fitting, shorten
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.cells import ink, plain_text
from logreg_tui.tui.widgets.chart_style import ChartStyle, cursor_style
from logreg_tui.tui.widgets.compare.run_grid import BEST, GridCell, RunGrid, value_text
from logreg_tui.tui.widgets.few_colors import SIXTEEN
from logreg_tui.tui.widgets.palette import Rgb, blend, readable_on
from logreg_tui.tui.widgets.scrolling_lines import first_in_view
from logreg_tui.tui.widgets.spans import Span, paint, strip_of

HINTS = (
    "arrows choose a cell  enter selects its run  b best or latest  {x}t table",
    "enter selects the run  b best or latest  {x}t table",
    "enter select  b best/latest  {x}t table",
)
OTHER_AXES = "x other settings  "
"""Of HINTS, if the runs span more than two settings."""
LEVELS = 9
HOT_ON_DARK: Rgb = (24, 112, 190)
HOT_ON_LIGHT: Rgb = (92, 156, 220)
SHADES, PLAIN_SHADES = " ░▒▓█", " .:+#"
SPREAD = 4
"""Cells that lie further below the best than so many times the median does share the weakest shade."""
LONG, SHORT = 6, 4
"""Cells of a number: `0.9213`, or `.921`."""
MARGIN = 2
"""Cells of the shade before the number and of the mark behind it."""
MOST_LABEL = 12
MOST_CELL = 13
COUNT_ROOM = 3
"""Cells of the number of seeds behind the accuracy."""
TALL = 3
"""Lines of a cell if there is room for all rows."""
AROUND = 5
"""Lines around the rows: title, values across, legend, the line on the cursor, keys."""


@dataclass(frozen=True, slots=True)
class MapLayout:
    """The places of the parts of the map, in cells, and what of it is in view."""

    label_width: int
    cell_width: int
    digits: int
    """LONG or SHORT."""
    rows: range
    columns: range
    row_height: int
    """Lines of a row, an odd number."""
    top = 2
    """The line of the first row."""

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Return the place of the grid at a place of the panel, or None."""
        row, column = (y - self.top) // self.row_height, (x - self.label_width) // self.cell_width
        if x < self.label_width or not (0 <= row < len(self.rows) and column < len(self.columns)):
            return None
        return self.rows[row], self.columns[column]


def lay_out(
    grid: RunGrid, place: tuple[int, int], first: tuple[int, int], width: int, height: int
) -> MapLayout:
    """Return the layout in which the cell at `place` is in view; `first` is the first cell in view before."""
    labels = [value_text(grid.axes.down, value) for value in grid.down]
    title = COLUMNS[grid.axes.down].title
    label_width = min(MOST_LABEL, max(map(len, (title, *labels)))) + 1
    room = max(1, width - label_width)
    longest = max(len(value_text(grid.axes.across, value)) for value in grid.across) + 1
    wanted = max(LONG + MARGIN + (COUNT_ROOM if grid.averages_seeds else 0), min(longest, MOST_CELL))
    digits = LONG if len(grid.across) * (LONG + MARGIN) <= room else SHORT
    columns = max(1, min(len(grid.across), room // (digits + MARGIN)))
    cell_width = max(digits + MARGIN, min(wanted, room // columns))
    # Title, values across, the line on the cursor; legend and keys if there is room.
    rows = max(1, min(len(grid.down), height - 3))
    top, left = (
        first_in_view(before, at, page, count)
        for before, at, page, count in zip(
            first, place, (rows, columns), (len(grid.down), len(grid.across)), strict=True
        )
    )
    row_height = TALL if len(grid.down) * TALL + AROUND <= height else 1
    in_view = range(top, top + rows), range(left, left + columns)
    return MapLayout(label_width, cell_width, digits, *in_view, row_height)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One drawing of the map."""

    grid: RunGrid
    place: tuple[int, int]
    """Of the cursor."""
    layout: MapLayout
    style: ChartStyle
    glyphs: Glyphs
    has_focus: bool
    live: str
    """The directory whose runs need no name."""
    has_other_axes: bool = False
    """True if there are other settings that the runs span."""

    def lines(self, width: int, height: int) -> list[Strip]:
        """Return the map with title, legend, the line on the cursor, and keys as far as there is room."""
        rows = [line for at in self.layout.rows for line in self._row(at)]
        hints = [hint.format(x=OTHER_AXES if self.has_other_axes else "") for hint in HINTS]
        notes = [self._legend(width), self._about(width), self._text(first_fitting(hints, width))]
        room = height - 2 - len(rows)
        # The line on the cursor goes last.
        notes = notes if room >= len(notes) else notes[:2] if room == 2 else notes[1:2]
        blank = [Strip.blank(0)] * (room - len(notes))
        title = strip_of([(self._shown(first_fitting(self._titles(), width)), ink(None, bold=True))])
        return [line.crop(0, width) for line in (title, self._header(), *rows, *blank, *notes)][:height]

    def _shown(self, text: str) -> str:
        return plain_text(text, self.glyphs.is_ascii)

    def _text(self, text: str) -> Strip:
        return strip_of([(self._shown(text), self.style.muted)])

    def _setting(self, name: str) -> str:
        return self.glyphs.lambda_ if name == "l2" else COLUMNS[name].title

    def _titles(self) -> Sequence[str]:
        grid = self.grid
        kind = "best" if grid.metric == BEST else "latest"
        axes = f"{self._setting(grid.axes.down)} down, {self._setting(grid.axes.across)} across"
        means = ", mean of seeds" if grid.averages_seeds else ""
        others = ", best of what else differs" if grid.takes_best else ""
        part = self._part_in_view()
        return (
            f"{kind.capitalize()} test accuracy: {axes}{means}{others}{part}",
            f"{kind.capitalize()} test accuracy: {axes}{part}",
            f"{kind} test acc: {axes}",
            axes,
        )

    def _part_in_view(self) -> str:
        layout, grid = self.layout, self.grid
        parts = [
            f"{noun} {view.start + 1}-{view.stop} of {len(values)}"
            for noun, view, values in (
                ("rows", layout.rows, grid.down),
                ("columns", layout.columns, grid.across),
            )
            if len(view) < len(values)
        ]
        return f" ({', '.join(parts)})" if parts else ""

    def _value(self, name: str, value: object, room: int) -> str:
        text = self._shown(value_text(name, value))
        if len(text) > room and isinstance(value, float):
            text = f"{value:.2g}"
        return shorten(text, room, self.glyphs.dots)

    def _header(self) -> Strip:
        axes, layout, style = self.grid.axes, self.layout, self.style
        corner = shorten(self._setting(axes.down), layout.label_width - 1, self.glyphs.dots)
        parts: list[Span] = [(f"{corner:<{layout.label_width}}", style.muted)]
        for column in layout.columns:
            text = self._value(axes.across, self.grid.across[column], layout.cell_width - 1)
            mark = ink(None, bold=True) if column == self.place[1] else style.muted
            parts.append((f"{text:>{layout.cell_width - 1}} ", mark))
        return strip_of(parts)

    def _row(self, row: int) -> list[Strip]:
        """Return the lines of a row; the numbers stand in the middle one."""
        layout = self.layout
        label = self._value(self.grid.axes.down, self.grid.down[row], layout.label_width - 1)
        mark = ink(None, bold=True) if row == self.place[0] else self.style.muted
        parts: list[Span] = [(f"{label:>{layout.label_width - 1}} ", mark)]
        cells = [self._cell((row, column)) for column in layout.columns]
        # Where characters are the shades they are on each line.
        edge = strip_of(
            [(" " * layout.label_width, None), *((self._blank(text), own) for text, own in cells)]
        )
        edges = [edge] * (layout.row_height // 2)
        return [*edges, strip_of([*parts, *cells]), *edges]

    def _blank(self, text: str) -> str:
        front = text[0] if self._shades_with_characters and text[0] in self._shades else " "
        return f"{front:<{len(text)}}"

    def _cell(self, place: tuple[int, int]) -> tuple[str, Style]:
        width, cell = self.layout.cell_width, self.grid.cells.get(place)
        if cell is None:
            text, style = f"{self.style.pick('·', '.'):>{width - 1}} ", self.style.muted
        else:
            level = self._level(cell)
            shade = self._shades[round(level / (LEVELS - 1) * (len(self._shades) - 1))]
            front = shade if self._shades_with_characters else " "
            text = f"{front}{self._number(cell):>{width - MARGIN}}{self._mark(place, cell)}"
            style = self._heat(level, cell, is_best=place == self.grid.best)
        return text, cursor_style(self.has_focus, self.style) if place == self.place else style

    def _number(self, cell: GridCell) -> str:
        if cell.value is None:
            return "-"
        text = f"{cell.value:.{LONG - 2}f}"
        if self.layout.digits == SHORT:
            short = f"{cell.value:.{SHORT - 1}f}"
            text = short[1:] if short.startswith("0") else short[:SHORT]
        if self.grid.averages_seeds and self.layout.cell_width >= LONG + MARGIN + COUNT_ROOM:
            text += f"{self.style.pick('×', 'x')}{cell.count}"
        return text

    def _mark(self, place: tuple[int, int], cell: GridCell) -> str:
        if place == self.grid.best:
            return self.style.pick("★", "*")
        return self.glyphs.diverged if cell.diverged else " "

    @property
    def _shades_with_characters(self) -> bool:
        return self.style.monochrome or self.style.system == SIXTEEN

    @property
    def _shades(self) -> str:
        return PLAIN_SHADES if self.style.ascii_only else SHADES

    @property
    def _range(self) -> tuple[float, float]:
        """The accuracies of the weakest and of the strongest shade."""
        values = [
            cell.value
            for cell in self.grid.cells.values()
            if cell.value is not None and not cell.has_only_diverged
        ]
        if not values:
            return 0.0, 1.0
        high = max(values)
        return max(min(values), high - SPREAD * max(high - median(values), 1e-4)), high

    def _level(self, cell: GridCell) -> int:
        """Return the shade of a cell, from 0 to LEVELS - 1."""
        low, high = self._range
        if cell.value is None or cell.has_only_diverged:
            return 0
        share = (cell.value - low) / (high - low) if high > low else 1.0
        return round((LEVELS - 1) * max(0.0, min(1.0, share)))

    def _heat(self, level: int, cell: GridCell, *, is_best: bool) -> Style:
        if cell.value is None or cell.has_only_diverged:
            return self.style.alarm if cell.has_only_diverged else self.style.muted
        if self._shades_with_characters:
            return ink(None, bold=is_best)
        return _shaded(level, self.style.dark, self.style.background, is_best)

    def _legend(self, width: int) -> Strip:
        low, high = self._range
        parts: list[Span] = [(f"{low:.4f} or less ", self.style.muted)]
        if self._shades_with_characters:
            parts.append((f"[{self._shades}]", None))
        else:
            parts += [
                (" ", _shaded(level, self.style.dark, self.style.background, False))
                for level in range(LEVELS)
            ]
        parts.append((f" {high:.4f}", self.style.muted))
        marks = f"  {self.style.pick('★', '*')} best"
        if any(cell.diverged for cell in self.grid.cells.values()):
            marks += f"  {self.glyphs.diverged} diverged"
        return strip_of([*parts, (marks, self.style.muted)]).crop(0, width)

    def _about(self, width: int) -> Strip:
        """Return the line on the cell under the cursor."""
        cell, axes = self.grid.cells[self.place], self.grid.axes
        row, column = self.place
        down = f"{self._setting(axes.down)} {value_text(axes.down, self.grid.down[row])}"
        across = f"{self._setting(axes.across)} {value_text(axes.across, self.grid.across[column])}"
        figure = "no row yet" if cell.value is None else f"{cell.value:.4f}"
        seeds = f", mean of {cell.count} seeds" if cell.count > 1 else ""
        first = cell.runs[0]
        name = "" if first.origin.directory == self.live else f"{first.origin.experiment} "
        run = f", {'best ' if len(cell.runs) > 1 else ''}{name}run {first.run}"
        bad = cell.diverged
        diverged = f", {bad} of {len(cell.runs)} diverged" if bad and len(cell.runs) > 1 else ""
        diverged = ", diverged" if bad and not diverged else diverged
        others = f", best of {len(cell.keys)} runs" if cell.others else ""
        versions = (
            f"{down}, {across}: {figure}{seeds}{run}{diverged}{others}",
            f"{down}, {across}: {figure}{seeds}{diverged}",
            f"{down}, {across}: {figure}",
        )
        return strip_of([(self._shown(first_fitting(versions, width)), None)])


@lru_cache(maxsize=256)
def _shaded(level: int, dark: bool, background: Rgb, bold: bool) -> Style:
    hot = HOT_ON_DARK if dark else HOT_ON_LIGHT
    color = blend(background, hot, 0.06 + 0.94 * level / (LEVELS - 1))
    return paint(readable_on(color), color, bold)
