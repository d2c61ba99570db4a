"""The tab of the selected run's mistakes on the test set, with the samples behind each count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.binding import Binding, BindingType
from textual.strip import Strip

from logreg_tui.tui.widgets.mistakes.confusion_matrix import (
    CellPage,
    MatrixLayout,
    MatrixView,
    draw_matrix,
    lay_out,
)
from logreg_tui.tui.widgets.panel import Panel, ParametersPanel, chart_style_of, text_lines
from logreg_tui.tui.widgets.scrolling_lines import first_in_view

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.training.history import History
    from logreg_tui.core.training.snapshots import ParametersSnapshot
    from logreg_tui.tui.widgets.mistakes.error_analysis import CellSamples, ErrorAnalysis

LEAST_REST_S = 0.9
REST = 25
"""The analysis rests this many times as long as it took: 4 % of one processor."""


class MistakesPanel(ParametersPanel):
    """The confusion matrix under a cursor, or the samples of a cell; computed on another thread."""

    DEFAULT_CSS = "MistakesPanel { width: 1fr; height: 1fr; }"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("arrows", "Move to another cell: rows are labels, columns predictions"),
        ("home", "Go to the most frequent mistake"),
        ("enter click", "Look at the test samples of the cell"),
        ("left right", "Turn the page of samples"),
        ("escape", "Back to the table"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page before", show=False),
        Binding("pagedown", "page(1)", "Next page", show=False),
        Binding("home", "worst", "Most frequent mistake", show=False),
        Binding("enter", "look", "Look at the samples", show=False),
        Binding("escape", "back", "Back to the table", show=False),
    ]

    clock: Callable[[], float] = monotonic
    _dataset: Dataset | None = None
    _analysis: ErrorAnalysis | None = None
    _problem = ""
    _is_analysing = False
    _analysed_at = -float("inf")
    _cursor: tuple[int, int] | None = None
    _first = (0, 0)
    _page: CellPage | None = None
    """The cell whose samples are looked at."""

    def signature(self, history: History, selected: int | None) -> tuple[object, ...]:
        """Return what is drawn, except what keys change, and whether there is something to compute."""
        parameters, waiting = self.newest(history, selected)
        return parameters, waiting, history.dataset, self._can_analyse(history.dataset, parameters)

    def draw(self, history: History, selected: int | None) -> None:
        """Show the mistakes of the selected run, computed anew if it is time."""
        self._dataset = history.dataset
        super().draw(history, selected)
        self._analyse_if_needed()

    # What is computed

    def _can_analyse(self, dataset: Dataset | None, parameters: ParametersSnapshot | None) -> bool:
        """Return whether there are parameters to look at, and it is time."""
        if dataset is None or parameters is None or self._is_analysing:
            return False
        if self._problem:
            return self._is_rested()
        if self._analysis is None or self._analysis.parameters.run != parameters.run:
            return True
        return self._analysis.parameters is not parameters and self._is_rested()

    def _is_rested(self) -> bool:
        duration_s = self._analysis.duration_s if self._analysis is not None else 0.0
        return self.clock() - self._analysed_at >= max(LEAST_REST_S, REST * duration_s)

    def _analyse_if_needed(self) -> None:
        """Have the matrix, or the samples that are looked at, computed if that is needed."""
        if self._dataset is None or self._parameters is None or self._is_analysing:
            return
        if self._can_analyse(self._dataset, self._parameters):
            parameters = self._parameters
        elif self._analysis is not None and self._page is not None and self._cell is None:
            parameters = self._analysis.parameters
        else:
            return
        self._is_analysing = True
        # Loads numpy, for which the first frame does not wait.
        from logreg_tui.tui.widgets.mistakes.error_analysis import analyse_errors

        self.analyse(partial(analyse_errors, self._dataset, parameters, self._page, self._analysis))

    @on(Panel.Analysed)
    def take_analysis(self, event: Panel.Analysed) -> None:
        """Show what was computed, and go on if something else is wanted by now."""
        event.stop()
        self._is_analysing, self._analysed_at = False, self.clock()
        if isinstance(event.result, str):
            self._problem, self._page = event.result, None
        else:
            self._analysis, self._problem = cast("ErrorAnalysis", event.result), ""
            if self._cursor is None:
                self._cursor = self._analysis.mistakes.worst
        self._analyse_if_needed()
        self.redraw()

    @property
    def _cell(self) -> CellSamples | None:
        """The samples that are looked at, once they have been read."""
        cell = self._analysis.cell if self._analysis is not None else None
        return cell if cell is not None and cell.page == self._page else None

    # What is drawn

    def lines(self, width: int, height: int) -> list[Strip]:
        """Return the table, the samples of a cell, or why there is nothing to show."""
        style = chart_style_of(self)
        shown = self._shown()
        if shown is None or self._cursor is None or self._problem:
            return text_lines(self._reason(), width, style)
        if self._page is None:
            self._scroll_to_cursor(shown)
            view = MatrixView(width, height, self._cursor, self._first, self.has_focus)
            return draw_matrix(shown.mistakes, shown.parameters.head, view, style)
        # While another page is being read the one before stays.
        if shown.cell is None or (shown.cell.page.label, shown.cell.page.predicted) != self._cursor:
            return text_lines("Reading the samples.", width, style)
        from logreg_tui.tui.widgets.mistakes.images import draw_images

        return draw_images(shown.cell, shown.parameters, width, height, self.has_focus, style)

    def _shown(self) -> ErrorAnalysis | None:
        """Return the analysis of the selected run, if there is one."""
        if self._parameters is None or self._analysis is None:
            return None
        return self._analysis if self._analysis.parameters.run == self._parameters.run else None

    def _reason(self) -> str:
        if self._problem:
            return f"The mistakes cannot be shown: {self._problem}"
        if self._parameters is None:
            return self._waiting
        if self._dataset is None:
            return "The test set is not in this process: mistakes can be looked at where it is trained."
        return f"Looking at {len(self._dataset.test_labels):,} test samples."

    def _layout(self, shown: ErrorAnalysis) -> MatrixLayout:
        counts = shown.mistakes.counts
        return lay_out(len(counts), int(counts.max()), *self.content_size)

    def _scroll_to_cursor(self, shown: ErrorAnalysis) -> None:
        assert self._cursor is not None
        layout, classes = self._layout(shown), len(shown.mistakes.counts)
        row, column = (min(at, classes - 1) for at in self._cursor)
        self._cursor = row, column
        self._first = (
            first_in_view(self._first[0], row, layout.rows, classes),
            first_in_view(self._first[1], column, layout.columns, classes),
        )

    # Keys and mouse

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen if it has nothing to do here."""
        return self._page is not None if action == "back" else True

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor; among samples, turn the page."""
        shown = self._shown()
        if shown is None or self._cursor is None:
            return
        if self._page is not None:
            self._turn(rows + columns)
            return
        last = len(shown.mistakes.counts) - 1
        row, column = self._cursor
        self._cursor = max(0, min(row + rows, last)), max(0, min(column + columns, last))
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Move the cursor by as many rows as are in view; among samples, turn the page."""
        shown = self._shown()
        if shown is not None:
            self.action_move(pages * (1 if self._page is not None else self._layout(shown).rows), 0)

    def _turn(self, pages: int) -> None:
        """Show the samples of the cell that come after these, or before."""
        cell = self._cell
        if cell is None or self._page is None or not len(cell.numbers):
            return
        from logreg_tui.tui.widgets.mistakes.images import page_layout

        position = cell.position + pages * page_layout(cell, *self.content_size).samples
        if position < len(cell.numbers):
            first = int(cell.numbers[max(0, position)])
            self._page = replace(self._page, first=first)
            self._analyse_if_needed()

    def action_worst(self) -> None:
        """Move the cursor to the most frequent mistake; among samples, go to the first page."""
        shown = self._shown()
        if shown is None:
            return
        if self._page is not None:
            self._page = replace(self._page, first=0)
            self._analyse_if_needed()
            return
        self._cursor = shown.mistakes.worst
        self.redraw()

    def action_look(self) -> None:
        """Show the samples of the cell under the cursor."""
        if self._shown() is None or self._cursor is None or self._page is not None:
            return
        self._page = CellPage(*self._cursor, 0)
        self._analyse_if_needed()
        self.redraw()

    def action_back(self) -> None:
        self._page = None
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor under the mouse; if it is there already, show the samples."""
        shown, at = self._shown(), event.get_content_offset(self)
        if shown is None or at is None or self._page is not None:
            return
        cell = self._layout(shown).cell_at(at.x, at.y, self._first)
        if cell == self._cursor:
            self.action_look()
        elif cell is not None:
            self._cursor = cell
            self.redraw()

    def turn_wheel(self, direction: int) -> None:
        """Move down or up; among samples, turn the page."""
        self.action_move(direction, 0)
