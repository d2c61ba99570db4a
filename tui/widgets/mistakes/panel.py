"""The tab that shows where the selected run errs on the test set, and the samples behind each count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.strip import Strip

from logreg_tui.tui.widgets.mistakes.confusion_matrix import Layout, TableView, draw_table, lay_out
from logreg_tui.tui.widgets.mistakes.images import draw_images, page_of
from logreg_tui.tui.widgets.mistakes.study import CellSamples, Study, Wanted, study
from logreg_tui.tui.widgets.panel import LinePanel, Panel, chart_style_of, text_lines, waiting_for
from logreg_tui.tui.widgets.scrolling_lines import first_in_view

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.training.history import History
    from logreg_tui.core.training.snapshots import ParametersSnapshot

LEAST_REST_S = 0.9
REST = 25
"""The table rests this many times as long as it took: 4 % of one processor."""


class MistakesPanel(LinePanel):
    """A table under a cursor, or the samples of its cell; computed on another thread, one thing at a time."""

    DEFAULT_CSS = "MistakesPanel { width: 1fr; height: 1fr; }"
    TITLE: ClassVar[str] = "Mistakes"
    NEEDS_PARAMETERS: ClassVar[bool] = True
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("arrows", "Move to another cell: rows are labels, columns predictions"),
        ("home", "Go to the most frequent mistake"),
        ("enter, click", "Look at the test samples of the cell"),
        ("left, right", "Turn the page of samples"),
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

    def __init__(
        self,
        *,
        ascii_only: bool = False,
        watching: bool = False,
        clock: Callable[[], float] = monotonic,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._ascii_only = ascii_only
        self._watching = watching
        self._clock = clock
        self._waiting = ""
        self._dataset: Dataset | None = None
        self._parameters: ParametersSnapshot | None = None
        """The newest of the selected run; what is on the screen may be older."""
        self._study: Study | None = None
        self._problem = ""
        self._is_at_work = False
        self._worked_at = -float("inf")
        self._cursor: tuple[int, int] | None = None
        self._first = (0, 0)
        self._wanted: Wanted | None = None
        """The cell whose samples are looked at."""

    def signature(self, history: History, selected: int | None) -> object:
        """Return what is drawn, but for what keys change, and whether there is something to compute."""
        parameters = None if selected is None else history.parameters.get(selected)
        waiting = waiting_for(history, selected, self._watching)
        return history.dataset, parameters, waiting, self._can_study(history.dataset, parameters)

    def draw(self, history: History, selected: int | None) -> None:
        """Show the mistakes of the selected run, computing them anew where it is time."""
        self._parameters = None if selected is None else history.parameters.get(selected)
        self._dataset = history.dataset
        self._waiting = waiting_for(history, selected, self._watching)
        self._work()
        self.redraw()

    # What is computed

    def _can_study(self, dataset: Dataset | None, parameters: ParametersSnapshot | None) -> bool:
        """Return whether there are parameters to look at, and it is time."""
        if dataset is None or parameters is None or self._is_at_work:
            return False
        if self._problem:
            return self._is_rested()
        if self._study is None or self._study.parameters.run != parameters.run:
            return True
        return self._study.parameters is not parameters and self._is_rested()

    def _is_rested(self) -> bool:
        duration_s = self._study.duration_s if self._study is not None else 0.0
        return self._clock() - self._worked_at >= max(LEAST_REST_S, REST * duration_s)

    def _work(self) -> None:
        """Have the table, or the samples that are looked at, computed where that is needed."""
        if self._dataset is None or self._parameters is None or self._is_at_work:
            return
        if self._can_study(self._dataset, self._parameters):
            parameters = self._parameters
        elif self._study is not None and self._wanted is not None and self._cell is None:
            parameters = self._study.parameters
        else:
            return
        self._is_at_work = True
        self.analyse(partial(study, self._dataset, parameters, self._wanted, self._study), parameters)

    @on(Panel.Analysed)
    def take_study(self, event: Panel.Analysed) -> None:
        """Show what was computed, and go on where something else is wanted by now."""
        event.stop()
        self._is_at_work, self._worked_at = False, self._clock()
        if isinstance(event.result, Study):
            self._study, self._problem = event.result, ""
            if self._cursor is None:
                self._cursor = self._study.mistakes.worst
        else:
            self._problem, self._wanted = str(event.result), None
        self._work()
        self.redraw()

    @property
    def _cell(self) -> CellSamples | None:
        """The samples that are looked at, once they have been read."""
        cell = self._study.cell if self._study is not None else None
        return cell if cell is not None and cell.wanted == self._wanted else None

    # What is drawn

    def lines(self, width: int, height: int) -> list[Strip]:
        """Return the table, the samples of a cell, or why there is nothing to show."""
        look = chart_style_of(self, self._ascii_only)
        shown = self._shown()
        if shown is None or self._cursor is None or self._problem:
            return text_lines(self._reason(), width, look)
        if self._wanted is None:
            self._first = self._scrolled(shown)
            view = TableView(width, height, self._cursor, self._first, self.has_focus)
            return draw_table(shown.mistakes, shown.parameters.head, view, look)
        # While another page is being read the one before stays.
        if shown.cell is None or (shown.cell.wanted.label, shown.cell.wanted.predicted) != self._cursor:
            return text_lines("Reading the samples.", width, look)
        return draw_images(shown.cell, shown.parameters, width, height, self.has_focus, look)

    def _shown(self) -> Study | None:
        """Return what is known of the selected run."""
        if self._parameters is None or self._study is None:
            return None
        return self._study if self._study.parameters.run == self._parameters.run else None

    def _reason(self) -> str:
        if self._problem:
            return f"The mistakes cannot be shown: {self._problem}"
        if self._parameters is None:
            return self._waiting
        if self._dataset is None:
            return "The test set is not in this process: mistakes can be looked at where it is trained."
        return f"Looking at {len(self._dataset.test_labels):,} test samples."

    def _layout(self, shown: Study) -> Layout:
        counts = shown.mistakes.counts
        return lay_out(len(counts), int(counts.max()), *self.content_size)

    def _scrolled(self, shown: Study) -> tuple[int, int]:
        assert self._cursor is not None
        layout, classes = self._layout(shown), len(shown.mistakes.counts)
        row, column = (min(at, classes - 1) for at in self._cursor)
        self._cursor = row, column
        return (
            first_in_view(self._first[0], row, layout.rows, classes),
            first_in_view(self._first[1], column, layout.columns, classes),
        )

    # Keys and mouse

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen where it has nothing to do here."""
        return self._wanted is not None if action == "back" else True

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor; among samples, turn the page."""
        shown = self._shown()
        if shown is None or self._cursor is None:
            return
        if self._wanted is not None:
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
            self.action_move(pages * (1 if self._wanted is not None else self._layout(shown).rows), 0)

    def _turn(self, pages: int) -> None:
        """Show the samples of the cell that come after these, or before."""
        cell = self._cell
        if cell is None or self._wanted is None or not len(cell.numbers):
            return
        position = cell.position + pages * page_of(cell, *self.content_size).samples
        if position < len(cell.numbers):
            first = int(cell.numbers[max(0, position)])
            self._wanted = Wanted(self._wanted.label, self._wanted.predicted, first)
            self._work()

    def action_worst(self) -> None:
        """Move the cursor to the most frequent mistake; among samples, go to the first page."""
        shown = self._shown()
        if shown is None:
            return
        if self._wanted is not None:
            self._wanted = Wanted(self._wanted.label, self._wanted.predicted, 0)
            self._work()
            return
        self._cursor = shown.mistakes.worst
        self.redraw()

    def action_look(self) -> None:
        """Show the samples of the cell under the cursor."""
        if self._shown() is None or self._cursor is None or self._wanted is not None:
            return
        self._wanted = Wanted(*self._cursor, 0)
        self._work()
        self.redraw()

    def action_back(self) -> None:
        """Show the table again."""
        self._wanted = None
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor under the mouse; where it is there already, show the samples."""
        shown, at = self._shown(), event.get_content_offset(self)
        if shown is None or at is None or self._wanted is not None:
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
