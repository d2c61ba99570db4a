"""Drawing of the tab that compares runs: the table, or the list of experiments that may be included."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.strip import Strip

from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.cells import plain_text
from logreg_tui.tui.widgets.compare.chooser import Chooser
from logreg_tui.tui.widgets.compare.heat_map import HeatMap, MapLayout, lay_out
from logreg_tui.tui.widgets.compare.state import CompareState
from logreg_tui.tui.widgets.compare.table import CompareTable, method_note
from logreg_tui.tui.widgets.panel import LinePanel, chart_style_of
from logreg_tui.tui.widgets.scrolling_lines import first_in_view
from logreg_tui.tui.widgets.spans import strip_of

LINES_PER_NOTE = 3
"""Lines of the table for each note under it."""
HINTS = (
    "</> sort by  o reverse  p pin  g fold seeds  i include experiments  ctrl+y copy",
    "</> sort  o reverse  p pin  g seeds  i include  ctrl+y copy",
    "</> sort  p pin  g seeds  i include  ctrl+y copy",
    "</> sort  p pin  i include  ctrl+y copy",
)
MAP_HINT = "t heat map  "
"""In front of the others if the runs span two settings."""
DEVIATION_NOTE = "± standard deviation over the seeds (n - 1)"


class CompareView(LinePanel):
    """The lines of the tab, of a state and a chooser that a subclass moves in."""

    DEFAULT_CSS = """
    CompareView { width: 1fr; height: 1fr; }
    CompareView > .compare--header, CompareView > .compare--note { color: $text-muted; }
    CompareView > .compare--sorted { text-style: bold; color: $text-primary; }
    CompareView > .compare--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    CompareView > .compare--cursor-blurred { background: $block-cursor-blurred-background; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"compare--{name}" for name in ("header", "note", "sorted", "cursor", "cursor-blurred")
    }

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(glyphs=glyphs, id=id)
        self._state = CompareState()
        self._top = 0
        self._table: CompareTable | None = None
        self._chooser: Chooser | None = None
        self._wants_map = False
        """True if the user asked for the map: it is shown while the runs span two settings."""
        self._map: MapLayout | None = None

    def lines(self, width: int, height: int) -> list[Strip]:
        if self._chooser is not None:
            return self._chooser_lines(self._chooser, width, height)
        if self.shows_map:
            return self._map_lines(width, height)
        if self._state.comparison.rows:
            return self._table_lines(width, height)
        text = "Waiting for the first run." if self._state.is_empty else "No run matches the filter."
        return [self._text(text, "note")]

    @property
    def shows_map(self) -> bool:
        """True if the map is what is shown."""
        return self._wants_map and self._chooser is None and self._state.grid is not None

    def _map_lines(self, width: int, height: int) -> list[Strip]:
        grid, place = self._state.grid, self._state.place
        assert grid is not None
        before = (self._map.rows.start, self._map.columns.start) if self._map is not None else (0, 0)
        layout = self._map = lay_out(grid, place, before, width, height)
        style = chart_style_of(self)
        live, others = self._state.directory, self._state.has_other_axes
        drawing = HeatMap(grid, place, layout, style, self.glyphs, self.has_focus, live, others)
        return drawing.lines(width, height)

    def _table_lines(self, width: int, height: int) -> list[Strip]:
        state, rows, cursor = self._state, self._state.comparison.rows, self._state.cursor
        is_dark = self.app.current_theme.dark
        table = self._table = CompareTable(state.comparison, state.directory, width, self.glyphs, is_dark)
        texts = [method_note(state.comparison.methods, state.reference, width)] if state.reference else []
        if state.folds_seeds:
            texts.append(DEVIATION_NOTE)
        texts.append(first_fitting([f"{MAP_HINT if state.grid else ''}{hint}" for hint in HINTS], width))
        notes = [self._text(text, "note") for text in texts[: (height - 1) // LINES_PER_NOTE]]
        shown = self._window(cursor, max(1, height - 1 - len(notes)), len(rows))
        lines = [self._with_cursor(table.line(index), index == cursor, width) for index in shown]
        lines += [Strip.blank(0)] * (height - 1 - len(notes) - len(lines))
        return [table.header(self._style("header"), self._style("sorted")), *lines, *notes]

    def _chooser_lines(self, chooser: Chooser, width: int, height: int) -> list[Strip]:
        texts = chooser.lines(self._state.included, width, self.glyphs)
        shown = self._window(chooser.cursor, max(1, height - 1), len(texts))
        lines = [
            self._with_cursor(self.strip([(texts[at], None)]), at == chooser.cursor, width) for at in shown
        ]
        return [self._text(chooser.title, "header"), *lines]

    def _window(self, cursor: int, page: int, lines: int) -> range:
        """Return the places of the lines in view, of which the cursor is one."""
        self._top = first_in_view(self._top, cursor, page, lines)
        return range(self._top, min(self._top + page, lines))

    def _with_cursor(self, strip: Strip, is_current: bool, width: int) -> Strip:
        if not is_current:
            return strip
        if self.app.no_color:
            style = Style(reverse=True) if self.has_focus else Style(underline=True)
        else:
            style = self._style("cursor" if self.has_focus else "cursor-blurred")
        return strip.adjust_cell_length(width).apply_style(style)

    def _text(self, text: str, style: str) -> Strip:
        return strip_of([(plain_text(text, self.glyphs.is_ascii), self._style(style))])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"compare--{name}")
