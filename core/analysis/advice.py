"""Advice on a run: rules over its own figures, each with the evidence.

Rules of thumb, not proofs: they name the most frequent limits of full-batch gradient descent on this
model. Pure functions without numpy, because the screen loads them before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from logreg_tui.core.analysis.diagnostics import DIVERGED, RunDiagnosis
from logreg_tui.core.analysis.trends import NEAR_FLOOR, RECENT_ROWS
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.optimizers import DEFAULT_MOMENTUM
from logreg_tui.core.settings import DEFAULT_L2
from logreg_tui.core.text import percent, rounded

MOST_SATURATED = 0.5
"""Share of the outputs from which on saturation is what limits a run."""
MOST_PENALTY = 0.5
"""Share of the objective above the floor that the L2 penalty may be."""
FADED = 0.01
"""A schedule that leaves less than this of the learning rate has ended the training."""
SLOW = 0.2
"""A loss that falls by less than this share of what is left in the newest rows falls slowly."""
NEAR_END = 0.9
"""Share of the planned epochs from which on more of them may be advised."""

RACED = (
    "on MNIST with unit pixels, logits and no L2 term, a test accuracy of 0.92 took adam with lr 0.03 some "
    "45 epochs, momentum with lr 1 some 60 and with lr 0.1 some 250"
)
"""Found with grids of `train`: epochs, unlike seconds, are those of any machine."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to try."""

    what: str
    evidence: str
    how: str
    """The exact option or key."""
    action: str = ""
    """The action of the screen that does it, with its arguments; empty if a command has to be typed."""


def advise(run: RunDiagnosis) -> list[Advice]:
    """Return what to try next, the most promising first; nothing if nothing stands out."""
    if run.status == DIVERGED or run.explosion is not None:
        rate = run.settings.learning_rate
        if run.explosion is None:
            seen = run.cause or DIVERGED
        else:
            seen = f"exploded: its train loss stays {times_first(run)} times its first one"
        restart = Advice(
            "Restart it with a tenth of the learning rate",
            f"it {seen}, because each update overshot further than the one before",
            f"press R: lr {rate / 10:g} in place of {rate:g}",
            "restart_slower",
        )
        return [restart]
    rules = (_small_inputs, _smaller_steps, _no_sigmoid, _l2, _slower_schedule, _momentum, _more_epochs)
    return [advice for rule in rules if (advice := rule(run)) is not None]


def times_first(run: RunDiagnosis) -> str:
    """Return how many times its first train loss the present one of an exploded run is."""
    assert run.explosion is not None
    return rounded(run.last.train_loss / max(run.explosion.first_loss, 1e-9), 2)


def _small_inputs(run: RunDiagnosis) -> Advice | None:
    if run.pixels != "raw":
        return None
    saturated = run.facts.saturated if run.facts else None
    if run.settings.head == SIGMOID and saturated is not None and saturated > MOST_SATURATED:
        evidence = (
            f"raw inputs (pixels reach 255) push {percent(saturated)} of the outputs so close to 0 or 1 "
            "that the sigmoid is flat there"
        )
    elif run.settings.head != SIGMOID and run.oscillates:
        evidence = (
            f"raw inputs (pixels reach 255): one update moves the outputs far, {_oscillation(run)}; {RACED}"
        )
        return Advice(
            "Make the inputs smaller", evidence, "start again with --pixels unit --optimizer adam --lr 0.03"
        )
    else:
        return None
    return Advice("Make the inputs smaller", evidence, "start again with --pixels unit --lr 0.5")


def _oscillation(run: RunDiagnosis) -> str:
    return f"and the train loss turned round {run.sign_changes} times in the last {len(run.recent) - 1} rows"


def _turn(run: RunDiagnosis, how: str, setting: str, action: str) -> tuple[str, str]:
    """Return how a run gets a setting, and the action that does it; one that has ended takes none."""
    if run.takes_knobs:
        return f"{how}: {setting}", action
    return f"press n for a run beside this one with {setting}", "new_run"


def _smaller_steps(run: RunDiagnosis) -> Advice | None:
    if not run.oscillates:
        return None
    tenth = float(f"{run.settings.learning_rate / 10:.12g}")
    by_hand, setting = "type it into the field lr", f"lr {tenth:g}"
    how, action = _turn(run, by_hand, setting, f"set_learning_rate({tenth!r})")
    if run.settings.schedule.kind == "constant":
        how += ", or start again with --schedule step"
    return Advice(
        "Take smaller steps",
        f"the learning rate is {run.last.learning_rate:g}, {_oscillation(run)}",
        how,
        action,
    )


