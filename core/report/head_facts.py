"""What there is to know of a run at its head: losses and their floor, gradients, saturation, ties."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.diagnostics import RunDiagnosis, diagnose
from logreg_tui.core.analysis.inspection import SATURATED, HeadFacts, head_facts
from logreg_tui.core.experiment.saved_model import data_at_hand
from logreg_tui.core.heads import loss_floor
from logreg_tui.core.report.runs import ReportedRun
from logreg_tui.core.report.text import accuracy_text, listed, loss_text, percent, rounded
from logreg_tui.core.settings import SIGMOID

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.settings import ExperimentSettings

NOT_HERE = "the data are not on this machine"
NO_PARAMETERS = "its parameters cannot be read"
OTHER_EPOCH = "the parameters that are kept are not those of the newest row"
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """A run with the figures at its head."""

    told: ReportedRun
    facts: HeadFacts | None
    missing: str = ""
    """Why there are no facts."""

    @property
    def why_not_paired(self) -> str:
        """Why its right answers are not known; empty where they should be."""
        if self.missing or self.facts is None:
            return self.missing
        return "" if self.facts.epoch == self.told.compared.epochs else OTHER_EPOCH

    @property
    def floor(self) -> float:
        """What no training gets the run's loss below, in nats."""
        is_sigmoid = self.told.compared.head == SIGMOID
        return loss_floor(self.told.setup.classes) if is_sigmoid else 0.0

    @property
    def train_loss(self) -> float:
        """Of the newest sound row."""
        loss = self.told.compared.train_loss
        assert loss is not None
        return loss

    @property
    def distance(self) -> float:
        """Train loss above the floor."""
        return self.train_loss - self.floor

    @property
    def penalty(self) -> float:
        """The L2 term of the newest sound row."""
        return self.told.compared.l2_penalty or 0.0

    @property
    def penalty_share(self) -> float:
        """The L2 term as a share of the objective."""
        return self.penalty / (self.train_loss + self.penalty) if self.penalty else 0.0

    @property
    def diagnosis(self) -> RunDiagnosis:
        """The diagnosis of the run up to its newest sound row."""
        setup, told = self.told.setup, self.told
        found = diagnose(
            told.history, setup.classes, setup.settings.pixels, self.facts, until=told.compared.epochs
        )
        assert found is not None
        return found


def look(runs: Sequence[ReportedRun]) -> list[RunAnalysis]:
    """Return runs with the figures at their heads, measured on the training data where they are at hand."""
    return list(_look(runs))


def _look(runs: Sequence[ReportedRun]) -> Iterator[RunAnalysis]:
    data: Dataset | None = None
    read: ExperimentSettings | None = None
    for told in runs:
        missing = _what_is_missing(told)
        # Kept for the next run: to read and scale the data takes longer than to look.
        if not missing and (read is None or not _have_the_same_data(read, told.setup.settings)):
            data, read = None, told.setup.settings
            data = data_at_hand(told.setup.config)
        yield RunAnalysis(told, None, missing) if missing else _measured(told, data)


def _what_is_missing(told: ReportedRun) -> str:
    parameters = told.parameters
    if parameters is None:
        return NO_PARAMETERS
    return "" if parameters.head == told.compared.head else OTHER_EPOCH


def _have_the_same_data(one: ExperimentSettings, other: ExperimentSettings) -> bool:
    return (one.dataset, one.data_dir, one.pixels) == (other.dataset, other.data_dir, other.pixels)


def _measured(told: ReportedRun, data: Dataset | None) -> RunAnalysis:
    parameters = told.parameters
    assert parameters is not None
    if data is None or (data.classes, data.train_inputs.shape[1]) != parameters.weight.shape:
        return RunAnalysis(told, None, NOT_HERE)
    return RunAnalysis(told, head_facts(parameters, data.train_inputs, data.train_labels))


_Line = tuple[str, Callable[[RunAnalysis], str]]


def _of_facts(show: Callable[[HeadFacts], str]) -> Callable[[RunAnalysis], str]:
    return lambda insight: NOTHING if insight.facts is None else show(insight.facts)


def _figure(name: str, show: Callable[[float], str]) -> Callable[[RunAnalysis], str]:
    def cell(insight: RunAnalysis) -> str:
        value = getattr(insight.told.compared, name)
        return NOTHING if value is None else show(value)

    return cell


_LINES: tuple[_Line, ...] = (
    ("epoch", _figure("epochs", lambda value: f"{value:,}")),
    ("test accuracy", _figure("test_accuracy", accuracy_text)),
    ("train accuracy", _figure("train_accuracy", accuracy_text)),
    ("test loss", _figure("test_loss", loss_text)),
    ("train loss", _figure("train_loss", loss_text)),
    ("floor of the loss", lambda insight: loss_text(insight.floor)),
    ("train loss above the floor", lambda insight: loss_text(insight.distance)),
    ("L2 term", _figure("l2_penalty", loss_text)),
    ("L2 term, share of the objective", lambda insight: percent(insight.penalty_share)),
)
_LINES_OF_FACTS: tuple[_Line, ...] = (
    (
        "mean size of dL/ds, s what the head puts out",
        _of_facts(lambda f: rounded(f.mean_gradient_without_head)),
    ),
    ("mean size of dL/dz, z what the linear layer puts out", _of_facts(lambda f: rounded(f.mean_gradient))),
    (
        f"outputs within {SATURATED} of 0 or 1",
        _of_facts(lambda f: NOTHING if f.saturated is None else percent(f.saturated)),
    ),
    ("samples whose largest output is shared", _of_facts(lambda f: percent(f.tied))),
    ("samples with a probability above 0.999 for their label", _of_facts(lambda f: percent(f.certain))),
)


def figures(insights: Sequence[RunAnalysis]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a table with a column for each run."""
    header = ["", *(f"{insight.told.name}, {insight.told.compared.head}" for insight in insights)]
    has_facts = any(insight.facts for insight in insights)
    lines = (*_LINES, *(_LINES_OF_FACTS if has_facts else ()))
    rows = [[title, *(show(insight) for insight in insights)] for title, show in lines]
    return header, [row for row in rows if set(row[1:]) != {NOTHING}]


def notes(insights: Sequence[RunAnalysis]) -> Iterator[str]:
    """Yield on what the figures were measured, and why some are missing."""
    samples = {insight.facts.samples for insight in insights if insight.facts}
    if samples:
        count = max(samples)
        total = insights[0].told.setup.train_samples
        which = "all" if count >= total else "the first"
        yield f"What is below the L2 term was measured on {which} {count} training samples."
    late: dict[int, list[str]] = {}
    for insight in insights:
        if insight.facts and insight.facts.epoch != insight.told.compared.epochs:
            late.setdefault(insight.facts.epoch, []).append(insight.told.name)
        if insight.missing:
            yield f"The figures at the head of {insight.told.name} are missing: {insight.missing}."
    for epoch, names in late.items():
        yield f"For {listed(names)} that is at epoch {epoch:,}, of which the parameters are kept."
