"""Requests of the user that the training has not confirmed: the screen shows their effect at once.

Several quick presses add up, because each starts from what was asked for last and not from what
the trainer has echoed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from logreg_tui.core.settings import DEFAULT_L2, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training import requests as control
from logreg_tui.core.training.history import RunHistory

END = "end"
"""The name of a turn that ended a run."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A knob that was turned, or a run that was ended: the old value is that of its epochs then."""

    run: int
    name: str
    """`head`, `l2`, `learning_rate` or END."""
    old: Any
    new: Any


class PendingRequests:
    """Sends requests and remembers them until an event confirms or refuses them."""

    def __init__(self, inbox: control.Control) -> None:
        self._inbox = inbox
        self._settings: dict[int, dict[str, Any]] = {}
        self._last_l2: dict[int, float] = {}
        self._state: str | None = None
        self._turns: list[Turn] = []
        """Turns that can be undone, the last one last."""
        self._undone: list[Turn] = []
        """Turns that can be done again, the last undone last; another turn forgets them."""

    def settings(self, run: RunHistory) -> RunSettings:
        """Return a run's settings as they will be."""
        asked = self._settings.get(run.number)
        return replace(run.settings, **asked) if asked else run.settings

    def state(self, state: str) -> str:
        """Return the experiment's state, or the one it is on the way to."""
        return state if state == "preparing" else self._state or state

    def change(self, run: RunHistory, name: str, value: str | float) -> None:
        """Ask for another `head`, `l2` or `learning_rate`. Raises UsageError if the value is not possible."""
        old = getattr(self.settings(run), name)
        if old != value:
            self._send_knob(run.number, name, value)
            self._note(Turn(run.number, name, old, value))
        if name == "l2" and old:
            self._last_l2[run.number] = old

    def _send_knob(self, run: int, name: str, value: str | float) -> None:
        self._inbox.send(control.SetKnob(run, name, value))
        self._settings.setdefault(run, {})[name] = value

    def end(self, run: RunHistory) -> None:
        """Ask for the end of a run."""
        self._inbox.send(control.EndRun(run.number))
        self._note(Turn(run.number, END, run.epochs, 0))

    def _note(self, turn: Turn) -> None:
        self._turns.append(turn)
        self._undone.clear()

    def undo(self, runs: Mapping[int, RunHistory]) -> Turn | None:
        """Forget the last turn that has taken effect, and turn it back if its run can be turned; return it.

        It is a turn like every other: the training goes on from the parameters of now.
        """
        while self._turns:
            turn = self._turns.pop()
            run = runs.get(turn.run)
            if run is None:
                continue
            if turn.name == END:
                self._inbox.send(control.Extend(int(turn.old), (turn.run,)))
                self._undone.append(turn)
                return turn
            # One that was refused has changed nothing.
            if getattr(self.settings(run), turn.name) == turn.new:
                if run.is_training:
                    self._send_knob(turn.run, turn.name, turn.old)
                    self._undone.append(turn)
                return turn
        return None

    def redo(self, runs: Mapping[int, RunHistory]) -> Turn | None:
        """Turn once more what was undone last, and return it; None if there is nothing that could be.

        A turn like every other, too.
        """
        while self._undone:
            turn = self._undone.pop()
            run = runs.get(turn.run)
            if run is None or not run.is_training:
                continue
            if turn.name == END:
                self._inbox.send(control.EndRun(turn.run))
            elif getattr(self.settings(run), turn.name) == turn.old:
                self._send_knob(turn.run, turn.name, turn.new)
            else:
                continue
            self._turns.append(turn)
            return turn
        return None

    def last_l2(self, run: RunHistory) -> float:
        """Return the lambda to turn on again."""
        return self._last_l2.get(run.number, DEFAULT_L2)

    def send(self, request: control.Request) -> None:
        """Send any other request; a pause, its end and a step change the state at once."""
        self._inbox.send(request)
        self._state = _REQUESTED_STATES.get(type(request), self._state)

    def take(self, event: events.Event) -> None:
        """Forget the requests that an event confirms, refuses or makes pointless."""
        match event:
            case events.SettingChanged(run=run, name=name, old=old, new=new):
                if name not in self._settings.get(run, {}):
                    self._take_turn(Turn(run, name, old, new))
                elif self._settings[run][name] == new:
                    del self._settings[run][name]
            case events.RunEnded(run=run) | events.RunDiverged(run=run):
                self._settings.pop(run, None)
            case events.RequestRefused():
                self._settings.clear()
                self._state = None
            case _:
                answered = _ANSWERS.get(type(event))
                if answered is not None and (not answered or self._state in answered):
                    self._state = None

    def _take_turn(self, turn: Turn) -> None:
        """Remember a turn of a process before this one; one that turned the last one back takes it away."""
        if self._turns and self._turns[-1] == Turn(turn.run, turn.name, turn.new, turn.old):
            self._turns.pop()
        else:
            self._turns.append(turn)


_REQUESTED_STATES = {control.Pause: "pausing", control.Resume: "resuming", control.StepOnce: "stepping"}
_ANSWERS: dict[type[object], tuple[str, ...]] = {
    events.Paused: ("pausing",),
    events.Resumed: ("resuming",),
    events.WriteRefused: (),
    events.Stepped: ("stepping",),
    events.AllRunsEnded: (),
    events.ExperimentEnded: (),
}
"""The requested states that an event answers; none named: all."""
