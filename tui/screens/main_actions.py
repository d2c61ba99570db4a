"""The actions of the main screen on what is shown: filter, curves, tabs, sizes, dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from logreg_tui.core.analysis.drawn_metrics import ACCURACY
from logreg_tui.core.errors import UsageError
from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.preferences import LOG_HEIGHTS
from logreg_tui.tui.run_filter import run_filter
from logreg_tui.tui.screens import commands
from logreg_tui.tui.screens.context import ScreenContext
from logreg_tui.tui.screens.export import ExportScreen
from logreg_tui.tui.screens.help import HelpScreen
from logreg_tui.tui.screens.painter import Painter
from logreg_tui.tui.screens.training_actions import TrainingActions
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.banner import Banner
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


class MainActions(TrainingActions):
    """The actions that tui/actions explains; MainScreen has the widgets and paints."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(action.binding for action in ACTIONS),
        # The key of + without shift.
        Binding("=", "scale_l2(10)", show=False),
    ]
    painter: Painter

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.zoomed: str | None = None
        """The one of ZOOMED that has the whole screen."""
        self._focus_before: Widget | None = None
        self.hints = Hints(context.preferences.hints_gone)
        self.hidden_runs: frozenset[int] = frozenset()
        """The runs that the user has hidden in the chart."""
        self._run_lines = RunLines()
        self.filter = ""
        self.lets_through = run_filter("")
        """The test of runs that the filter says."""

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

    # The command line

    def action_command(self) -> None:
        self.query_one(CommandLine).open(COMMAND)

    def action_more_epochs(self) -> None:
        """Propose a number of epochs, to be changed or entered."""
        self.query_one(CommandLine).open(COMMAND, f"epochs {commands.epochs_to_add(self)}")

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
