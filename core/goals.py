"""Goals: when a run ends before its epochs are done. Imports neither torch nor numpy."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Protocol

from logreg_tui.core.errors import UsageError

ACCURACIES = ("train_accuracy", "test_accuracy")
METRICS = (*ACCURACIES, "train_loss", "test_loss", "objective")
"""Figures of a row that a goal may be about."""
OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
REACHED, NO_LONGER_BETTER = "reached", "no longer better"
"""Reasons why a run ended: its goal is met; its test loss has not been better for as long as it may."""
ENDED_EARLY = ("ended", REACHED, NO_LONGER_BETTER)
"""Reasons why a run ended before its epochs were done; `ended` is a person's."""
LONGEST = 100
"""Characters of a goal."""
EXAMPLE = "test_accuracy >= 0.92"
_SAID = {
    "ended": "has been ended",
    NO_LONGER_BETTER: f"was {NO_LONGER_BETTER}",
    REACHED: "has reached its goal",
}
_PATTERN = re.compile(r"\s*([A-Za-z][A-Za-z_ -]*?)\s*(>=|<=|>|<)\s*(\S+)\s*")


class Figures(Protocol):
    """The measured figures of a row."""

    @property
    def test_loss(self) -> float:
        """Cross entropy on the test samples."""
        ...


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure of a run is to reach."""

    metric: str
    """One of METRICS."""
    operator: str
    """One of OPERATORS."""
    value: float

    def is_met(self, row: Figures) -> bool:
        """Return whether a row meets it; what is not a number does not."""
        return bool(OPERATORS[self.operator](getattr(row, self.metric), self.value))

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.value!r}"


def parse_goal(text: str) -> Goal:
    """Return the goal that a text such as `test_accuracy >= 0.92` or `test accuracy > 92%` says.

    Raises UsageError.
    """
    match = _PATTERN.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise UsageError(
            f"{text[:LONGEST]!r} is no goal: give a figure, >=, <=, > or < and a number, in quotes, such as "
            f"'{EXAMPLE}'"
        )
    name, sign, number = match.groups()
    metric = re.sub(r"[ -]+", "_", name.lower())
    if metric not in METRICS:
        raise UsageError(f"goal {text!r}: {name!r} is no figure of a run: use {', '.join(METRICS)}")
    try:
        value = float(number.removesuffix("%"))
    except ValueError:
        raise UsageError(f"goal {text!r}: {number!r} is not a number") from None
    if number.endswith("%"):
        value /= 100
    if not math.isfinite(value):
        raise UsageError(f"goal {text!r}: {number} is not a finite number")
    if metric in ACCURACIES and not 0 <= value <= 1:
        raise UsageError(f"goal {text!r}: an accuracy is a share from 0 to 1, or 0% to 100%")
    return Goal(metric, sign, value)


def said_of(status: str) -> str:
    """Return in words that a run, which trains no more, has a status."""
    return _SAID.get(status, f"has {status}")


@dataclass(slots=True)
class GoalProgress:
    """The way of a run to an early end: follows from its rows at log points alone."""

    best_test_loss: float = math.inf
    waited: int = 0
    """Log points since the best one."""
    is_off: bool = False
    """True once a run goes on behind an early end: to its epochs then."""

    def take(self, row: Figures, stop_at: Goal | None, patience: int | None) -> str | None:
        """Take in the row of a log point; return REACHED or NO_LONGER_BETTER if the run is to end."""
        if self.is_off:
            return None
        if row.test_loss < self.best_test_loss:
            self.best_test_loss, self.waited = row.test_loss, 0
        else:
            self.waited += 1
        if stop_at is not None and stop_at.is_met(row):
            return REACHED
        return NO_LONGER_BETTER if patience is not None and self.waited >= patience else None

    def begin_anew(self) -> None:
        """Forget the best: behind the turn of a knob losses may be of another function."""
        self.best_test_loss, self.waited = math.inf, 0
