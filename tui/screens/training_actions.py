"""The actions of the main screen on the training, each reached from key, palette and control alike."""

from __future__ import annotations

from functools import partial

from logreg_tui.core.errors import UsageError
from logreg_tui.core.goals import said_of
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import requests
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.actions import ACTIONS, Needs
from logreg_tui.tui.messages import Outcome
from logreg_tui.tui.pending_requests import END, PendingRequests
from logreg_tui.tui.screens.context import ScreenContext
from logreg_tui.tui.screens.dialog import ConfirmScreen
from logreg_tui.tui.screens.new_run import NewRunScreen
from logreg_tui.tui.screens.steady import SteadyScreen
from logreg_tui.tui.widgets.frame.banner import Banner, slower

SPOKEN_NAMES = {"l2": "lambda", "learning_rate": "learning rate"}
NEEDS = {action.method: action.needs for action in ACTIONS} | {"set_learning_rate": Needs.TRAINING_RUN}


class TrainingActions(SteadyScreen[None]):
    """Pause, knobs, runs, undo and redo, and the conditions of all actions; MainScreen has the widgets."""

    pending: PendingRequests

    def __init__(self, context: ScreenContext) -> None:
        super().__init__()
        self.context = context
        self.selected_number: int | None = None
        self.tab = 0
        """The tab that is shown, from 0."""
        self.expects_run = False
        """True if a run was asked for, which is to be selected when it starts."""
        self.failure: Outcome | None = None
        self.is_over = False
        """True if the training thread has ended."""

    def paint(self) -> None:
        """Show all changes at once."""
        raise NotImplementedError

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
