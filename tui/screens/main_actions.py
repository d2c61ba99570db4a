"""The actions of the main screen: one method for each, reached from key, palette and control alike."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from logreg_tui.core.analysis.drawn_metrics import ACCURACY
from logreg_tui.core.errors import UsageError
from logreg_tui.core.goals import said_of
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import requests
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.actions import ACTIONS, Needs
from logreg_tui.tui.messages import Outcome
from logreg_tui.tui.pending_requests import END, PendingRequests
from logreg_tui.tui.preferences import LOG_HEIGHTS
from logreg_tui.tui.run_filter import run_filter
from logreg_tui.tui.screens import commands
from logreg_tui.tui.screens.context import ScreenContext
from logreg_tui.tui.screens.dialog import ConfirmScreen
from logreg_tui.tui.screens.export import ExportScreen
from logreg_tui.tui.screens.help import HelpScreen
from logreg_tui.tui.screens.new_run import NewRunScreen
from logreg_tui.tui.screens.painter import Painter
from logreg_tui.tui.screens.steady import SteadyScreen
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.banner import Banner, slower
from logreg_tui.tui.widgets.frame.command_line import COMMAND, FILTER, CommandLine
from logreg_tui.tui.widgets.frame.hints import Hints
from logreg_tui.tui.widgets.frame.tab_line import TabLine
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.runs.knobs import Knobs
from logreg_tui.tui.widgets.runs.run_groups import RunLine, RunLines
from logreg_tui.tui.widgets.runs.run_list import RunList

TABS = ("curves", "weights", "mistakes", "compare", "why")
"""The ids of the panels in the order of their tabs."""
ZOOMED = ("chart", "runs", "knobs", "log")
"""The ids of what can have the whole screen."""
LEAST_PANELS = 14
"""Lines of the screen that a list or a log of a chosen height leaves to what stands around it."""
WIDE = 104
"""Columns from which the runs stand beside the tabs."""
SPOKEN_NAMES = {"l2": "lambda", "learning_rate": "learning rate"}
NEEDS = {action.method: action.needs for action in ACTIONS} | {"set_learning_rate": Needs.TRAINING_RUN}


class MainActions(SteadyScreen[None]):
    """The actions that tui/actions explains, and their conditions; MainScreen has the widgets and paints."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(action.binding for action in ACTIONS),
        # The key of + without shift.
        Binding("=", "scale_l2(10)", show=False),
    ]
    painter: Painter
    pending: PendingRequests

    def __init__(self, context: ScreenContext) -> None:
        super().__init__()
        self.context = context
        self.selected_number: int | None = None
        self.tab = 0
        """The tab that is shown, from 0."""
        self.zoomed: str | None = None
        """The one of ZOOMED that has the whole screen."""
        self._focus_before: Widget | None = None
        self.hints = Hints(context.preferences.hints_gone)
        self.expects_run = False
        """True if a run was asked for, which is to be selected when it starts."""
        self.failure: Outcome | None = None
        self.is_over = False
        """True if the training thread has ended."""
        self.hidden_runs: frozenset[int] = frozenset()
        """The runs that the user has hidden in the chart."""
        self._run_lines = RunLines()
        self.filter = ""
        self.lets_through = run_filter("")
        """The test of runs that the filter says."""

    def paint(self) -> None:
        """Show all changes at once."""
        raise NotImplementedError

    @property
    def filter_result(self) -> str:
        """The number of runs that the filter lets through, in words."""
        lines = self.run_lines()
        count = sum(self.lets_through(line.filtered) for line in lines)
        if not count:
            return f"no run matches; there are {len(lines)}"
        return f"{count} of {len(lines)} runs"

    def run_lines(self) -> list[RunLine]:
        """Return what list and filter know of the runs."""
        return self._run_lines.of(self.context.history, self.pending.settings, self.painter.verdicts)

    @property
    def state(self) -> str:
        """The state of the experiment, or the one it is on the way to."""
        return "failed" if self.failure else self.pending.state(self.context.history.state)

    @property
    def selected(self) -> RunHistory | None:
        """The selected run."""
        number = self.selected_number
        return None if number is None else self.context.history.runs.get(number)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys that cannot apply."""
        return True if self.can(action) else None

    def can(self, action: str) -> bool:
        """Return whether the condition of an action holds now."""
        history, run = self.context.history, self.selected
        has_begun = history.experiment is not None
        is_over = self.is_over or history.state in ("finished", "stopped")
        is_live = has_begun and not is_over and not self.context.is_watching
        is_moving = is_live and (history.is_moving or history.state == "paused")
        holds = {
            Needs.NOTHING: True,
            Needs.LIVE: is_live,
            Needs.MOVING: is_moving,
            Needs.PAUSABLE: is_moving or (is_live and history.state == "blocked"),
            Needs.LIVE_RUN: is_live and run is not None,
            Needs.TRAINING_RUN: is_live and run is not None and run.is_training,
            Needs.RUN: run is not None,
            Needs.EXPERIMENT: has_begun,
            Needs.CURVES: has_begun and self.tab == 0,
        }
        return holds[NEEDS.get(action, Needs.NOTHING)]

    # The training

    def action_toggle_pause(self) -> None:
        is_paused = self.state in ("paused", "pausing", "blocked")
        self.pending.send(requests.Resume() if is_paused else requests.Pause())
        self.paint()

    def action_step(self) -> None:
        self.pending.send(requests.StepOnce())
        self.paint()

    # The knobs of the selected run

    def action_switch_head(self) -> None:
        if run := self.selected:
            self.change(run, "head", self.pending.settings(run).with_other_head().head)

    def action_toggle_l2(self) -> None:
        if run := self.selected:
            self.change(run, "l2", 0.0 if self.pending.settings(run).l2 else self.pending.last_l2(run))

    def action_scale_l2(self, factor: float) -> None:
        run = self.selected
        if run is None:
            return
        l2 = self.pending.settings(run).l2
        if not l2:
            self.notify("L2 is off: turn it on with l", severity="warning")
            return
        # Rounded, so that ten times a tenth is what it was.
        self.change(run, "l2", float(f"{l2 * factor:.12g}"))

    def action_set_learning_rate(self, rate: float) -> None:
        if run := self.selected:
            self.change(run, "learning_rate", rate)

    async def carry_out(self, action: str) -> None:
        """Do what tab 5 advises, or say why it cannot be done."""
        if self.can(action.partition("(")[0]):
            await self.run_action(action)
        else:
            self.notify("The selected run takes no requests any more", severity="warning")

    def change(self, run: RunHistory, name: str, value: str | float) -> None:
        """Ask for another value of a setting, or say why it is not possible."""
        try:
            self.pending.change(run, name, value)
        except UsageError as error:
            self.notify(self.context.glyphs.shown(str(error)), severity="error", markup=False)
        self.paint()

    # The runs

    def action_new_run(self) -> None:
        if experiment := self.context.history.experiment:
            run = self.selected
            settings = self.context.defaults if run is None else self.pending.settings(run)
            screen = NewRunScreen(settings, experiment.epochs, glyphs=self.context.glyphs)
            self.app.push_screen(screen, self._add_run)

    def action_other_head(self) -> None:
        if run := self.selected:
            self._add_run(self.pending.settings(run).with_other_head())

    def action_restart(self) -> None:
        if run := self.selected:
            self._add_run(self.pending.settings(run))

    def action_restart_slower(self) -> None:
        """Add a run that failed, or else the selected one, once more with a tenth of its learning rate.

        Of several that failed it is the selected one: tab 5 and the card say so.
        """
        banner, run = self.query_one(Banner), self.selected
        failed = banner.failed_run(self.selected_number)
        if failed is not None:
            run = self.context.history.runs[failed]
        if run is not None:
            settings = self.pending.settings(run)
            banner.dismiss(run.number)
            self._add_run(settings.changed("learning_rate", slower(settings.learning_rate)))

    def _add_run(self, settings: RunSettings | None) -> None:
        if settings is not None:
            self.expects_run = True
            self.pending.send(requests.AddRun(settings))

    def action_end_run(self) -> None:
        """Ask first: what a run would have learned meanwhile does not come back."""
        if run := self.selected:
            text = "It stops at this epoch. Its rows and parameters stay; u or m takes it up again."
            question = ConfirmScreen(f"End run {run.number}?", text, "end it", glyphs=self.context.glyphs)
            self.app.push_screen(question, partial(self._end_run, run))

    def _end_run(self, run: RunHistory, is_sure: bool | None) -> None:
        if is_sure and run.is_training:
            self.pending.end(run)

    def action_more_epochs(self) -> None:
        """Propose a number of epochs, to be changed or entered."""
        self.query_one(CommandLine).open(COMMAND, f"epochs {commands.epochs_to_add(self)}")

    def action_undo(self) -> None:
        runs = self.context.history.runs
        turn = self.pending.undo(runs)
        if turn is None:
            self.notify("there is nothing to undo", severity="warning")
            return
        run, name = runs[turn.run], SPOKEN_NAMES.get(turn.name, turn.name)
        if turn.name == END:
            self.notify(f"undone: run {turn.run} goes on")
        elif run.is_training:
            self.notify(f"undone: run {turn.run} has {name} {turn.old} again")
        else:
            text = f"the last turn was {name} {turn.new} of run {turn.run}, which {said_of(run.status)}"
            self.notify(f"{text}: it stays", severity="warning")
        self.paint()

    def action_redo(self) -> None:
        turn = self.pending.redo(self.context.history.runs)
        if turn is None:
            self.notify("there is nothing to redo", severity="warning")
        elif turn.name == END:
            self.notify(f"redone: run {turn.run} ends")
        else:
            name = SPOKEN_NAMES.get(turn.name, turn.name)
            self.notify(f"redone: run {turn.run} has {name} {turn.new}")
        self.paint()

    # The command line

    def action_command(self) -> None:
        self.query_one(CommandLine).open(COMMAND)

    def action_filter(self) -> None:
        self.query_one(CommandLine).open(FILTER, self.filter)

    def set_filter(self, text: str) -> None:
        """Show only the runs that a filter lets through. Raises UsageError if it is no expression."""
        try:
            self.lets_through = run_filter(text)
        except ValueError as error:
            raise UsageError(str(error)) from error
        self.filter = text.strip()
        self.paint()

    def action_toggle_run(self) -> None:
        if run := self.selected:
            self.toggle_run(run.number)

    def toggle_run(self, number: int) -> None:
        """Hide a run in the chart, or show it again."""
        self.hidden_runs ^= {number}
        self.paint()

    def action_show_alone(self) -> None:
        """Hide all runs but the selected one; if that is so already, show all."""
        others = frozenset(self.context.history.runs) - {self.selected_number}
        self.hidden_runs = frozenset() if self.hidden_runs == others else others
        self.paint()

    def action_select(self, direction: int) -> None:
        """Select the run above (-1) or below (1)."""
        run_list = self.query_one(RunList)
        if direction < 0:
            run_list.action_cursor_up()
        else:
            run_list.action_cursor_down()

    # The curves

    def action_toggle_metric(self) -> None:
        chart = self.query_one(LossChart)
        chart.toggle_metric()
        self.context.remember(accuracy=chart.metric == "accuracy")

    def action_toggle_clock(self) -> None:
        chart = self.query_one(LossChart)
        chart.toggle_clock()
        self.context.remember(by_seconds=chart.clock == "seconds")

    def action_toggle_log(self, axis: str) -> None:
        """Switch axis `x` or `y` to log or linear."""
        chart = self.query_one(LossChart)
        if axis == "y" and chart.metric == ACCURACY and chart.second is None:
            self.notify("accuracies stand on a linear axis", severity="warning")
            return
        self.context.remember(**{f"log_{axis}": chart.toggle_log(axis)})

    def action_zoom(self, direction: int) -> None:
        self.query_one(LossChart).zoom(direction)

    def action_cycle_smoothing(self) -> None:
        self.query_one(LossChart).cycle_smoothing()

    def action_toggle_folding(self) -> None:
        self.query_one(LossChart).toggle_folding()

    def action_toggle_earlier(self) -> None:
        self.query_one(LossChart).toggle_earlier()

    def action_move_cursor(self, rows: int) -> None:
        self.query_one(LossChart).action_move_cursor(rows)

    # The view

    def action_show_tab(self, index: int) -> None:
        """Show one of TABS in place of the others."""
        self.tab, name = index, TABS[index]
        self.context.remember(tab=index + 1)
        self.query_one("#panels", ContentSwitcher).current = name
        self.query_one(TabLine).show(index)
        panel = self.query_one(f"#{name}", Panel)
        (self.query_one(RunList) if isinstance(panel, LossChart) else panel).focus()
        self.refresh_bindings()
        # Once it has its size.
        self.call_after_refresh(self.painter.show_panel, name, self.selected_number)

    def action_zoom_panel(self) -> None:
        """Give the panel with the focus the whole screen, or take it back.

        A list of runs that has nothing more to show stands for the tab that it steers.
        """
        if self.unzoom():
            return
        runs = self.query_one(RunList)
        at = self.focused
        name = next((each.id for each in at.ancestors_with_self if each.id in ZOOMED), None) if at else None
        if name is None or (at is runs and not runs.overflows):
            name = "chart"
        self._focus_before = at
        self.zoomed = name
        self.apply_sizes()
        if name == "chart":
            self.query_one(f"#{TABS[self.tab]}", Panel).focus()

    def unzoom(self) -> bool:
        """Show all panels again; return whether one had the whole screen."""
        was_zoomed, self.zoomed = self.zoomed is not None, None
        if was_zoomed:
            self.apply_sizes()
            if self._focus_before is not None:
                self.call_after_refresh(self._focus_before.focus)
        return was_zoomed

    def apply_sizes(self) -> None:
        """Give the panels the sizes that the user likes, if there is room for them."""
        is_wide, liked = self.size.width >= WIDE and self.zoomed is None, self.context.preferences
        for name in ZOOMED:
            self.set_class(self.zoomed == name, f"-zoom-{name}")
        width, height = self.size
        lines = height - LEAST_PANELS
        log = _within(LOG_HEIGHTS, min(liked.log_height, lines)) if liked.log_height else None
        runs = _within(LOG_HEIGHTS, min(liked.runs_height, lines - (log or 0))) if liked.runs_height else None
        side = min(liked.side_width, width // 2) if is_wide and liked.side_width else None
        _resize(self.query_one("#side"), width=side, max_width=side)
        _resize(self.query_one("#log"), height=log if is_wide else None)
        _resize(self.query_one("#knobs"), height="1fr" if is_wide and log else None)
        height_of_runs = runs if is_wide else None
        _resize(self.query_one(RunList), height=height_of_runs, max_height=height_of_runs)
        self.query_one(LossChart).second_lines = liked.second_height
        self.call_after_refresh(self.paint)

    def action_toggle_freeze(self) -> None:
        self.painter.freeze(not self.painter.is_frozen)
        self.paint()

    def action_focus_runs(self) -> None:
        """Return to the list of runs; what was being typed is forgotten."""
        if self.unzoom():
            return
        if self.tab == 0 and self.query_one(LossChart).leave_cursor():
            return
        if self.focused is self.query_one(RunList) and self.query_one(Banner).dismiss():
            return
        if self.focused is self.query_one(RunList) and self.dismiss_hint():
            return
        if self.filter and self.focused is self.query_one(RunList):
            self.set_filter("")
        self.query_one(Knobs).undo_typing()
        self.query_one(RunList).focus()

    def dismiss_hint(self) -> bool:
        """Hide the plateau or the hint in the status line; return whether there was one."""
        tells_plateau = not self.hints.advises_on_a_plateau
        was_shown = (tells_plateau and self.query_one(Banner).dismiss_plateaus()) or self.hints.dismiss()
        self.paint()
        return was_shown

    def action_detach(self) -> None:
        self.context.detach()

    # Dialogs

    def action_export(self) -> None:
        if experiment := self.context.history.experiment:
            self.app.push_screen(ExportScreen(experiment.directory, glyphs=self.context.glyphs))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self, glyphs=self.context.glyphs))


def _resize(widget: Widget, **sizes: int | str | None) -> None:
    """Give a widget other sizes; None is that of the style sheet. Costs no layout if it has them."""
    for name, size in sizes.items():
        # Textual lays everything out and paints it again when a size that is not there is taken away.
        if size is not None or widget.styles.inline.has_rule(name):
            setattr(widget.styles, name, size)


def _within(numbers: range, value: int) -> int:
    return min(max(value, numbers.start), numbers.stop - 1)
