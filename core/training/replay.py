"""Replay: requests of the past, read back from events.jsonl, carried out again at their steps.

One mechanism for going on after a crash (from a checkpoint) and for repeating (from step 0).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Request


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of events.jsonl."""

    offset: int
    """Bytes before the line."""
    event: Event


@dataclass(frozen=True, slots=True)
class TimedRequest:
    """A request and the step at which it took effect."""

    step: int
    request: Request
    offset: int
    """Bytes of events.jsonl before the line it was read from."""


@dataclass(slots=True)
class Replay:
    """Requests still to be carried out, and events that are recorded already and will come again."""

    requests: deque[TimedRequest] = field(default_factory=deque)
    expected: deque[Recorded] = field(default_factory=deque)

    def is_recorded(self, event: Event) -> bool:
        """Return whether an event that happens now is in events.jsonl already, and cross it off."""
        # A replay brings a run back at the step at which the last one ended, without a word in between.
        while len(self.expected) > 1 and isinstance(self.expected[0].event, events.AllRunsEnded):
            if self.expected[1].event != event:
                break
            self.expected.popleft()
        # The first most often; what was asked between two crashes stands behind what it came before.
        for line in self.expected:
            if line.event == event:
                self.expected.remove(line)
                return True
        return False

    @property
    def offset(self) -> int | None:
        """Byte offset in events.jsonl of the first line that has not happened again yet; None if all have."""
        waiting = [queue[0].offset for queue in (self.requests, self.expected) if queue]
        return min(waiting, default=None)


_COME_AGAIN = (
    events.RunStarted,
    events.SettingChanged,
    events.RunDiverged,
    events.RunEnded,
    events.RunExtended,
    events.AllRunsEnded,
)
"""Events that the trainer gives again when it is at their step; the others were said once."""


def replay_of(recorded: Iterable[Recorded], known_runs: int) -> Replay:
    """Return what has to be done again after a state that knows the first `known_runs` runs."""
    lines = list(recorded)
    replay = Replay(expected=deque(line for line in lines if isinstance(line.event, _COME_AGAIN)))
    for line in lines:
        request = _request(line.event, known_runs)
        if request is not None:
            replay.requests.append(TimedRequest(line.event.step, request, line.offset))
    return replay


def _request(event: Event, known_runs: int) -> Request | None:
    match event:
        case events.RunStarted(_, run, settings) if run > known_runs:
            return requests.AddRun(settings)
        case events.SettingChanged(_, run, _, name, _, new):
            return requests.SetKnob(run, name, new if name == "head" else float(new))
        case events.RunEnded(_, run, _, "ended"):
            return requests.EndRun(run)
        case events.RunExtended(_, run, _, epochs):
            return requests.Extend(epochs, (run,))
        case events.ExperimentEnded(_, "stopped"):
            return requests.LogRows()
    return None
