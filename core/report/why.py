"""Why losses and accuracies are what they are, in words: what the tab Why says, as paragraphs of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from logreg_tui.core.analysis.advice import RunDiagnosis
from logreg_tui.core.analysis.inspection import SATURATED, HeadFacts
from logreg_tui.core.report.head_facts import RunAnalysis
from logreg_tui.core.report.heads import SIGMOID_BETTER, HeadComparison
from logreg_tui.core.report.text import accuracy_text, capital, exact, loss_text, percent, rounded
from logreg_tui.core.settings import SIGMOID


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
    if logits.case is not None and logits.case.oscillates:
        reason = (
            f"{capital(logits.told.name)} was caught while its loss swings (see below); smaller steps calm "
            "it, with a smaller learning rate or `--pixels unit`."
        )
    elif contest.beside:
        reason = "What else differs may be the cause."
    else:
        reason = "The figures here do not tell the cause; other learning rates and more epochs may."
    return f"That the run with the sigmoid came out ahead does not make it right code. {reason}"


def explain(insight: RunAnalysis) -> Iterator[str]:
    """Yield why a run's loss is where it is, as paragraphs."""
    yield from (_sigmoid if insight.told.compared.head == SIGMOID else _logits)(insight)
    if swing := _swing(insight):
        yield swing


def _sigmoid(insight: RunAnalysis) -> Iterator[str]:
    classes = insight.told.setup.classes
    others, floor = classes - 1, insight.floor
    yield (
        "**The floor.** A sigmoid lets out numbers between 0 and 1 only. The best it can do is a 1 for the "
        f"right class and a 0 for the other {others}; the softmax inside the cross entropy makes of that a "
        f"probability of e/(e + {others}) = {math.exp(-floor):.3f}, which is a loss of ln(1 + {others}/e) = "
        f"{floor:.4f}. No training gets below it, however good the classification is. {_way(insight)}"
    )
    facts = insight.facts
    if facts:
        yield _slope(facts)
    if facts and facts.tied:
        yield (
            f"**Ties.** For {percent(facts.tied)} of the training samples several classes share the largest "
            "output, because it has been rounded to the same number. The first of them wins, whatever the "
            "label says."
        )


def _way(insight: RunAnalysis) -> str:
    case = insight.case
    said = (
        f"The train loss of {insight.told.name} is {loss_text(insight.train_loss)}, "
        f"{loss_text(insight.distance)} above the floor"
    )
    begun = 0.0 if case is None else case.first_loss - insight.floor
    if not 0 < insight.distance < begun:
        return f"{said}."
    done = percent(1 - insight.distance / begun)
    return f"{said}; it began {loss_text(begun)} above, so {done} of the way is done.{_stalls(case)}"


def _stalls(case: RunDiagnosis | None) -> str:
    if case is None or case.stall is None:
        return ""
    return f" Since epoch {case.stall.since:,} it has hardly moved."


def _slope(facts: HeadFacts) -> str:
    before, behind = facts.mean_gradient_without_head, facts.mean_gradient
    left = f"{rounded(before / behind, 2)} times less" if behind else "nothing"
    return (
        "**The slope.** Weights move as far as the gradient says. What arrives at the sigmoid is "
        f"{rounded(before)} for each output on average. The sigmoid multiplies it by its slope s(1 - s), "
        f"which is 1/4 at most and next to nothing near 0 and 1; {rounded(behind)} is left of it, {left}. "
        f"{_saturated(facts)}"
    )


def _saturated(facts: HeadFacts) -> str:
    if not facts.saturated:
        return f"No output is saturated, which is within {SATURATED} of 0 or 1."
    return (
        f"{percent(facts.saturated)} of the outputs are saturated, within {SATURATED} of 0 or 1: they "
        "hardly move the weights any more, also where they are wrong."
    )


def _logits(insight: RunAnalysis) -> Iterator[str]:
    yield (
        "**No floor.** Logits are numbers without bounds, so the loss can come as close to 0 as the data "
        f"and the L2 term let it. The train loss of {insight.told.name} is {loss_text(insight.train_loss)}. "
        f"{_wrong(insight)}"
    )
    facts = insight.facts
    if facts:
        yield (
            "**The gradient.** It is the probability that the model gives to a class minus what it should "
            f"be, 0 or 1: {rounded(facts.mean_gradient)} for each output on average, and nothing stands "
            f"between it and the weights. {percent(facts.certain)} of the training samples are certain "
            "already and hardly pull any more."
        )


def _wrong(insight: RunAnalysis) -> str:
    accuracy = insight.told.compared.train_accuracy
    if accuracy is None or accuracy == 1:
        return "No training sample is classified wrong."
    each = insight.train_loss / (1 - accuracy)
    return (
        f"{percent(1 - accuracy)} of the training samples are classified wrong, and there is no bound to "
        f"what one of them costs: here {rounded(each)} at most, on average."
    )


def _swing(insight: RunAnalysis) -> str:
    case = insight.case
    if case is None or not case.oscillates:
        return ""
    count = (len(case.recent) - 1) // 2
    epochs, accuracies = (
        column[-count - 1 :] for column in insight.told.history.columns.read("epoch", "test_accuracy")
    )
    return (
        f"**Swinging.** In the last {len(case.recent) - 1} rows the train loss of {insight.told.name} "
        f"turned round {case.sign_changes} times: with a learning rate of "
        f"{exact(case.last.learning_rate)} the steps "
        f"are too large for the steepest direction. Since epoch {epochs[0]:,.0f} its test accuracy "
        f"was between {accuracy_text(accuracies.min())} and {accuracy_text(accuracies.max())}: what it "
        "comes to depends on the epoch at which it is looked at."
    )


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


def penalties(insights: Sequence[RunAnalysis]) -> str:
    """Return what the L2 term is for each run."""
    return "**The L2 term** pulls every weight towards 0. " + " ".join(map(_penalty, insights))


def _penalty(insight: RunAnalysis) -> str:
    name = capital(insight.told.name)
    if not insight.told.compared.l2:
        return f"{name} has none: its lambda is 0."
    above = insight.distance + insight.penalty
    share = (
        f", {percent(insight.penalty / above)} of what lies above the floor"
        if insight.floor and above > 0
        else ""
    )
    return (
        f"{name}, lambda {exact(insight.told.compared.l2)}: it adds {loss_text(insight.penalty)}, "
        f"{percent(insight.penalty_share)} of the objective{share}."
    )
