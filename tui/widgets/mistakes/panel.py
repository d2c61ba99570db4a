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
    from logreg_tui.tui.widgets.mistakes.images import PageLayout

LEAST_REST_S = 0.9
REST = 25
"""The analysis rests this many times as long as it took: 4 % of one processor."""


class MistakesPanel(ParametersPanel):
    """The confusion matrix under a cursor, the samples of a cell or one; computed on another thread."""

    DEFAULT_CSS = "MistakesPanel { width: 1fr; height: 1fr; }"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("arrows", "Move to another cell (rows are labels, columns predictions) or sample"),
        ("home", "Go to the most frequent mistake, to the first sample"),
        ("enter click", "Look at the test samples of the cell, then enlarge one"),
        ("left right", "With one enlarged: the sample before, the next one"),
        ("pageup pagedown", "Turn the page of samples"),
        ("escape", "Back to the samples, back to the table"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page before", show=False),
        Binding("pagedown", "page(1)", "Next page", show=False),
        Binding("home", "worst", "Most frequent mistake", show=False),
        Binding("enter", "look", "Look at the samples, enlarge one", show=False),
        Binding("escape", "back", "Back", show=False),
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
    _chosen = 0
    """Number of the sample that the cursor is on, or of the next one in the cell."""

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
        elif self._analysis is not None and self._page is not None and not self._is_read:
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
        """The samples of the cell that is looked at, once some have been read: those asked for, or others."""
        shown, page = self._shown(), self._page
        if shown is None or shown.cell is None or page is None:
            return None
        at = shown.cell.page
        return shown.cell if (at.label, at.predicted) == (page.label, page.predicted) else None

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
            return draw_matrix(shown.mistakes, shown.parameters.head, view, style, self._class_names)
        # While another page or sample is being read the one before stays.
        cell = self._cell
        if cell is None:
            return text_lines("Reading the samples.", width, style)
        sheet = self.sheet(style, changes_often=False)
        if self._page.enlarged is not None and cell.enlarged is not None:
            from logreg_tui.tui.widgets.mistakes.enlarged_sample import draw_enlarged

            return draw_enlarged(
                cell, cell.enlarged, shown.parameters, width, height, self.has_focus, style, sheet
            )
        from logreg_tui.tui.widgets.mistakes.images import draw_images

        cursor = self._sample_under_cursor(cell) if self.has_focus else None
        return draw_images(cell, shown.parameters, width, height, cursor, style, sheet)

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

    @property
    def _class_names(self) -> tuple[str, ...]:
        return () if self._dataset is None else self._dataset.class_names

    def _layout(self, shown: ErrorAnalysis) -> MatrixLayout:
        counts = shown.mistakes.counts
        return lay_out(len(counts), int(counts.max()), *self.content_size, self._class_names)

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
        """Move the cursor over the cells or the samples; of one that is enlarged, go to the next or back."""
        shown = self._shown()
        if shown is None or self._cursor is None:
            return
        if self._page is not None:
            across = 1 if self._page.enlarged is not None else self._page_layout.across
            self._move_sample(rows * across + columns)
            return
        last = len(shown.mistakes.counts) - 1
        row, column = self._cursor
        self._cursor = max(0, min(row + rows, last)), max(0, min(column + columns, last))
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Move the cursor by as many rows as are in view; among samples, turn the page."""
        shown = self._shown()
        if self._page is not None:
            self._move_sample(pages * self._page_layout.samples)
        elif shown is not None:
            self.action_move(pages * self._layout(shown).rows, 0)

    def action_worst(self) -> None:
        """Move the cursor to the most frequent mistake; among samples, go to the first one."""
        shown = self._shown()
        if shown is None:
            return
        if self._page is not None:
            self._move_sample(-len(shown.mistakes.labels))
            return
        self._cursor = shown.mistakes.worst
        self.redraw()

    def action_look(self) -> None:
        """Show the samples of the cell under the cursor; enlarge the one under it, or show all again."""
        if self._shown() is None or self._cursor is None:
            return
        if self._page is None:
            self._chosen = 0
            self._look_at(CellPage(*self._cursor))
        elif self._page.enlarged is not None:
            self.action_back()
        elif self._cell is not None and len(self._cell.numbers):
            self._choose(self._cell, self._sample_under_cursor(self._cell), is_enlarged=True)

    def action_back(self) -> None:
        """Show all samples again, or the table."""
        if self._page is not None and self._page.enlarged is not None:
            self._look_at(replace(self._page, enlarged=None))
        else:
            self._page = None
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor under the mouse, if it is there show the samples; enlarge one, or go back."""
        shown, at = self._shown(), event.get_content_offset(self)
        if shown is None or at is None:
            return
        if self._page is not None:
            self._click_samples(at.x, at.y)
            return
        cell = self._layout(shown).cell_at(at.x, at.y, self._first)
        if cell == self._cursor:
            self.action_look()
        elif cell is not None:
            self._cursor = cell
            self.redraw()

    def turn_wheel(self, direction: int) -> None:
        """Move down or up; among samples, turn the page."""
        if self._page is not None and self._page.enlarged is None:
            self.action_page(direction)
        else:
            self.action_move(direction, 0)

    # Samples

    @property
    def _is_read(self) -> bool:
        """True if what is looked at of the cell has been read."""
        return self._cell is not None and self._cell.page == self._page

    @property
    def _page_layout(self) -> PageLayout:
        from logreg_tui.tui.widgets.mistakes.images import arrange, page_layout

        cell = self._cell
        return page_layout(cell, *self.content_size) if cell else arrange(None, 0, *self.content_size)

    def _look_at(self, page: CellPage) -> None:
        """Show this, read if it has not been yet."""
        self._page = page
        self._analyse_if_needed()
        self.redraw()

    def _sample_under_cursor(self, cell: CellSamples) -> int:
        """Return the number of the sample; of those in view if the cell has changed."""
        assert self._page is not None
        if self._page.enlarged is not None or not len(cell.numbers):
            return self._chosen
        first, size = cell.index(self._page.first), self._page_layout.samples
        shown = cell.numbers[first : first + size]
        return int(shown[max(0, min(cell.index(self._chosen) - first, len(shown) - 1))])

    def _move_sample(self, steps: int) -> None:
        """Go to the sample of the cell some steps further on."""
        cell, page = self._cell, self._page
        if cell is not None and page is not None and len(cell.numbers):
            number = cell.further(self._sample_under_cursor(cell), steps)
            self._choose(cell, number, is_enlarged=page.enlarged is not None)

    def _choose(self, cell: CellSamples, number: int, *, is_enlarged: bool) -> None:
        """Move the cursor to a sample of the cell, turning the page if it is on another one."""
        assert self._page is not None
        self._chosen = number
        first = cell.first_of_page(self._page.first, number, self._page_layout.samples)
        self._look_at(replace(self._page, first=first, enlarged=number if is_enlarged else None))

    def _click_samples(self, x: int, y: int) -> None:
        """Enlarge the sample under the mouse, or show all again."""
        cell, page = self._cell, self._page
        if page is None or page.enlarged is not None:
            self.action_back()
        elif cell is not None:
            at = self._page_layout.sample_at(x, y)
            if at is not None and at < len(cell.samples):
                self._choose(cell, cell.samples[at].number, is_enlarged=True)
