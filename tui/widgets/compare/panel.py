"""Tab 4, which compares runs: a table to sort, with one run pinned that the others are measured by.

Rows of other experiments are read once, when they are included. While runs train, the figures change
once a second of training; the intervals become paired ones, which are narrower, if both runs rest.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import ClassVar, cast

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from logreg_tui.core.analysis.compared_runs import read_runs
from logreg_tui.core.analysis.comparison_columns import as_tsv
from logreg_tui.core.analysis.paired_answers import RightAnswers, find_right_answers
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.listing import list_experiments
from logreg_tui.core.training.history import History
from logreg_tui.tui.run_filter import RunTest
from logreg_tui.tui.widgets.cells import plain_text
from logreg_tui.tui.widgets.compare.chooser import Chooser
from logreg_tui.tui.widgets.compare.view import CompareView
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.scrolling_lines import WHEEL_LINES

COPIED = (
    "Copied {rows}, tab-separated. If the clipboard has not changed, the terminal refuses OSC 52 "
    "(in tmux: set -g set-clipboard on)"
)

NO_MAP = "A heat map needs runs that span two settings, such as --lr 1e-3..1 log 4 --l2 0 1e-4 1e-3"
ELSEWHERE = "Run {run} is of another experiment: logreg-tui attach {directory}"
MOST_LINES = 1000
"""Lines of the heat map that one key moves by at most."""


class ComparePanel(CompareView, can_focus=True):
    """Shows the runs of the history and of chosen experiments as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Row above", show=False),
        Binding("down", "move(1)", "Row below", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First row", show=False),
        Binding("end", "move(1000000)", "Last row", show=False),
        Binding("less_than_sign", "sort(-1)", "Sort by the column before", show=False),
        Binding("greater_than_sign", "sort(1)", "Sort by the column behind", show=False),
        Binding("o", "reverse", "Reverse the order", show=False),
        Binding("p", "pin", "Pin", show=False),
        Binding("g", "fold", "Fold seeds", show=False),
        Binding("i", "choose", "Include experiments", show=False),
        Binding("t", "toggle_map", "Heat map or table", show=False),
        Binding("b", "switch_metric", "Best or latest accuracy", show=False),
        Binding("x", "turn_axes", "Other settings", show=False),
        Binding("left", "move_across(-1)", "Cell to the left", show=False),
        Binding("right", "move_across(1)", "Cell to the right", show=False),
        Binding("enter", "choose_current", "Select or include this one", show=False),
        Binding("escape", "leave", "Back to the table", show=False),
        Binding("ctrl+y", "copy", "Copy the table", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("up down", "Another row; page up, page down, home and end too"),
        ("< >", "Sort by the column before or behind; a click on a title does it too"),
        ("o", "Reverse the order"),
        ("p", "Pin the row: the others show their difference to it, with a 95 % interval"),
        ("g", "Fold runs that differ in their seed alone into mean and standard deviation"),
        ("t", "Heat map of two settings the runs span, such as lr and lambda, or the table"),
        ("arrows", "In the heat map: another cell; home goes to the best one"),
        ("b x", "In the heat map: best or latest accuracy; the next two settings"),
        ("enter", "Select the run of the row or the cell"),
        ("a star", "Behind a head: knobs of this run were turned on the way"),
        ("i", "Include other experiments of the runs directory (enter chooses, escape ends)"),
        ("ctrl+y", "Copy the table to your clipboard, tab-separated, in full precision"),
    )

    pinned: reactive[int | None] = reactive(None, repaint=False)
    """The run of this experiment that the others are compared with."""

    @dataclass
    class Pinned(Message):
        """The user pinned a run of this experiment, or none of them."""

        run: int | None

    @dataclass
    class Selected(Message):
        """The user selected a run of this experiment."""

        run: int

    @dataclass
    class ParametersWanted(Message):
        """The parameters of a run that rests would make intervals paired."""

        run: int

    _history: History | None = None
    _selected: int | None = None

    # Drawing

    def signature(self, history: History, selected: int | None) -> object:
        """Return what the table depends on; while training it changes once a second."""
        runs = tuple((run.number, run.status, run.settings, len(run.marks)) for run in history.runs.values())
        shown = tuple((run, shown.epoch) for run, shown in history.parameters.items())
        rows = int(history.elapsed_s) if history.is_moving else history.rows
        return id(history), history.state, rows, runs, shown, history.dataset is None, selected

    def draw(self, history: History, selected: int | None) -> None:
        """Show the runs as they are now; a run that is selected anew gets the cursor."""
        start = perf_counter()
        self._history = history
        self._state.read(history)
        if selected != self._selected and selected is not None:
            self._selected = selected
            self._state.select(selected)
        self._ask_for_pairs()
        self.redraw()
        self.last_draw_s = perf_counter() - start

    def show_only(self, lets_through: RunTest, verdicts: Mapping[int, str]) -> None:
        """Show the runs that a filter lets through; `verdicts` are the kinds of this training's alarms."""
        if (lets_through, verdicts) != (self._state.lets_through, self._state.verdicts):
            self._state.lets_through, self._state.verdicts = lets_through, verdicts
            # Drawing arranges too: what is not shown need not be right before.
            if self.content_size.width:
                self._arrange()

    def _arrange(self) -> None:
        self._state.arrange()
        self.redraw()

    def _ask_for_pairs(self) -> None:
        history = self._history
        if history is None:
            return
        runs, snapshots = self._state.wanted(history.parameters)
        for run in runs:
            self.post_message(self.ParametersWanted(run))
        if snapshots and history.dataset is not None:
            self.analyse(partial(find_right_answers, snapshots, history.dataset))

    @on(Panel.Analysed)
    def take_right_answers(self, event: Panel.Analysed) -> None:
        event.stop()
        self._state.answers.add(cast(RightAnswers, event.result))
        self._arrange()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to the screen that mean nothing to what is shown, table or list of experiments."""
        if action == "leave":
            return self._chooser is not None
        if action in ("switch_metric", "turn_axes", "move_across"):
            return self.shows_map
        if action in ("sort", "reverse"):
            return self._chooser is None and not self.shows_map and bool(self._state.comparison.rows)
        if action == "choose_current":
            return self._chooser is not None or bool(self._state.comparison.rows)
        if action in ("pin", "fold", "copy", "toggle_map"):
            return self._chooser is None and bool(self._state.comparison.rows)
        return True

    def action_move(self, lines: int) -> None:
        if self._chooser is not None:
            self._chooser.move(lines)
        elif self.shows_map:
            self._move_in_map(lines)
        else:
            self._state.move_to(self._state.cursor + lines)
        self.redraw()

    def _move_in_map(self, lines: int) -> None:
        """Move by a line or a page; to the start means to the best cell."""
        if lines < -MOST_LINES:
            self._state.go_to_best()
            return
        for _ in range(min(abs(lines), MOST_LINES)):
            self._state.move_in_grid(1 if lines > 0 else -1, 0)

    def action_move_across(self, columns: int) -> None:
        """Go to the cell to the left or to the right."""
        self._state.move_in_grid(0, columns)
        self.redraw()

    def action_toggle_map(self) -> None:
        """Show the heat map in place of the table, or the other way round."""
        self._wants_map = not self.shows_map
        if self._wants_map and self._state.grid is None:
            self._warn(NO_MAP)
        self._top = 0
        self.redraw()

    def action_switch_metric(self) -> None:
        self._state.switch_metric()
        self._arrange()

    def action_turn_axes(self) -> None:
        self._state.turn_axes()
        self._arrange()

    def action_move_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.content_size.height - 2))

    def action_sort(self, columns: int) -> None:
        """Sort by the column before or behind."""
        self._state.sort_beside(columns)
        self._arrange()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._sort_by(self._state.order.column)

    def _sort_by(self, name: str) -> None:
        self._state.sort_by(name)
        self._arrange()

    def action_fold(self) -> None:
        """Fold runs that differ in their seed alone, or show each."""
        self._state.folds_seeds = not self._state.folds_seeds
        self._arrange()

    def action_pin(self) -> None:
        """Pin the row under the cursor, or unpin it."""
        self.pinned = self._state.pin_current()
        self._pin_changed()
        self.post_message(self.Pinned(self.pinned))

    def watch_pinned(self, run: int | None) -> None:
        """Compare with another run: the list of runs may have pinned it."""
        self._state.pin(run)
        self._pin_changed()

    def _pin_changed(self) -> None:
        self._ask_for_pairs()
        self._arrange()

    def action_copy(self) -> None:
        """Copy all rows and columns to the clipboard of the machine the user sits at."""
        rows = self._state.comparison.rows
        self.app.copy_to_clipboard(as_tsv(rows))
        text = COPIED.format(rows="1 row" if len(rows) == 1 else f"{len(rows)} rows")
        self.app.notify(text, markup=False)

    # Other experiments

    def action_choose(self) -> None:
        """Show what other experiments there are, or the table again."""
        if self._chooser is not None or self._state.origin is None:
            self.action_leave()
            return
        self._chooser, self._top = Chooser(Path(self._state.directory).parent), 0
        self._list_experiments(self._chooser)
        self.redraw()

    @work(exit_on_error=False)
    async def _list_experiments(self, chooser: Chooser) -> None:
        """List the experiments beside this one, the newest first; on another thread: a disk may be slow."""
        try:
            found = await to_thread(list_experiments, chooser.folder)
        except UserError as error:
            self._warn(str(error))
            self.action_leave()
        else:
            here = Path(self._state.directory)
            chooser.summaries = [each for each in reversed(found) if each.directory != here]
            self.redraw()

    def action_leave(self) -> None:
        """Show the table again."""
        self._chooser, self._top = None, 0
        self.redraw()

    def action_choose_current(self) -> None:
        """Include the experiment under the cursor, or select the run there."""
        if self._chooser is not None:
            self._include_current()
            return
        key = self._state.chosen(in_grid=self.shows_map)
        if key.directory == self._state.directory:
            self.post_message(self.Selected(key.run))
        else:
            self._warn(ELSEWHERE.format(run=key.run, directory=key.directory))

    def _include_current(self) -> None:
        """Include the experiment under the cursor, or leave it out."""
        chooser = self._chooser
        if chooser is None or chooser.current is None or chooser.current.directory in chooser.waiting:
            return
        directory = chooser.current.directory
        if self._state.included.pop(directory, None) is None:
            chooser.waiting.add(directory)
            self._include(directory, chooser)
        self._arrange()

    @work(exit_on_error=False)
    async def _include(self, directory: Path, chooser: Chooser) -> None:
        try:
            self._state.included[directory] = await to_thread(read_runs, directory)
        except UserError as error:
            self._warn(str(error))
        chooser.waiting.discard(directory)
        self._arrange()

    def _warn(self, text: str) -> None:
        self.app.notify(plain_text(text, self.glyphs.is_ascii), severity="warning", markup=False)

    # Mouse

    def on_click(self, event: events.Click) -> None:
        """Sort by a title, or go to a row; in the list of experiments choose it."""
        offset = event.get_content_offset_capture(self)
        line = offset.y - 1 + self._top
        if self._chooser is not None:
            if offset.y and line < len(self._chooser.summaries or ()):
                self._chooser.cursor = line
                self._include_current()
        elif self.shows_map:
            place = self._map.cell_at(offset.x, offset.y) if self._map is not None else None
            if place is not None:
                self._state.go_to(place)
                self.redraw()
        elif offset.y:
            if line < len(self._state.comparison.rows):
                self._state.move_to(line)
                self.redraw()
        elif self._table is not None and (name := self._table.column_at(offset.x)):
            self._sort_by(name)

    def turn_wheel(self, direction: int) -> None:
        self.action_move(WHEEL_LINES * direction)