def _no_sigmoid(run: RunDiagnosis) -> Advice | None:
    if run.settings.head != SIGMOID:
        return None
    begun = run.first_loss - run.floor
    where = f"{run.distance:.4f} above the floor {run.floor:.4f}"
    beside = "press c (a second run beside this one)"
    if run.distance <= NEAR_FLOOR * begun:
        what = "Take the sigmoid away: with it there is next to nothing left to gain"
        evidence = f"the train loss began {begun:.4f} above the floor and is {where} now"
        if not run.takes_knobs:
            return Advice(what, evidence, beside, "other_head")
        how = "press h (the parameters are kept), or c for a second run without it"
        return Advice(what, evidence, how, "switch_head")
    if run.plateau is not None:
        return Advice(
            "Compare it with the same run without the sigmoid",
            f"the train loss has hardly fallen since epoch {run.plateau.since:,}, {where}",
            f"{beside}, or h to take it away here" if run.takes_knobs else beside,
            "other_head",
        )
    return None


def _l2(run: RunDiagnosis) -> Advice | None:
    l2, last = run.settings.l2, run.last
    if run.overfits:
        key, more, action = ("+", 10 * l2, "scale_l2(10)") if l2 else ("l", DEFAULT_L2, "toggle_l2")
        how, action = _turn(run, f"press {key}", f"lambda {more:g}", action)
        return Advice(
            "Use a larger lambda" if l2 else "Turn the L2 term on",
            f"the test loss was lowest at epoch {run.lowest.epoch:,}, {run.lowest.test_loss:.4f}, and is "
            f"{last.test_loss:.4f} now, while the train loss fell from {run.lowest.train_loss:.4f} "
            f"to {last.train_loss:.4f}",
            how,
            action,
        )
    if l2 and run.penalty_share > MOST_PENALTY:
        how, action = _turn(run, "press -", f"lambda {l2 / 10:g}", "scale_l2(0.1)")
        if run.takes_knobs:
            how += ", or l to turn it off"
        share = f"{percent(run.penalty_share)} of what is minimised{' above the floor' if run.floor else ''}"
        return Advice(
            "Use a smaller lambda",
            f"the L2 penalty, {last.l2_penalty:.4g}, is {share}: the weights are held small rather "
            "than fitted",
            how,
            action,
        )
    return None


def _slower_schedule(run: RunDiagnosis) -> Advice | None:
    schedule = run.settings.schedule
    left = schedule.factor(run.last.epoch)
    if run.plateau is None or left > FADED:
        return None
    options = {
        "step": f"start with --step-size {3 * schedule.step_size}",
        "exponential": f"start with --gamma {1 - (1 - schedule.gamma) / 3:.6g}",
        "cosine": f"start with --epochs {2 * schedule.period}",
    }
    return Advice(
        "Let the learning rate fall later",
        f"the schedule has left {left:.2g} of it: {run.last.learning_rate:.2g} moves hardly anything",
        options[schedule.kind],
    )


def _falls_steadily(run: RunDiagnosis) -> bool:
    """Return whether the train loss has fallen in each of the newest rows, and training pays."""
    if run.plateau is not None or len(run.recent) <= RECENT_ROWS or run.overfits:
        return False
    return all(after < before for before, after in pairwise(run.recent))


def _momentum(run: RunDiagnosis) -> Advice | None:
    before, now = run.recent[0], run.recent[-1]
    left = now - run.floor
    if not run.settings.optimizer.is_plain or not _falls_steadily(run) or not before - now < SLOW * left:
        return None
    is_alike = run.pixels == "unit" and run.settings.head != SIGMOID
    raced = f"; {RACED}" if is_alike else ""
    return Advice(
        "Let steps in the same direction add up",
        f"the train loss fell in each of the last {len(run.recent) - 1} rows, smoothly and slowly, from "
        f"{before:.4f} to {now:.4f}: by {percent((before - now) / left)} of what is left above "
        f"{f'the floor {run.floor:.4f}' if run.floor else '0'}. A momentum of {DEFAULT_MOMENTUM:g} makes "
        f"up to {1 / (1 - DEFAULT_MOMENTUM):.0f} times the way in as many epochs{raced}",
        "press n and choose the optimizer momentum for a run beside this one, or start again with "
        "--optimizer momentum",
        "new_run",
    )


def _more_epochs(run: RunDiagnosis) -> Advice | None:
    is_over = run.status != "training" or run.last.epoch >= NEAR_END * run.epochs
    rows = len(run.recent) - 1
    if not is_over or not _falls_steadily(run):
        return None
    fall = 1 - run.recent[-1] / run.recent[0]
    return Advice(
        "Train for more epochs",
        f"the train loss is still falling: in each of the last {rows} rows, by {100 * fall:.2f} % together",
        f"press m, or logreg-tui resume {run.directory} --epochs {2 * run.epochs}",
        "more_epochs",
    )
