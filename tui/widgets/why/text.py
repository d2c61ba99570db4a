"""The words of the Why tab: what a run's head does to its training, with the run's own numbers.

Plain ASCII, so that every terminal shows it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.advice import Advice, RunDiagnosis, advise
from logreg_tui.core.analysis.diagnostics import LEAST_FALL
from logreg_tui.core.settings import SIGMOID

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import HeadFacts

TITLE, TEXT, LEAD, HOW = "title", "text", "lead", "how"
FEWEST_ROWS = 3
"""Rows in which a loss can turn round."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph, to be wrapped to the width there is."""

    kind: str
    """TITLE, TEXT, LEAD (the name of an advice) or HOW (its option or key)."""
    text: str


def paragraphs(number: int, case: RunDiagnosis, remark: str) -> list[Paragraph]:
    """Return everything about a run; `remark` says from when the figures at the head are, or why none are."""
    explain = _sigmoid if case.settings.head == SIGMOID else _logits
    head = f"Run {number}, {case.settings.head}, epoch {case.last.epoch:,}"
    advices = advise(case)
    to_try = "; ".join(advice.what.lower() for advice in advices)
    return [
        Paragraph(TITLE, f"{head}: why the loss is where it is"),
        *([Paragraph(TEXT, f"To try next, see below: {to_try}.")] if advices else []),
        *(Paragraph(TEXT, text) for text in explain(case)),
        *(Paragraph(TEXT, text) for text in (_stalling(case), remark) if text),
        Paragraph(TITLE, "What to try next"),
        *_advice(advices),
    ]


def _sigmoid(case: RunDiagnosis) -> Iterator[str]:
    others = case.classes - 1
    yield (
        f"The floor. A sigmoid lets out numbers between 0 and 1 only. The best it can do is a 1 for the "
        f"right class and a 0 for the other {others}; the cross entropy's softmax makes of that a "
        f"probability of e/(e + {others}) = {math.exp(-case.floor):.3f}, which is a loss of "
        f"ln(1 + {others}/e) = {case.floor:.4f}. However good the classification is, no training gets "
        "below it."
    )
    yield f"This run. {_way(case)}"
    if case.facts:
        yield _slope(case.facts)
    if case.facts and case.facts.tied:
        yield (
            f"Ties. For {_share(case.facts.tied)} of the samples several classes share the largest output, "
            "because all of them have been rounded to the same number; the first of them wins, whatever the "
            "label says."
        )


def _way(case: RunDiagnosis) -> str:
    loss = f"Its train loss is {case.last.train_loss:.4f}, {case.distance:.4f} above the floor"
    begun = case.first_loss - case.floor
    if not 0 < case.distance < begun:
        return f"{loss}."
    return f"{loss}; it began {begun:.4f} above, so {1 - case.distance / begun:.0%} of the way is done."


def _slope(facts: HeadFacts) -> str:
    before, behind = facts.mean_gradient_without_head, facts.mean_gradient
    left = f"{before / behind:,.0f} times less" if behind else "nothing"
    return (
        f"The slope. Weights move as far as the gradient says. What arrives at the sigmoid is {before:.3g} "
        f"per output on average (mean |dL/ds|). The sigmoid multiplies it by its slope s(1 - s): 1/4 at "
        f"most, next to nothing near 0 and 1. Behind it {behind:.3g} is left (mean |dL/dz|): {left}. "
        f"{_share(facts.saturated or 0)} of the outputs are saturated (within 0.001 of 0 or 1); they hardly "
        "move the weights any more, also where they are wrong."
    )


def _logits(case: RunDiagnosis) -> Iterator[str]:
    yield (
        "No floor. Logits are what CrossEntropyLoss expects, numbers without bounds, so the loss can come as "
        f"close to 0 as the data and the L2 term let it. The train loss is {case.last.train_loss:.4f}, the "
        f"test loss {case.last.test_loss:.4f}."
    )
    if case.facts:
        yield _certainty(case.facts)
    yield f"What stalls it. The learning rate: {_swing(case)} And the L2 term: {_pull(case)}"


def _certainty(facts: HeadFacts) -> str:
    return (
        "The gradient. It is the probability the model gives to a class minus the right one, 0 or 1: "
        f"{facts.mean_gradient:.3g} per output on average (mean |dL/dz|), and nothing stands between it and "
        f"the weights. {_share(facts.certain)} of the samples are certain already (a probability above 0.999 "
        "for their label) and hardly pull any more: as they become more, training slows down by itself."
    )


def _swing(case: RunDiagnosis) -> str:
    if len(case.recent) < FEWEST_ROWS:
        return "steps too large for the steepest direction make the loss swing; it is too early to tell."
    seen = f"in the last {len(case.recent) - 1} rows it turned round {case.sign_changes} times"
    if case.oscillates:
        return f"steps too large for the steepest direction make the loss swing, as here ({seen})."
    return f"steps too large for the steepest direction would make the loss swing; here it does not ({seen})."


def _pull(case: RunDiagnosis) -> str:
    if not case.settings.l2:
        return "it pulls every weight towards 0; here it is off."
    return (
        f"it pulls every weight towards 0; lambda {case.settings.l2:g} adds {case.last.l2_penalty:.4g}, "
        f"{case.penalty_share:.1%} of what is minimised."
    )


def _stalling(case: RunDiagnosis) -> str:
    if case.stall is None:
        return ""
    return (
        f"It stalls. Since epoch {case.stall.since:,} the loss is where it is: it fell by less than "
        f"{LEAST_FALL:.2%} in {case.stall.epochs:,} epochs."
    )


def _advice(advices: list[Advice]) -> Iterator[Paragraph]:
    if not advices:
        yield Paragraph(TEXT, "Nothing stands out: let it train. This changes with the figures.")
    for number, advice in enumerate(advices, 1):
        yield Paragraph(LEAD, f"{number}. {advice.what}")
        yield Paragraph(TEXT, f"Because {advice.evidence}.")
        yield Paragraph(HOW, f"-> {advice.how}")


def _share(value: float) -> str:
    """Return a share of 1 in per cent; what is not 0 never looks like 0."""
    return f"{value:.1%}" if value == 0 or value >= 0.0005 else "less than 0.1%"
