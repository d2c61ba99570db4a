"""Why losses and accuracies are what they are, in words: what the tab Why says, as paragraphs of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator

from logreg_tui.core.analysis.explain import explain
from logreg_tui.core.report.head_facts import RunAnalysis
from logreg_tui.core.report.heads import SIGMOID_BETTER, HeadComparison
from logreg_tui.core.report.text import capital, loss_text, percent


def in_short(sigmoid: RunAnalysis) -> str:
    """Return what goes when the sigmoid goes."""
    taken = [f"the floor of the loss at {sigmoid.floor:.4f}"]
    facts = sigmoid.facts
    if facts:
        left = (
            facts.mean_gradient / facts.mean_gradient_without_head
            if facts.mean_gradient_without_head
            else 0.0
        )
        taken.append(f"the slope, which lets {percent(left)} of the gradient through here")
    if facts and facts.tied:
        taken.append(f"the ties of {percent(facts.tied)} of the training samples")
    return f"**What goes with the sigmoid:** {'; '.join(taken)}."


def nevertheless(contest: HeadComparison, logits: RunAnalysis) -> str:
    """Return what to make of a sigmoid run that is more accurate; nothing where it is not, or diverged."""
    if contest.outcome != SIGMOID_BETTER or contest.diverged:
        return ""
    if logits.diagnosis.oscillates:
        reason = (
            f"{capital(logits.told.name)} was caught while its loss swings (see below); smaller steps calm "
            "it, with a smaller learning rate or `--pixels unit`."
        )
    elif contest.beside:
        reason = "What else differs may be the cause."
    else:
        reason = "The figures here do not tell the cause; other learning rates and more epochs may."
    return f"That the run with the sigmoid came out ahead does not make it right code. {reason}"


def explained(insight: RunAnalysis) -> Iterator[str]:
    """Yield why a run's loss is where it is, as paragraphs."""
    for lead, text in explain(insight.diagnosis, capital(insight.told.name)):
        yield f"**{lead}.** {text}"


def scales(sigmoid: RunAnalysis, logits: RunAnalysis) -> str:
    """Return why the losses of both heads are not of one scale."""
    highest = math.log1p((sigmoid.told.setup.classes - 1) * math.e)
    higher = logits.train_loss > sigmoid.train_loss
    more_accurate = (logits.told.compared.test_accuracy or 0) > (sigmoid.told.compared.test_accuracy or 0)
    contrast = (
        " A higher loss beside a higher accuracy is therefore no contradiction."
        if higher and more_accurate
        else ""
    )
    return (
        f"**The losses do not compare.** With the sigmoid every sample costs between {sigmoid.floor:.4f} "
        f"and {highest:.4f}, right or wrong; without it between 0 and any number. "
        f"{loss_text(sigmoid.train_loss)} and {loss_text(logits.train_loss)} are losses of two functions. "
        f"Compare the accuracies.{contrast}"
    )
