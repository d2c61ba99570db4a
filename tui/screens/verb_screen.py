"""What can be done on the main screen: one method per verb, which key, control and palette share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from logreg_tui.core.analysis.diagnostics import DIVERGED
from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.messages import Outcome
from logreg_tui.tui.pending_requests import PendingRequests
from logreg_tui.tui.screens.export import ExportScreen
from logreg_tui.tui.screens.help import HelpScreen
from logreg_tui.tui.screens.new_run import NewRunScreen
from logreg_tui.tui.screens.view_verbs import WIDE, ViewVerbs
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.banner import Banner, slower
from logreg_tui.tui.widgets.runs.knobs import Knobs
from logreg_tui.tui.widgets.runs.run_list import RunList

if TYPE_CHECKING:
    pass

OVER = ("finished", "stopped")
ACTIVE = ("training", "stepping", "paused")
REQUESTS = (
    "toggle_pause",
    "step",
    "switch_head",
    "toggle_l2",
    "raise_l2",
    "lower_l2",
    "new_run",
    "other_head",
    "restart",
    "restart_slower",
    "end_run",
)
"""The verbs that ask something of the training."""
CURVES = tuple(verb.action for verb in ACTIONS if verb.group == "Curves")
"""The verbs of the first tab."""


class VerbScreen(ViewVerbs):
    """The verbs, and what they depend on; a subclass puts the widgets on the screen and paints them."""

    wishes: PendingRequests

    BINDINGS: ClassVar[list[BindingType]] = [
        *(verb.binding for verb in ACTIONS),
        # The key of + without shift.
        Binding("equals_sign", "raise_l2", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.expects_run = False
        """Whether a run was asked for, which is to be selected when it starts."""
        self.failure: Outcome | None = None
        self.is_over = False
        """Whether the training thread is done."""

    @property
    def state(self) -> str:
        """The state of the experiment, or the one it is on the way to."""
        return "failed" if self.failure else self.wishes.state(self.app.history.state)

    @property
    def selected(self) -> RunHistory | None:
        """The selected run."""
        return self.app.history.runs.get(self.selected_number) if self.selected_number is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys that cannot apply."""
        return True if self.can(action) else None

    def can(self, action: str) -> bool:
        history = self.app.history
        is_live = history.experiment is not None and not self.is_over and history.state not in OVER
        run = self.selected
        if self.app.is_watching and action in REQUESTS:
            return False
        match action:
            case "toggle_pause" if history.state == "blocked":
                return is_live
            case "toggle_pause" | "step":
                return is_live and history.state in ACTIVE
            case "switch_head" | "toggle_l2" | "raise_l2" | "lower_l2" | "end_run":
                return is_live and run is not None and run.is_training
            case "new_run":
                return is_live
            case "other_head" | "restart" | "restart_slower":
                return is_live and run is not None
            case _ if action in CURVES:
                return history.experiment is not None and self.tab == 0
            case "toggle_freeze" | "export":
                return history.experiment is not None
            case "narrow_side" | "widen_side" | "lower_log" | "raise_log":
                return self.size.width >= WIDE
            case "select_previous" | "select_next":
                return run is not None
        return True

    def action_toggle_pause(self) -> None:
        """Pause, or go on."""
        if self.state in ("paused", "pausing", "blocked"):
            self.wishes.resume()
        else:
            self.wishes.pause()
        self.paint()

    def action_step(self) -> None:
        """Train to the next log point, then pause."""
        self.wishes.step()
        self.paint()

    def action_switch_head(self) -> None:
        """Give the selected run the other head."""
        if run := self.selected:
            self.wishes.set_head(run, self.wishes.settings(run).with_other_head().head)
            self.paint()

    def action_toggle_l2(self) -> None:
        """Turn the L2 term off, or on with the lambda it had."""
        if run := self.selected:
            self.set_l2(run, 0.0 if self.wishes.settings(run).l2 else self.wishes.last_l2(run))

    def action_raise_l2(self) -> None:
        """Multiply lambda by 10."""
        self._scale_l2(10)

    def action_lower_l2(self) -> None:
        """Divide lambda by 10."""
        self._scale_l2(0.1)

    def _scale_l2(self, factor: float) -> None:
        run = self.selected
        if run is None:
            return
        l2 = self.wishes.settings(run).l2
        if not l2:
            self.notify("L2 is off: turn it on with l", severity="warning")
            return
        # Rounded, so that ten times a tenth is what it was.
        self.set_l2(run, float(f"{l2 * factor:.12g}"))

    def set_l2(self, run: RunHistory, l2: float) -> None:
        try:
            self.wishes.set_l2(run, l2)
        except UsageError as error:
            self.notify(self.app.shown(str(error)), severity="error", markup=False)
        self.paint()

    def action_new_run(self) -> None:
        """Ask for the settings of a new run."""
        if experiment := self.app.history.experiment:
            run = self.selected
            settings = self.app.defaults if run is None else self.wishes.settings(run)
            screen = NewRunScreen(settings, experiment.epochs, glyphs=self.app.glyphs)
            self.app.push_screen(screen, self._add_run)

    def action_other_head(self) -> None:
        """Add the selected run once more, with the other head."""
        if run := self.selected:
            self._add_run(self.wishes.settings(run).with_other_head())

    def action_restart(self) -> None:
        """Add the selected run once more, from epoch 0."""
        if run := self.selected:
            self._add_run(self.wishes.settings(run))

    def action_restart_slower(self) -> None:
        """Add a run that diverged, or else the selected one, once more with a tenth of its learning rate."""
        banner, run = self.query_one(Banner), self.selected
        if (run is None or run.status != DIVERGED) and banner.diverged_run is not None:
            run = self.app.history.runs[banner.diverged_run]
        if run is not None:
            settings = self.wishes.settings(run)
            banner.dismiss(run.number)
            self._add_run(settings.changed("learning_rate", slower(settings.learning_rate)))

    def _add_run(self, settings: RunSettings | None) -> None:
        if settings is not None:
            self.expects_run = True
            self.wishes.add_run(settings)

    def action_end_run(self) -> None:
        """Stop training the selected run."""
        if run := self.selected:
            self.wishes.end_run(run)

    def action_select_previous(self) -> None:
        """Select the run above."""
        self.query_one(RunList).action_cursor_up()

    def action_select_next(self) -> None:
        """Select the run below."""
        self.query_one(RunList).action_cursor_down()

    def action_toggle_freeze(self) -> None:
        """Let the screen stand still while training goes on, or follow again."""
        self.painter.freeze(not self.painter.is_frozen)
        self.paint()

    def action_focus_runs(self) -> None:
        """Return to the list of runs; what was being typed is forgotten."""
        if self.tab == 0 and self.query_one(LossChart).leave_cursor():
            return
        if self.focused is self.query_one(RunList) and self.query_one(Banner).dismiss():
            return
        self.query_one(Knobs).undo_typing()
        self.query_one(RunList).focus()

    def action_export(self) -> None:
        """Ask where the metrics are to be written."""
        if experiment := self.app.history.experiment:
            self.app.push_screen(ExportScreen(experiment.directory))

    def action_help(self) -> None:
        """Show the keys that are active now."""
        self.app.push_screen(HelpScreen(self))

    def action_quit(self) -> None:
        """Stop cleanly and leave."""
        self.app.leave()
