"""What the report found out about the runs on one data set: which are compared, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logreg_tui.core.analysis.comparison import rows_of, with_differences
from logreg_tui.core.analysis.paired_answers import pairs_of
from logreg_tui.core.report.head_facts import RunAnalysis, look
from logreg_tui.core.report.heads import (
    LOGITS_BETTER,
    NO_DIFFERENCE,
    SIGMOID_BETTER,
    HeadComparison,
    opponents,
)
from logreg_tui.core.report.runs import ReportedRun, Setup, setups_of
from logreg_tui.core.settings import HEADS

MOST_PAIRS = 24
MOST_PICTURES = 4
NOT_KNOWN = "it is not known here which samples each run gets right"


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Runs that are tested on the same samples."""

    runs: tuple[ReportedRun, ...]
    contests: tuple[HeadComparison, ...]
    """The first stands for the heads; more where several pairs of runs differ in their head alone."""
    left_out: int
    """Further such pairs."""
    insights: tuple[RunAnalysis, ...]
    """Of the runs of the first contest; without one, of the first run that has figures, if any."""

    @property
    def setups(self) -> list[Setup]:
        """The experiments."""
        return setups_of(self.runs)

    @property
    def setup(self) -> Setup:
        """The first experiment: sizes are the same in all."""
        return self.runs[0].setup

    @property
    def contest(self) -> HeadComparison | None:
        """What stands for the heads; None where one of them is missing."""
        return self.contests[0] if self.contests else None

    @property
    def heads(self) -> list[str]:
        """Those that have figures."""
        return [head for head in HEADS if self.of_head(head)]

    @property
    def why_not_paired(self) -> str:
        """Why the contest's interval is not paired, where it is not."""
        reasons = [insight.why_not_paired for insight in self.insights]
        return next((reason for reason in reasons if reason), NOT_KNOWN)

    def of_head(self, head: str) -> list[ReportedRun]:
        """Return the runs of a head that have figures."""
        return [run for run in self.runs if run.compared.head == head and run.has_figures]

    @property
    def pictured(self) -> list[ReportedRun]:
        """The runs whose weights are shown: all where they are few, else the best of each head."""
        shown = [run for run in self.runs if run.has_figures]
        if len(shown) <= MOST_PICTURES:
            return shown
        return [max(self.of_head(head), key=_test_accuracy) for head in self.heads]


def tally(study: RunComparison) -> str:
    """Return how many pairs that differ in their head alone speak for which; nothing for a single one."""
    outcomes = [contest.outcome for contest in study.contests]
    if len(outcomes) < 2:
        return ""
    return (
        f"Of {len(outcomes)} pairs of runs that differ in their head alone, the one without the sigmoid is "
        f"the more accurate one in {outcomes.count(LOGITS_BETTER)}, the one with it in "
        f"{outcomes.count(SIGMOID_BETTER)}, and {outcomes.count(NO_DIFFERENCE)} show no difference, by "
        "their 95 % intervals."
    )


def _test_accuracy(run: ReportedRun) -> float:
    return run.compared.test_accuracy or 0.0


def study(runs: Sequence[ReportedRun]) -> RunComparison:
    """Return what there is to say of runs that are tested on the same samples."""
    places = opponents([run.compared for run in runs])
    contests = [_contest(runs[one], runs[other]) for one, other in places[:1]]
    fair = [place for place in places[1:] if contests[0].is_fair and _is_fair(runs, place)]
    contests += [_contest(runs[one], runs[other]) for one, other in fair[: MOST_PAIRS - 1]]
    told = [runs[at] for at in places[0]] if places else [run for run in runs if run.has_figures][:1]
    return RunComparison(tuple(runs), tuple(contests), max(0, len(fair) - MOST_PAIRS + 1), tuple(look(told)))


def _is_fair(runs: Sequence[ReportedRun], place: tuple[int, int]) -> bool:
    sigmoid, logits = (runs[at] for at in place)
    return HeadComparison(sigmoid.compared, logits.compared, ("", ""), None).is_fair


def _contest(sigmoid: ReportedRun, logits: ReportedRun) -> HeadComparison:
    pair = [sigmoid.compared, logits.compared]
    rows = with_differences(rows_of(pair), sigmoid.compared.key, pairs_of(pair, sigmoid.compared))
    return HeadComparison(sigmoid.compared, logits.compared, (sigmoid.name, logits.name), rows[1].difference)
