"""Runs with the sigmoid against runs without it, and the figures at their heads.

The two runs that stand for the heads are chosen by their settings, never by their figures: those that
differ in least beside the head. Chosen by test accuracy the difference would flatter whichever head
has more runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.compared_runs import ComparedRun
from logreg_tui.core.analysis.comparison import UNDERWAY, Difference, rows_of, with_differences
from logreg_tui.core.analysis.diagnostics import DIVERGED, RunDiagnosis, diagnose
from logreg_tui.core.analysis.inspection import HeadFacts, head_facts
from logreg_tui.core.analysis.paired_answers import pairs_of
from logreg_tui.core.experiment.saved_model import data_at_hand
from logreg_tui.core.heads import HEADS, LOGITS, SIGMOID
from logreg_tui.core.report.runs import ReportedExperiment, ReportedRun
from logreg_tui.core.text import exact

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.experiment.config import ExperimentConfig

MOST_PAIRS = 24
MOST_PICTURES = 4
KNOBS = "the knobs turned on the way"
LOGITS_BETTER, SIGMOID_BETTER, NO_DIFFERENCE, UNKNOWN = "logits", "sigmoid", "none", "unknown"
NOT_HERE = "the data are not on this machine"
NO_PARAMETERS = "its parameters cannot be read"
OTHER_EPOCH = "the parameters that are kept are not those of the newest row"
NOT_KNOWN = "it is not known here which samples each run gets right"


@dataclass(frozen=True, slots=True)
class HeadComparison:
    """A run with the sigmoid and one without it, on the same data."""

    sigmoid: ComparedRun
    logits: ComparedRun
    names: tuple[str, str]
    """Of both runs in the text, the sigmoid run first."""
    difference: Difference | None
    """Test accuracy of logits minus that of sigmoid; None if one of them has none."""

    @property
    def runs(self) -> tuple[ComparedRun, ComparedRun]:
        """Both, the sigmoid run first."""
        return self.sigmoid, self.logits

    @property
    def beside(self) -> dict[str, tuple[str, str] | None]:
        """The settings beside the head in which the runs differ, with both values."""
        return beside_the_head(self.sigmoid, self.logits)

    @property
    def diverged(self) -> list[str]:
        """The names of the runs that diverged."""
        return [name for name, run in zip(self.names, self.runs, strict=True) if run.state == DIVERGED]

    @property
    def underway(self) -> list[str]:
        """The names of the runs that may still gain epochs."""
        return [name for name, run in zip(self.names, self.runs, strict=True) if run.state in UNDERWAY]

    @property
    def shorter(self) -> str | None:
        """The name of the run with fewer epochs, if both ended soundly."""
        epochs = [run.epochs or 0 for run in self.runs]
        return None if epochs[0] == epochs[1] or self.diverged else self.names[epochs[0] > epochs[1]]

    @property
    def outcome(self) -> str:
        """LOGITS_BETTER, SIGMOID_BETTER, NO_DIFFERENCE, or UNKNOWN without an interval."""
        if self.difference is None or self.difference.interval is None:
            return UNKNOWN
        low, high = self.difference.interval
        return LOGITS_BETTER if low > 0 else SIGMOID_BETTER if high < 0 else NO_DIFFERENCE


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """A run with its diagnosis, which has the figures at its head if they can be measured."""

    run: ReportedRun
    diagnosis: RunDiagnosis
    missing: str
    """Why there are no figures at its head; empty if there are."""

    @property
    def facts(self) -> HeadFacts | None:
        """The figures at its head."""
        return self.diagnosis.facts

    @property
    def is_late(self) -> bool:
        """True if the figures at its head are of another epoch than its newest sound row."""
        return self.facts is not None and self.facts.epoch != self.run.compared.epochs

    @property
    def why_not_paired(self) -> str:
        """Why its right answers are not known; empty if they should be."""
        return OTHER_EPOCH if self.is_late else self.missing


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Runs that are tested on the same samples."""

    runs: tuple[ReportedRun, ...]
    pairs: tuple[HeadComparison, ...]
    """The first stands for the heads; more if several pairs of runs differ in their head alone."""
    left_out: int
    """Further such pairs."""
    analyses: tuple[RunAnalysis, ...]
    """Of the runs of the first pair; without one, of the first run that has figures, if any."""

    @property
    def pair(self) -> HeadComparison | None:
        """The pair that stands for the heads; None if one of them is missing."""
        return self.pairs[0] if self.pairs else None

    @property
    def config(self) -> ExperimentConfig:
        """Of the first experiment: sizes are the same in all."""
        return self.runs[0].experiment.config

    @property
    def experiments(self) -> list[ReportedExperiment]:
        """The experiments of the runs, each once."""
        return list({run.experiment.directory: run.experiment for run in self.runs}.values())

    @property
    def with_figures(self) -> list[ReportedRun]:
        """The runs that have figures."""
        return [run for run in self.runs if run.has_figures]

    @property
    def heads(self) -> list[str]:
        """The heads that have figures."""
        return [head for head in HEADS if self.of_head(head)]

    @property
    def why_not_paired(self) -> str:
        """Why the interval of the first pair is not paired, if it is not."""
        reasons = [analysis.why_not_paired for analysis in self.analyses]
        return next((reason for reason in reasons if reason), NOT_KNOWN)

    def of_head(self, head: str) -> list[ReportedRun]:
        """Return the runs of a head that have figures."""
        return [run for run in self.with_figures if run.compared.settings.head == head]

    @property
    def pictured(self) -> list[ReportedRun]:
        """The runs whose weights are shown: all if they are few, else the best of each head."""
        if len(self.with_figures) <= MOST_PICTURES:
            return self.with_figures
        return [most_accurate(self.of_head(head)) for head in self.heads]

    def count(self, outcome: str) -> int:
        """Return the number of pairs with an outcome."""
        return [pair.outcome for pair in self.pairs].count(outcome)

    @property
    def seed_means(self) -> list[tuple[ComparedRun, int, float, float]]:
        """For runs that differ in their seed alone: one of them, the number of seeds, the mean difference
        of the heads and its standard deviation (n - 1), in percentage points."""
        groups: dict[object, dict[int, tuple[ComparedRun, float]]] = {}
        for pair in self.pairs:
            run = pair.sigmoid
            settings = tuple(value for name, value in settings_of(run).items() if name != "seed")
            if pair.difference is not None and not run.changes:
                groups.setdefault(settings, {})[run.settings.seed] = run, pair.difference.points
        found = []
        for of_seeds in groups.values():
            runs, points = zip(*of_seeds.values(), strict=True)
            if len(points) > 1:
                found.append((runs[0], len(points), fmean(points), stdev(points)))
        return found


