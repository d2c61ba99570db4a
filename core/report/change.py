"""The sections of the report that answer: what removing the sigmoid changed, why, and which code is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from logreg_tui.core.analysis.comparison import PAIRED
from logreg_tui.core.export.tables import markdown_table
from logreg_tui.core.report.command_lines import command_again, command_for_both_heads
from logreg_tui.core.report.head_facts import figures, notes
from logreg_tui.core.report.heads import (
    HeadComparison,
    accuracy_words,
    ends,
    fairness_words,
    method_words,
)
from logreg_tui.core.report.runs import ReportedRun
from logreg_tui.core.report.study import RunComparison, tally
from logreg_tui.core.report.text import (
    accuracy_text,
    capital,
    code,
    exact,
    fenced,
    literal_text,
    points_text,
)
from logreg_tui.core.report.why import explained, in_short, nevertheless, scales
from logreg_tui.core.settings import SIGMOID

DOCUMENTATION = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html"
QUOTATION = (
    '"The input is expected to contain the unnormalized logits for each class (which do not need to be '
    'positive or sum to 1, in general)"'
)


def change_section(studies: Sequence[RunComparison]) -> Iterator[str]:
    """Yield what removing the sigmoid changed, and why, for each study."""
    yield "## What removing the sigmoid changed, and why"
    for study in studies:
        if len(studies) > 1:
            yield f"### On {literal_text(study.setup.dataset)}"
        yield from _change(study)


def _change(study: RunComparison) -> Iterator[str]:
    if not study.insights:
        yield "Nothing has been logged yet."
        return
    contest = study.contest
    if contest is None:
        yield from _one_head(study)
    else:
        yield from _both_heads(study, contest)
        yield in_short(study.insights[0])
    header, rows = figures(study.insights)
    yield markdown_table(header, rows, range(1, len(header)))
    yield " ".join(notes(study.insights))
    for insight in study.insights:
        yield from explained(insight)
    if contest is not None:
        yield scales(*study.insights)
    yield from _all_pairs(study)


def _one_head(study: RunComparison) -> Iterator[str]:
    head = study.heads[0]
    other = "without the sigmoid" if head == SIGMOID else "with the sigmoid"
    yield f"Only the head `{head}` was trained, so a run {other} to compare with is missing. Both come with:"
    yield _both_heads_command(study.insights[0].told)


def _both_heads_command(run: ReportedRun) -> str:
    return fenced([command_for_both_heads(run.setup, run.compared.settings)])


def _both_heads(study: RunComparison, contest: HeadComparison) -> Iterator[str]:
    if len(study.runs) > 2:
        yield (
            f"{capital(contest.names[0])} and {contest.names[1]} stand for the two heads: of all pairs they "
            "were chosen by their settings, as the first of those that differ in least beside the head."
        )
    yield f"**Accuracy.** {accuracy_words(contest)} {method_words(contest, study.why_not_paired)}".rstrip()
    yield from fairness_words(contest)
    if words := nevertheless(contest, study.insights[1]):
        yield words
    if contest.beside:
        yield "Both heads with everything else the same are trained by:"
        yield _both_heads_command(study.insights[0].told)


def _all_pairs(study: RunComparison) -> Iterator[str]:
    if len(study.contests) < 2:
        return
    yield "### All pairs that differ in their head alone"
    header = [
        "sigmoid",
        "logits",
        "accuracy with",
        "accuracy without",
        "difference in points",
        "95 % interval",
    ]
    yield markdown_table(header, map(_pair_line, study.contests), range(2, len(header)))
    more = f" Further pairs, {study.left_out} of them, are left out." if study.left_out else ""
    each = "Each interval is for its own pair: of twenty such intervals one is expected to miss."
    yield f"{tally(study)} {each}{more}"
    if over_seeds := list(_over_seeds(study)):
        yield "\n".join(over_seeds)


def _pair_line(contest: HeadComparison) -> list[str]:
    difference = contest.difference
    accuracies = [accuracy_text(run.test_accuracy or 0.0) for run in contest.runs]
    if difference is None:
        return [*contest.names, *accuracies, "-", "-"]
    kind = ", paired" if difference.method == PAIRED else ""
    return [*contest.names, *accuracies, points_text(difference.points), f"{ends(difference)}{kind}"]


def _over_seeds(study: RunComparison) -> Iterator[str]:
    """Yield what several seeds came to together, for each of their settings."""
    groups: dict[str, dict[int, float]] = {}
    for contest in study.contests:
        run = contest.sigmoid
        settings = (
            f"lambda {exact(run.l2)}, learning rate {exact(run.learning_rate)}, schedule {run.schedule}"
        )
        settings = f"{settings}, pixels {run.pixels}, {run.epochs:,} epochs"
        if contest.difference is not None and not run.changes:
            groups.setdefault(settings, {})[run.seed] = contest.difference.points
    for settings, points in groups.items():
        if len(points) > 1:
            yield (
                f"- {capital(settings)}: a mean difference of {points_text(fmean(points.values()))} points "
                f"over {len(points)} seeds, with a standard deviation of {stdev(points.values()):.2f}."
            )


def right_section() -> Iterator[str]:
    """Yield whether code without the sigmoid is right; that depends on no figure."""
    yield "## Is code without the sigmoid right?"
    yield (
        "Yes. `CrossEntropyLoss` is `LogSoftmax` followed by `NLLLoss`, and its documentation says what it "
        f"wants: {QUOTATION} ([PyTorch, CrossEntropyLoss]({DOCUMENTATION})). The linear layer gives exactly "
        "that. A sigmoid in between squashes the logits into (0, 1), which bounds the loss from below and "
        "flattens the gradient; a softmax in between would be the same mistake."
    )
    yield (
        "A sigmoid is right where each output answers a yes-or-no question of its own: one class, or "
        "several labels that exclude nothing. There too it belongs into the loss, `BCEWithLogitsLoss`, "
        "which takes logits as well. To predict a class neither is needed: the largest logit stays the "
        "largest."
    )
    yield "This holds whatever the accuracies above are: it is a matter of what the loss is defined for."


def repeat_section(studies: Sequence[RunComparison]) -> Iterator[str]:
    """Yield for each experiment how it is done again, and with what it was done."""
    yield "## How to repeat it"
    for study in studies:
        for setup in study.setups:
            if setup.letter:
                yield f"### Experiment {setup.letter}"
            yield fenced([command_again(setup, study.runs)])
            points = [
                f"Directory: {code(setup.directory.resolve().name)}, started {setup.started}",
                f"Versions: {', '.join(map(literal_text, setup.versions)) or 'unknown'}",
                f"Device: {literal_text(setup.device)}",
                f"Fingerprint of the data (SHA-256): {code(setup.config.fingerprint)}",
            ]
            yield "\n".join(f"- {point}" for point in points)
    yield (
        "On a CPU with the same versions and the same number of threads the rows come out the same; "
        "another device rounds in another order, and the last digits differ."
    )
