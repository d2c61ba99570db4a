"""Requests of the user that the training has not confirmed: the screen shows their effect at once.

Several quick presses add up, because each starts from what was asked for last and not from what
the trainer has echoed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from logreg_tui.core.settings import DEFAULT_L2, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training import requests as control
from logreg_tui.core.training.history import RunHistory


class PendingRequests:
    """Sends requests and remembers them until an event confirms or refuses them."""

    def __init__(self, inbox: control.Control) -> None:
        self._inbox = inbox
        self._settings: dict[int, dict[str, Any]] = {}
        self._last_l2: dict[int, float] = {}
        self._state: str | None = None

    def settings(self, run: RunHistory) -> RunSettings:
        """Return a run's settings as they will be."""
        return replace(run.settings, **self._settings.get(run.number, {}))

    def state(self, state: str) -> str:
        """Return the experiment's state, or the one it is on the way to."""
        return state if state == "preparing" else self._state or state

    def change(self, run: RunHistory, name: str, value: str | float) -> None:
        """Ask for another `head`, `l2` or `learning_rate`. Raises UsageError if the value is not possible."""
        before = self.settings(run).l2
        self._inbox.send(control.SetKnob(run.number, name, value))
        self._settings.setdefault(run.number, {})[name] = value
        if name == "l2" and before:
            self._last_l2[run.number] = before

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
            case events.SettingChanged(run=run, name=name, new=new):
                if self._settings.get(run, {}).get(name) == new:
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