def most_accurate(runs: Sequence[ReportedRun]) -> ReportedRun:
    """Return the run with the highest test accuracy."""
    return max(runs, key=lambda run: run.compared.test_accuracy or 0.0)


def compare_heads(runs: Sequence[ReportedRun]) -> RunComparison:
    """Compare runs that are tested on the same samples."""
    places = opponents([run.compared for run in runs])
    # Beside a first pair that is not fair none is: the pairs most alike come first.
    fair = [place for place in places[1:] if _unlikeness(*(runs[at].compared for at in place))[:2] == (0, 0)]
    pairs = [_pair(*(runs[at] for at in place)) for place in [*places[:1], *fair[: MOST_PAIRS - 1]]]
    looked_at = [runs[at] for at in places[0]] if places else [run for run in runs if run.has_figures][:1]
    left_out = max(0, len(fair) - MOST_PAIRS + 1)
    return RunComparison(tuple(runs), tuple(pairs), left_out, tuple(_analyses(looked_at)))


def _pair(sigmoid: ReportedRun, logits: ReportedRun) -> HeadComparison:
    pair = [sigmoid.compared, logits.compared]
    rows = with_differences(rows_of(pair), sigmoid.compared.key, pairs_of(pair, sigmoid.compared))
    return HeadComparison(sigmoid.compared, logits.compared, (sigmoid.name, logits.name), rows[1].difference)


def opponents(runs: Sequence[ComparedRun]) -> list[tuple[int, int]]:
    """Return all pairs of a sigmoid and a logits run as places in `runs`, those most alike first."""
    of_head = {
        head: [at for at, run in enumerate(runs) if run.settings.head == head and run.epochs is not None]
        for head in HEADS
    }
    pairs = product(of_head[SIGMOID], of_head[LOGITS])
    return sorted(pairs, key=lambda pair: _unlikeness(runs[pair[0]], runs[pair[1]]))


def _unlikeness(sigmoid: ComparedRun, logits: ComparedRun) -> tuple[int, int, bool]:
    diverged = [sigmoid.state, logits.state].count(DIVERGED)
    return diverged, len(beside_the_head(sigmoid, logits)), sigmoid.origin != logits.origin


def beside_the_head(sigmoid: ComparedRun, logits: ComparedRun) -> dict[str, tuple[str, str] | None]:
    """Return the settings beside the head in which two runs differ, with both values; KNOBS has none."""
    one, other = settings_of(sigmoid), settings_of(logits)
    found: dict[str, tuple[str, str] | None] = {
        name: (one[name], other[name]) for name in one if one[name] != other[name]
    }
    return found if sigmoid.changes == logits.changes else {**found, KNOBS: None}


def settings_of(run: ComparedRun) -> dict[str, str]:
    """Return the settings of a run beside its head, as the report writes them."""
    return {
        "pixels": run.origin.pixels,
        "lambda": exact(run.settings.l2),
        "learning rate": exact(run.settings.learning_rate),
        "optimizer": str(run.settings.optimizer),
        "schedule": str(run.settings.schedule),
        "seed": str(run.settings.seed),
        "epochs": "none" if run.epochs is None else f"{run.epochs:,}",
    }


def _analyses(runs: Sequence[ReportedRun]) -> Iterator[RunAnalysis]:
    """Yield the analyses of runs, with the figures at their heads if the training data are at hand."""
    data: Dataset | None = None
    source: object = None
    for run in runs:
        config, parameters = run.experiment.config, run.parameters
        settings, facts, missing = config.settings, None, ""
        if parameters is None:
            missing = NO_PARAMETERS
        elif parameters.head != run.compared.settings.head:
            missing = OTHER_EPOCH
        else:
            of_run = settings.dataset, settings.data_dir, settings.pixels, settings.file
            # Kept for the next run: to read and scale the data takes longer than to look.
            if source != of_run:
                data, source = None, of_run
                data = data_at_hand(config)
            if data is None or (data.classes, data.train_inputs.shape[1]) != parameters.weight.shape:
                missing = NOT_HERE
            else:
                facts = head_facts(parameters, data.train_inputs, data.train_labels)
        diagnosis = diagnose(run.history, config.classes, settings.pixels, facts, until=run.compared.epochs)
        assert diagnosis is not None
        yield RunAnalysis(run, diagnosis, missing)
