"""Plateaus and explosions of a run's train loss, from its rows.

No numpy is imported here, because the screen loads this module before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.training.history import RunHistory

if TYPE_CHECKING:
    import numpy as np

WINDOW_EPOCHS = 1000
"""A plateau is looked for in this many of the newest epochs ..."""
LEAST_ROWS = 30
"""... or in more of them, if fewer rows than this were logged in them."""
LEAST_FALL = 1e-4
"""Less than this share of itself is no fall: 0.01 %."""
RECENT_ROWS = 30
"""Differences of the train loss that are looked at for its trend: one row more."""
EXPLODES = 10
"""A train loss that stays above this many times its first one has exploded, finite as it is."""
LEAST_EXPLODED_ROWS = 2
"""Newest rows that have to be so large."""
SMALL_LOSS = 0.25
"""Share of a run's first train loss that is small ..."""
SMALL_GRADIENT = 0.01
"""... and a norm of the objective's gradient that is: together with a plateau, the run has converged."""

NEAR_FLOOR = 0.1
"""Share of the first distance to the floor from which on there is little to gain."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """The train loss of a run hardly falls any more."""

    since: int
    """The first epoch whose loss is within LEAST_FALL of the lowest one."""
    epochs: int
    """The number of newest epochs that were looked at."""
    is_converged: bool = False
    """True if there is nothing to gain: no sigmoid in the way, loss and gradient small."""


@dataclass(frozen=True, slots=True)
class Explosion:
    """The train loss of a run is far above its first one, though finite."""

    since: int
    """The first of the newest epochs whose loss is so large."""
    first_loss: float
    """Train loss of the first row with the present head."""


def first_row(run: RunHistory, epochs: np.ndarray, *, of_head: bool = False) -> int:
    """Return the number of the first row behind the last knob turn, or behind the last turn of the head."""
    turns = [mark for mark in run.marks if (mark.breaks_line if of_head else mark.is_knob)]
    return int(epochs.searchsorted(turns[-1].epoch, side="right")) if turns else 0


def is_near_floor(run: RunHistory, classes: int) -> bool:
    """Return whether the train loss of a run with a sigmoid is as low as it gets, nearly."""
    if run.settings.head != SIGMOID or run.last is None:
        return False
    epochs, losses = run.columns.read("epoch", "train_loss")
    floor, first = loss_floor(classes), losses[min(first_row(run, epochs, of_head=True), len(losses) - 1)]
    return bool(losses[-1] - floor <= NEAR_FLOOR * (first - floor))


def plateau_of(run: RunHistory) -> Plateau | None:
    """Return the plateau on which a run's train loss is, or None.

    The lowest train loss of the newest WINDOW_EPOCHS epochs (and LEAST_ROWS rows) is compared with
    the lowest before, so that a loss that only oscillates is on a plateau too. Rows from before the
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
    # Also false if one of them is not a number: that is a divergence.
    if not before - newest < LEAST_FALL * before:
        return None
    lowest = min(before, newest)
    since = int(epochs[int((losses <= lowest * (1 + LEAST_FALL)).argmax())])
    span = int(epochs[-1] - epochs[begin - 1])
    return Plateau(since, span, _is_converged(run, start + begin - 1, span))


def _is_converged(run: RunHistory, begin: int, span: int) -> bool:
    """Return if nothing is to be gained on a plateau of `span` epochs from row `begin` to the end.

    An update of gradient descent lowers the objective by learning rate * |gradient|^2, nearly, if the rate is
    small: that gives the norm of the gradient without computing it. With momentum mu the rate counts
    1 / (1 - mu) times; Adam's steps have the length of the rate, and lower it by rate * |gradient|.
    """
    columns = run.columns.read("train_loss", "l2_penalty", "learning_rate")
    train, penalty, rate = (column[begin:] for column in columns)
    if run.settings.head == SIGMOID or not train[-1] <= SMALL_LOSS * columns[0][0]:
        return False
    fall = abs(float(train[0] + penalty[0] - train[-1] - penalty[-1]))
    optimizer, power = run.settings.optimizer, 2
    reach = float(rate.mean()) * span
    if optimizer.is_adaptive:
        power = 1
    elif not optimizer.is_plain:
        reach /= 1 - optimizer.momentum
    return bool(fall <= SMALL_GRADIENT**power * reach)


def explosion_of(run: RunHistory) -> Explosion | None:
    """Return since when a run's train loss stays far above its first one with the present head, or None."""
    epochs, losses = run.columns.read("epoch", "train_loss")
    start = first_row(run, epochs, of_head=True)
    epochs, losses = epochs[start:], losses[start:]
    if len(losses) <= LEAST_EXPLODED_ROWS:
        return None
    first = float(losses[0])
    # A fit that is nearly perfect may come to lose a multiple of next to nothing.
    limit = EXPLODES * max(first, 1.0)
    # One number is looked at before many: there may be a thousand runs.
    if not losses[-1] > limit or not (losses[1:][-RECENT_ROWS:] > limit).all():
        return None
    since = len(losses) - int((losses[::-1] <= limit).argmax())
    return Explosion(int(epochs[since]), first)
