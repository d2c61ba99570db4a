"""What to try next with a run, and why: rules over its own figures, each with the evidence.

Rules of thumb, not proofs: they name what limits full-batch gradient descent on this model most
often. Pure functions; no numpy of their own, because the screen loads them before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.diagnostics import DIVERGED, Plateau, first_row, stall_of
from logreg_tui.core.heads import loss_floor
from logreg_tui.core.settings import DEFAULT_L2, SIGMOID, RunSettings

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import HeadFacts
    from logreg_tui.core.training.events import RowLogged
    from logreg_tui.core.training.history import RunHistory

RECENT_ROWS = 30
"""Differences of the train loss that are looked at: one row more."""
MOST_TURNS = 7
"""A train loss that turns round more often than this in RECENT_ROWS swings."""
LEAST_SWING = 1e-4
"""Turns smaller than this share of the loss are rounding, not swinging."""
MOST_SATURATED = 0.5
NEAR_FLOOR = 0.1
"""Share of the first distance to the floor from which on there is little to gain."""
MOST_PENALTY = 0.5
"""Share of the objective above the floor that the L2 penalty may be."""
OVERFIT = 0.01
"""A test loss this share above its lowest, while the train loss went on falling, is overfitted."""
FADED = 0.01
"""A schedule that leaves less than this of the learning rate has ended the training."""
NEAR_END = 0.9

SMALL_INPUTS = "start again with --pixels unit --lr 0.5"


@dataclass(frozen=True, slots=True)
class Lowest:
    """The row with the lowest test loss since the last knob turn."""

    epoch: int
    train_loss: float
    test_loss: float


@dataclass(frozen=True, slots=True)
class RunDiagnosis:
    """What is known of a run."""

    settings: RunSettings
    status: str
    epochs: int
    """Planned."""
    classes: int
    last: RowLogged
    first_loss: float
    """Train loss of the first row with the present head."""
    recent: tuple[float, ...]
    """Train losses of the newest rows since the last knob turn, RECENT_ROWS + 1 at most."""
    lowest: Lowest
    stall: Plateau | None = None
    pixels: str | None = None
    """None where it is not known."""
    facts: HeadFacts | None = None
    directory: str = "DIR"
    cause: str = ""
    """Why it diverged."""

    @property
    def floor(self) -> float:
        """What no training gets the loss below, in nats."""
        return loss_floor(self.classes) if self.settings.head == SIGMOID else 0.0

    @property
    def distance(self) -> float:
        """Train loss above the floor."""
        return self.last.train_loss - self.floor

    @property
    def sign_changes(self) -> int:
        """How often the train loss turned round in the newest rows."""
        changes = [after - before for before, after in pairwise(self.recent)]
        return sum(before * after < 0 for before, after in pairwise(changes))

    @property
    def oscillates(self) -> bool:
        """Whether the train loss goes up and down rather than down."""
        if self.sign_changes <= MOST_TURNS:
            return False
        return max(self.recent) - min(self.recent) > LEAST_SWING * max(self.recent)

    @property
    def penalty_share(self) -> float:
        """The L2 penalty as a share of the objective above the floor."""
        above = self.distance + self.last.l2_penalty
        return self.last.l2_penalty / above if above > 0 else 0.0

    @property
    def overfits(self) -> bool:
        """Whether the test loss has risen while the train loss fell."""
        has_risen = self.last.test_loss > (1 + OVERFIT) * self.lowest.test_loss
        return has_risen and self.last.train_loss < self.lowest.train_loss and not self.oscillates


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to try."""

    what: str
    evidence: str
    how: str
    """The exact option or key."""


def case_of(
    run: RunHistory, classes: int, pixels: str | None, facts: HeadFacts | None, directory: str
) -> RunDiagnosis | None:
    """Return what is known of a run, or None while it has no row."""
    last = run.last
    epochs, train, test = run.columns.read("epoch", "train_loss", "test_loss")
    if last is None or not len(epochs):
        return None
    # A row may be missing behind a knob that was turned just now.
    start = min(first_row(run, epochs), len(epochs) - 1)
    of_head = min(first_row(run, epochs, only_breaks=True), len(epochs) - 1)
    best = start + int(test[start:].argmin())
    return RunDiagnosis(
        run.settings,
        run.status,
        run.epochs,
        classes,
        last,
        first_loss=float(train[of_head]),
        recent=tuple(train[start:][-RECENT_ROWS - 1 :].tolist()),
        lowest=Lowest(int(epochs[best]), float(train[best]), float(test[best])),
        stall=stall_of(run),
        pixels=pixels,
        facts=facts,
        directory=directory,
        cause=run.marks[-1].text if run.status == DIVERGED and run.marks else "",
    )


def advise(case: RunDiagnosis) -> list[Advice]:
    """Return what to try next, what promises most first; nothing where nothing stands out."""
    if case.status == DIVERGED:
        return [_restart(case)]
    rules = (_small_inputs, _calmer, _no_sigmoid, _l2, _slower_schedule, _more_epochs)
    return [advice for rule in rules if (advice := rule(case)) is not None]


