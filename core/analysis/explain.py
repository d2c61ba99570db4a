"""The explanation of a run's loss, in sentences with the run's own numbers.

The tab Why and the report both take their words from here. Plain ASCII, so that every terminal
shows it as it is; no numpy, because the screen loads this module before the first frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from logreg_tui.core.analysis.advice import times_first
from logreg_tui.core.analysis.diagnostics import RunDiagnosis
from logreg_tui.core.analysis.trends import LEAST_FALL
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.text import exact, loss_text, percent, rounded

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import HeadFacts

FEWEST_ROWS = 3
"""Rows in which a loss can turn round."""


class Paragraph(NamedTuple):
    """One paragraph: a lead of a few words, and its sentences."""

    lead: str
    text: str


def explain(run: RunDiagnosis, name: str) -> Iterator[Paragraph]:
    """Yield why the loss of a run is where it is; `name`, such as `Run 1`, leads its own figures."""
    is_sigmoid = run.settings.head == SIGMOID
    if is_sigmoid:
        yield _floor(run)
    else:
        yield Paragraph(
            "No floor",
            "Logits are what CrossEntropyLoss expects, numbers without bounds, so the loss can come as "
            "close to 0 as the data and the L2 term let it.",
        )
    yield Paragraph(name, _distance(run) if is_sigmoid else _losses(run))
    if run.facts and math.isfinite(run.last.train_loss):
        yield _slope(run.facts) if is_sigmoid else _gradient(run.facts)
    if run.explosion is not None:
        yield Paragraph(
            "It exploded",
            f"Since epoch {run.explosion.since:,} its train loss stays far above the "
            f"{loss_text(run.explosion.first_loss)} of its first row, {times_first(run)} times now: each "
            "update overshoots further than it corrects. It is still a number, so the training goes on; R "
            "begins anew with a tenth of the learning rate.",
        )
    if run.facts and run.facts.tied and is_sigmoid:
        yield Paragraph(
            "Ties",
            f"For {percent(run.facts.tied)} of the training samples several classes share the largest "
            "output, because it has been rounded to the same number; the first of them wins, whatever the "
            "label says.",
        )
    if run.explosion is None and (run.oscillates or not is_sigmoid):
        yield Paragraph("The learning rate", _learning_rate(run))
    yield Paragraph("The L2 term", f"It pulls every weight towards 0; {_penalty(run)}.")
    if run.plateau is not None and run.plateau.is_converged:
        yield Paragraph(
            "It has converged",
            f"Since epoch {run.plateau.since:,} the loss fell by less than {100 * LEAST_FALL:.2f} % in "
            f"{run.plateau.epochs:,} epochs, and loss and gradient are small: the training is done, more "
            "epochs change next to nothing.",
        )
    elif run.plateau is not None:
        yield Paragraph(
            "It stalls",
            f"Since epoch {run.plateau.since:,} the loss is where it is: it fell by less than "
            f"{100 * LEAST_FALL:.2f} % in {run.plateau.epochs:,} epochs.",
        )


def _floor(run: RunDiagnosis) -> Paragraph:
    """Explain the lowest loss behind a sigmoid: -ln(e / (e + C - 1)) = ln(1 + (C - 1)/e), C classes."""
    others = run.classes - 1
    return Paragraph(
        "The floor",
        "A sigmoid lets out numbers between 0 and 1 only. The best it can do is a 1 for the right class and "
        f"a 0 for the other {others}; the softmax inside the cross entropy makes of that a probability of "
        f"e/(e + {others}) = {math.exp(-run.floor):.3f}, which is a loss of ln(1 + {others}/e) = "
        f"{run.floor:.4f}. No training gets below it, however good the classification is.",
    )


def _distance(run: RunDiagnosis) -> str:
    distance, begun = run.distance, run.first_loss - run.floor
    loss = f"Its train loss is {loss_text(run.last.train_loss)}, {loss_text(distance)} above the floor"
    if not 0 < distance < begun:
        return f"{loss}."
    done = percent(1 - distance / begun)
    return f"{loss}; it began {loss_text(begun)} above with this head, so {done} of the way is done."


def _slope(facts: HeadFacts) -> Paragraph:
    """Explain dL/dz = dL/ds * s(1 - s), z the linear outputs and s = sigmoid(z), all (samples, classes)."""
    before, behind = facts.mean_gradient_without_head, facts.mean_gradient
    left = f"{rounded(before / behind)} times less" if behind else "nothing"
    saturated = (
        f"{percent(facts.saturated)} of the outputs are saturated (within 0.001 of 0 or 1); they hardly move "
        "the weights any more, also where they are wrong."
        if facts.saturated
        else "No output is saturated (within 0.001 of 0 or 1)."
    )
    return Paragraph(
        "The slope",
        f"Weights move as far as the gradient says. What arrives at the sigmoid is {rounded(before)} per "
        "output on average (mean |dL/ds|). The sigmoid multiplies it by its slope s(1 - s): 1/4 at most, "
        f"next to nothing near 0 and 1. Behind it {rounded(behind)} is left (mean |dL/dz|): {left}. "
        f"{saturated}",
    )


def _losses(run: RunDiagnosis) -> str:
    last = run.last
    losses = f"Its train loss is {loss_text(last.train_loss)}, the test loss {loss_text(last.test_loss)}"
    if not math.isfinite(last.train_loss):
        return f"{losses}."
    if last.train_accuracy == 1:
        return f"{losses}. No training sample is classified wrong."
    wrong = 1 - last.train_accuracy
    return (
        f"{losses}. {percent(wrong)} of the training samples are classified wrong, and there is no bound to "
        f"what one costs: {rounded(last.train_loss / wrong)} on average, if all of the loss is theirs."
    )


def _gradient(facts: HeadFacts) -> Paragraph:
    """Explain dL/dz = softmax(z) - onehot(label), shape (samples, classes)."""
    return Paragraph(
        "The gradient",
        "It is the probability the model gives to a class minus the right one, 0 or 1: "
        f"{rounded(facts.mean_gradient)} per output on average (mean |dL/dz|), and nothing stands between it "
        f"and the weights. {percent(facts.certain)} of the training samples are certain already (a "
        "probability above 0.999 for their label) and hardly pull any more: as they become more, training "
        "slows down by itself.",
    )


def _learning_rate(run: RunDiagnosis) -> str:
    large = "Steps too large for the steepest direction"
    if len(run.recent) < FEWEST_ROWS:
        return f"{large} make the loss swing; it is too early to tell."
    seen = f"in the last {len(run.recent) - 1} rows it turned round {run.sign_changes} times"
    if not run.oscillates:
        return f"{large} would make the loss swing; here it does not ({seen})."
    lowest, highest = min(run.recent_accuracies), max(run.recent_accuracies)
    return (
        f"{large} make the loss swing, as here ({seen}, at a rate of {exact(run.last.learning_rate)}). In "
        f"the newest {len(run.recent_accuracies)} of them the test accuracy was between {lowest:.4f} and "
        f"{highest:.4f}: it depends on the epoch at which it is looked at."
    )


def _penalty(run: RunDiagnosis) -> str:
    if not run.settings.l2:
        return "here it is off"
    if not math.isfinite(run.last.objective):
        return f"lambda is {exact(run.settings.l2)}"
    share = f", {percent(run.penalty_share)} of what lies above the floor" if run.floor else ""
    return (
        f"lambda {exact(run.settings.l2)} adds {rounded(run.last.l2_penalty, 4)}, "
        f"{percent(run.penalty_of_objective)} of what is minimised{share}"
    )
