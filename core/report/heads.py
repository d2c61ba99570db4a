"""A run with the sigmoid against one without it, in words that follow from the figures.

The two runs are chosen by their settings, never by their figures: those that differ in least beside
the head. Chosen by test accuracy the difference would flatter whichever head has more runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from logreg_tui.core.analysis.compared_runs import ComparedRun
from logreg_tui.core.analysis.comparison import PAIRED, UNDERWAY, Difference
from logreg_tui.core.analysis.diagnostics import DIVERGED
from logreg_tui.core.report.text import accuracy_text, capital, exact, listed, points_text, sentence
from logreg_tui.core.settings import LOGITS, SIGMOID

PAIRED_SOURCE = "R. G. Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10"
UNPAIRED_SOURCE = "R. G. Newcombe 1998, Statistics in Medicine 17, 873-890, method 10"
KNOBS = "the knobs turned on the way"
LOGITS_BETTER, SIGMOID_BETTER, NO_DIFFERENCE, UNKNOWN = "logits", "sigmoid", "none", "unknown"


@dataclass(frozen=True, slots=True)
class HeadComparison:
    """Two runs on the same data."""

    sigmoid: ComparedRun
    logits: ComparedRun
    names: tuple[str, str]
    """How the text calls them, the sigmoid run first."""
    difference: Difference | None
    """Test accuracy of logits minus that of sigmoid; None where one of them has none."""

    @property
    def runs(self) -> tuple[ComparedRun, ComparedRun]:
        """Both, the sigmoid run first."""
        return self.sigmoid, self.logits

    @property
    def beside(self) -> dict[str, str]:
        """What else the runs differ in, with both values."""
        return beside_the_head(self.sigmoid, self.logits)

    @property
    def diverged(self) -> list[str]:
        """The names of the runs that diverged."""
        return [name for name, run in zip(self.names, self.runs, strict=True) if run.state == DIVERGED]

    @property
    def outcome(self) -> str:
        """Which head the 95 % interval finds more accurate, NO_DIFFERENCE or UNKNOWN."""
        interval = None if self.difference is None else self.difference.interval
        if interval is None:
            return UNKNOWN
        if interval.low > 0:
            return LOGITS_BETTER
        return SIGMOID_BETTER if interval.high < 0 else NO_DIFFERENCE

    @property
    def is_fair(self) -> bool:
        """Whether what differs can be put down to the head."""
        return not self.beside and not self.diverged


def opponents(runs: Sequence[ComparedRun]) -> list[tuple[int, int]]:
    """Return all pairs of a sigmoid and a logits run as places in `runs`, those most alike first."""
    of_head = {
        head: [at for at, run in enumerate(runs) if run.head == head and run.epochs is not None]
        for head in (SIGMOID, LOGITS)
    }
    pairs = product(of_head[SIGMOID], of_head[LOGITS])
    return sorted(pairs, key=lambda pair: _unlikeness(runs[pair[0]], runs[pair[1]]))


def _unlikeness(sigmoid: ComparedRun, logits: ComparedRun) -> tuple[int, int, bool]:
    diverged = [sigmoid.state, logits.state].count(DIVERGED)
    return diverged, len(beside_the_head(sigmoid, logits)), sigmoid.origin != logits.origin


def beside_the_head(sigmoid: ComparedRun, logits: ComparedRun) -> dict[str, str]:
    """Return what two runs differ in beside the head, in words without and with both values."""
    found = {
        name: f"{name} ({show(sigmoid)} with the sigmoid, {show(logits)} without it)"
        for name, show in _SETTINGS.items()
        if show(sigmoid) != show(logits)
    }
    if sigmoid.changes != logits.changes:
        found[KNOBS] = KNOBS
    return found


_SETTINGS: dict[str, Callable[[ComparedRun], str]] = {
    "pixels": lambda run: run.pixels,
    "lambda": lambda run: exact(run.l2),
    "learning rate": lambda run: exact(run.learning_rate),
    "schedule": lambda run: run.schedule,
    "seed": lambda run: str(run.seed),
    "epochs": lambda run: f"{run.epochs:,}",
}


def accuracy_words(contest: HeadComparison) -> str:
    """Return both accuracies and their difference with its interval, as sentences."""
    difference = contest.difference
    with_sigmoid, without = (run.test_accuracy for run in contest.runs)
    if difference is None or with_sigmoid is None or without is None:
        return "There are no figures of both heads to compare."
    interval = difference.interval
    reach = "" if interval is None else f" (95 % interval {ends(difference)})"
    return (
        f"The test accuracy is {accuracy_text(without)} without the sigmoid ({contest.names[1]}) and "
        f"{accuracy_text(with_sigmoid)} with it ({contest.names[0]}): a difference of "
        f"{points_text(difference.points)} percentage points{reach}. {_meaning(contest)}"
    )


def ends(difference: Difference) -> str:
    """Return both ends of an interval, or why there is none."""
    if difference.interval is None:
        return difference.method
    low, high = map(points_text, difference.interval)
    return f"{low} to {high}"


def _meaning(contest: HeadComparison) -> str:
    better = {LOGITS_BETTER: "without the sigmoid", SIGMOID_BETTER: "with the sigmoid"}
    if contest.diverged:
        return sentence(f"{listed(contest.diverged)} diverged: that is no comparison of the heads")
    if contest.outcome in better:
        return f"The interval does not include 0: the run {better[contest.outcome]} is the more accurate one."
    if contest.outcome == NO_DIFFERENCE:
        return (
            "The interval includes 0: these test samples do not show that the accuracies differ; differences "
            "inside it remain possible."
        )
    return "Without an interval it cannot be said whether that is more than chance."


def method_words(contest: HeadComparison, why_not_paired: str) -> str:
    """Return how the interval was made and what it does not cover; nothing where there is none."""
    difference = contest.difference
    if difference is None or difference.interval is None:
        return ""
    samples = contest.sigmoid.origin.test_samples
    how = (
        f"The interval is paired: both runs answered the same {samples} test samples ({PAIRED_SOURCE})."
        if difference.method == PAIRED
        else f"The interval is that of two independent test sets ({UNPAIRED_SOURCE}), because "
        f"{why_not_paired}; both runs answered the same samples, so it is mostly wider than need be."
    )
    return f"{how} It covers which samples happened to be tested, not how another seed would have come out."


def fairness_words(contest: HeadComparison) -> list[str]:
    """Return what keeps the difference from being the head's alone, as paragraphs."""
    said = []
    for name, run in zip(contest.names, contest.runs, strict=True):
        if run.state == DIVERGED:
            said.append(
                f"{capital(name)} diverged: its figures are those of its last sound row, epoch "
                f"{run.epochs:,}. That shows a learning rate too large for it, not what its head can do."
            )
        elif run.state in UNDERWAY:
            said.append(f"{capital(name)} is not done: its figures are those of epoch {run.epochs:,}.")
    if contest.beside:
        said.append(
            f"Beside the head the runs differ in {listed(list(contest.beside.values()))}: what differs in "
            f"the figures is then not the head's alone.{_shorter(contest)}"
        )
    elif not contest.diverged:
        said.append("The two runs have all other settings in common: what differs is the head alone.")
    return said


def _shorter(contest: HeadComparison) -> str:
    epochs = [run.epochs or 0 for run in contest.runs]
    if epochs[0] == epochs[1] or contest.diverged:
        return ""
    name = contest.names[epochs[0] > epochs[1]]
    return f" {capital(name)} had fewer epochs, and may have had more to gain."