def _restart(case: RunDiagnosis) -> Advice:
    rate = case.settings.learning_rate
    return Advice(
        "Restart it with a tenth of the learning rate",
        f"it {case.cause or DIVERGED}, because each update overshot further than the one before",
        f"press R: lr {rate / 10:g} in place of {rate:g}",
    )


def _small_inputs(case: RunDiagnosis) -> Advice | None:
    if case.pixels != "raw":
        return None
    what = "Make the inputs smaller"
    saturated = case.facts.saturated if case.facts else None
    if case.settings.head == SIGMOID and saturated is not None and saturated > MOST_SATURATED:
        return Advice(
            what,
            f"raw pixels reach 255 and push {saturated:.1%} of the outputs so close to 0 or 1 "
            "that the sigmoid is flat there",
            SMALL_INPUTS,
        )
    if case.settings.head != SIGMOID and case.oscillates:
        evidence = f"raw pixels reach 255: one update moves the outputs far, {_swinging(case)}"
        return Advice(what, evidence, SMALL_INPUTS)
    return None


def _swinging(case: RunDiagnosis) -> str:
    return (
        f"and the train loss turned round {case.sign_changes} times in the last {len(case.recent) - 1} rows"
    )


def _calmer(case: RunDiagnosis) -> Advice | None:
    if not case.oscillates:
        return None
    tenth = case.settings.learning_rate / 10
    now = f"lr {tenth:g} (type it into the field lr, or press R to begin anew with it)"
    return Advice(
        "Take smaller steps",
        f"the learning rate is {case.last.learning_rate:g}, {_swinging(case)}",
        f"start with --schedule step, or {now}" if case.settings.schedule.kind == "constant" else now,
    )


def _no_sigmoid(case: RunDiagnosis) -> Advice | None:
    if case.settings.head != SIGMOID:
        return None
    begun = case.first_loss - case.floor
    where = f"{case.distance:.4f} above the floor {case.floor:.4f}"
    if case.distance <= NEAR_FLOOR * begun:
        return Advice(
            "Take the sigmoid away: with it there is next to nothing left to gain",
            f"the train loss began {begun:.4f} above the floor and is {where} now",
            "press h (the parameters are kept), or c for a second run without it",
        )
    if case.stall is not None:
        return Advice(
            "Compare it with the same run without the sigmoid",
            f"the train loss has hardly fallen since epoch {case.stall.since:,}, {where}",
            "press c (a second run beside this one), or h to take it away here",
        )
    return None


def _l2(case: RunDiagnosis) -> Advice | None:
    l2, last = case.settings.l2, case.last
    if case.overfits:
        return Advice(
            "Use a larger lambda" if l2 else "Turn the L2 term on",
            f"the test loss was lowest at epoch {case.lowest.epoch:,}, {case.lowest.test_loss:.4f}, and is "
            f"{last.test_loss:.4f} now, while the train loss fell from {case.lowest.train_loss:.4f} "
            f"to {last.train_loss:.4f}",
            f"press +: lambda {10 * l2:g}" if l2 else f"press l: lambda {DEFAULT_L2:g}",
        )
    if l2 and case.penalty_share > MOST_PENALTY:
        above = " above the floor" if case.floor else ""
        return Advice(
            "Use a smaller lambda",
            f"the L2 penalty, {last.l2_penalty:.4g}, is {case.penalty_share:.0%} of what is minimised{above}"
            ": the weights are held small rather than fitted",
            f"press -: lambda {l2 / 10:g}, or l to turn it off",
        )
    return None


def _slower_schedule(case: RunDiagnosis) -> Advice | None:
    schedule = case.settings.schedule
    left = schedule.factor(case.last.epoch)
    if case.stall is None or left > FADED:
        return None
    options = {
        "step": f"start with --step-size {3 * schedule.step_size}",
        "exponential": f"start with --gamma {1 - (1 - schedule.gamma) / 3:.6g}",
        "cosine": f"start with --epochs {2 * schedule.period}",
    }
    return Advice(
        "Let the learning rate fall later",
        f"the schedule has left {left:.2g} of it: {case.last.learning_rate:.2g} moves hardly anything",
        options[schedule.kind],
    )


def _more_epochs(case: RunDiagnosis) -> Advice | None:
    is_over = case.status != "training" or case.last.epoch >= NEAR_END * case.epochs
    rows = len(case.recent) - 1
    if not is_over or case.stall is not None or rows < RECENT_ROWS or case.overfits:
        return None
    if any(after >= before for before, after in pairwise(case.recent)):
        return None
    fall = 1 - case.recent[-1] / case.recent[0]
    return Advice(
        "Train for more epochs",
        f"the train loss is still falling: in each of the last {rows} rows, by {fall:.2%} together",
        f"logreg-tui resume {case.directory} --epochs {2 * case.epochs}",
    )
