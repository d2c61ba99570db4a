"""When a run needs somebody's attention: its loss has stopped falling, or stopped being a number.

Reads rows only; imports no numpy itself, because the screen loads it before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.training.history import History, RunHistory

if TYPE_CHECKING:
    import numpy as np

WINDOW_EPOCHS = 1000
"""A stall is looked for in this many of the newest epochs ..."""
LEAST_ROWS = 30
"""... or in more of them, where fewer rows than this were logged in them."""
LEAST_FALL = 1e-4
"""Less than this share of itself is no fall: 0.01 %."""
DIVERGED = "diverged"
STALLS = "stalls"


@dataclass(frozen=True, slots=True)
class Plateau:
    """The train loss of a run hardly falls any more."""

    since: int
    """The first epoch whose loss is within LEAST_FALL of the lowest one."""
    epochs: int
    """How many of the newest epochs were looked at."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that somebody should know about a run."""

    run: int
    kind: str
    """DIVERGED or STALLS."""
    epoch: int
    """The run's epoch at which it diverged, or since which it stalls."""
    epochs: int = 0
    """Of a stall: how many epochs were looked at."""
    cause: str = ""
    """Of a divergence: which value, such as `train_loss is nan`."""
    sign_changes: int = 0
    """How often a knob was turned before: another turn makes a later stall another one."""

    @property
    def key(self) -> tuple[int, str, int]:
        """What stays the same while it is the same alarm."""
        return self.run, self.kind, self.sign_changes


def first_row(run: RunHistory, epochs: np.ndarray, *, only_breaks: bool = False) -> int:
    """Return the number of the first row behind the last knob turn, or behind the last head switch."""
    sign_changes = [mark.epoch for mark in run.marks if mark.breaks_line or not only_breaks]
    if run.status == DIVERGED and not only_breaks:
        sign_changes = sign_changes[:-1]
    return int(epochs.searchsorted(sign_changes[-1], side="right")) if sign_changes else 0


def stall_of(run: RunHistory) -> Plateau | None:
    """Return how a run stalls, or None.

    The lowest train loss of the newest WINDOW_EPOCHS epochs (and LEAST_ROWS rows) is compared with
    the lowest before, so that a loss that only swings counts as a stall too. Rows from before the
    last knob turn do not count, and as many epochs again must lie before the window.
    """
    epochs, losses = run.columns.read("epoch", "train_loss")
    start = first_row(run, epochs)
    epochs, losses = epochs[start:], losses[start:]
    if len(epochs) < 2 * LEAST_ROWS or epochs[-1] - epochs[0] < 2 * WINDOW_EPOCHS:
        return None
    in_window = int(epochs.searchsorted(epochs[-1] - WINDOW_EPOCHS, side="right"))
    begin = min(in_window, len(epochs) - LEAST_ROWS)
    before, newest = float(losses[:begin].min()), float(losses[begin:].min())
    # Also false where one of them is not a number: that is a divergence.
    if not before - newest < LEAST_FALL * before:
        return None
    lowest = min(before, newest)
    since = int(epochs[int((losses <= lowest * (1 + LEAST_FALL)).argmax())])
    return Plateau(since, int(epochs[-1] - epochs[begin - 1]))


def alarms(history: History) -> list[Alarm]:
    """Return what needs attention, what happened last first: divergences, and stalls of runs that train."""
    found = [(when, alarm) for run in history.runs.values() for when, alarm in _alarms_of(run)]
    return [alarm for _, alarm in sorted(found, key=lambda pair: (pair[0], pair[1].run), reverse=True)]


def _alarms_of(run: RunHistory) -> list[tuple[int, Alarm]]:
    """Return a run's alarm, at most one, with the step at which it was due."""
    if run.status == DIVERGED and run.ended_at is not None:
        cause = run.marks[-1].text.removeprefix(f"{DIVERGED}: ") if run.marks else ""
        return [(run.joined_at + run.ended_at, Alarm(run.number, DIVERGED, run.ended_at, cause=cause))]
    stall = stall_of(run) if run.is_training else None
    if stall is None:
        return []
    alarm = Alarm(run.number, STALLS, stall.since, stall.epochs, sign_changes=len(run.marks))
    return [(run.joined_at + stall.since + stall.epochs, alarm)]
