"""The tables of the report, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from logreg_tui.core.analysis.comparison import PAIRED, Difference
from logreg_tui.core.analysis.inspection import CERTAIN, SATURATED
from logreg_tui.core.export.tables import markdown_table
from logreg_tui.core.report.format import accuracy_text, literal_text, points_text
from logreg_tui.core.report.heads import HeadComparison, RunAnalysis, settings_of
from logreg_tui.core.report.runs import ReportedRun
from logreg_tui.core.text import class_name, loss_text, percent, rounded
from logreg_tui.core.training.events import RowLogged

MOST_LINES = 60
"""Of a run's log."""
MOST_CLASSES, MOST_WEIGHTS = 30, 8
"""Of a model without pictures."""
NOTHING = "-"


def _table(rows: Sequence[Mapping[str, str]], left: int) -> str:
    """Return a table of rows that have the same columns, of which the first `left` are set to the left."""
    header = list(rows[0])
    return markdown_table(header, [list(row.values()) for row in rows], range(left, len(header)))


def shared_settings(runs: Sequence[ReportedRun]) -> dict[str, str]:
    """Return the settings that all runs have in common."""
    first, *others = map(_settings, runs)
    return {name: value for name, value in first.items() if all(each[name] == value for each in others)}


def settings_table(runs: Sequence[ReportedRun]) -> str:
    """Return a table of the settings in which the runs differ."""
    rows = _differing(runs)
    return _table(rows, left=len(rows[0]))


def end_table(runs: Sequence[ReportedRun]) -> str:
    """Return a table of the last figures of runs."""
    rows = _differing(runs)
    ends = [
        {
            "train loss": _shown(run.compared.train_loss, loss_text),
            "test loss": _shown(run.compared.test_loss, loss_text),
            "train accuracy": _shown(run.compared.train_accuracy, accuracy_text),
            "test accuracy": _shown(run.compared.test_accuracy, accuracy_text),
        }
        for run in runs
    ]
    return _table([row | end for row, end in zip(rows, ends, strict=True)], left=len(rows[0]))


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return NOTHING if value is None else show(value)


def _differing(runs: Sequence[ReportedRun]) -> list[dict[str, str]]:
    shared = shared_settings(runs)
    return [
        {"run": run.label, "head": run.compared.settings.head}
        | {name: value for name, value in _settings(run).items() if name not in shared}
        for run in runs
    ]


def _settings(run: ReportedRun) -> dict[str, str]:
    settings = settings_of(run.compared)
    if run.compared.epochs not in (None, run.history.epochs):
        settings["epochs"] += f" of {run.history.epochs:,}"
    return settings | {"state": run.compared.state}


def thinned(rows: Sequence[RowLogged]) -> list[RowLogged]:
    """Return rows that are few enough for a table, among them the first and the last."""
    every = -(-len(rows) // MOST_LINES)
    return [*rows[:-1:every], rows[-1]]


def log_table(rows: Sequence[RowLogged]) -> str:
    """Return a table of rows."""
    cells = [
        {
            "epoch": f"{row.epoch:,}",
            "objective": loss_text(row.objective),
            "train loss": loss_text(row.train_loss),
            "test loss": loss_text(row.test_loss),
            "train accuracy": accuracy_text(row.train_accuracy),
            "test accuracy": accuracy_text(row.test_accuracy),
        }
        for row in rows
    ]
    return _table(cells, left=0)


def pair_table(pairs: Sequence[HeadComparison]) -> str:
    """Return a table of pairs of runs with the differences of their accuracies."""
    cells = [
        {
            "sigmoid": pair.names[0],
            "logits": pair.names[1],
            "accuracy with": _shown(pair.sigmoid.test_accuracy, accuracy_text),
            "accuracy without": _shown(pair.logits.test_accuracy, accuracy_text),
            "difference in points": NOTHING
            if pair.difference is None
            else points_text(pair.difference.points),
            "95 % interval": NOTHING if pair.difference is None else _interval(pair.difference),
        }
        for pair in pairs
    ]
    return _table(cells, left=2)


def _interval(difference: Difference) -> str:
    if difference.interval is None:
        return difference.method
    low, high = map(points_text, difference.interval)
    return f"{low} to {high}{', paired' if difference.method == PAIRED else ''}"


def head_table(analyses: Sequence[RunAnalysis]) -> str:
    """Return a table of the figures at the head, with a column for each run."""
    header = ["", *(f"{analysis.run.name}, {analysis.run.compared.settings.head}" for analysis in analyses)]
    columns = [_head_figures(analysis) for analysis in analyses]
    titles = max(columns, key=len)
    rows = [[title, *(column.get(title, NOTHING) for column in columns)] for title in titles]
    return markdown_table(header, rows, range(1, len(header)))


def weights_table(run: ReportedRun) -> str:
    """Return a table of the largest weights of each class, with the names of their features."""
    assert run.parameters is not None
    config, rows = run.experiment.config, []
    for label, weight in enumerate(run.parameters.weight[:MOST_CLASSES]):
        largest = (-abs(weight)).argsort(kind="stable")[:MOST_WEIGHTS].tolist()
        weights = [f"{literal_text(config.feature_names[at])} {float(weight[at]):+.3g}" for at in largest]
        name = literal_text(class_name(config.class_names, label))
        rows.append([name, f"{float(run.parameters.bias[label]):+.3g}", ", ".join(weights)])
    return markdown_table(["class", "bias", "largest weights"], rows, [1])


def _head_figures(analysis: RunAnalysis) -> dict[str, str]:
    diagnosis, last, facts = analysis.diagnosis, analysis.diagnosis.last, analysis.facts
    figures = {
        "epoch": f"{last.epoch:,}",
        "test accuracy": accuracy_text(last.test_accuracy),
        "train accuracy": accuracy_text(last.train_accuracy),
        "test loss": loss_text(last.test_loss),
        "train loss": loss_text(last.train_loss),
        "floor of the loss": loss_text(diagnosis.floor),
        "train loss above the floor": loss_text(diagnosis.distance),
        "L2 term": loss_text(last.l2_penalty),
        "L2 term, share of the objective": percent(diagnosis.penalty_of_objective),
    }
    if facts is None:
        return figures
    figures["mean size of dL/ds, s what the head puts out"] = rounded(facts.mean_gradient_without_head)
    figures["mean size of dL/dz, z what the linear layer puts out"] = rounded(facts.mean_gradient)
    if facts.saturated is not None:
        figures[f"outputs within {SATURATED} of 0 or 1"] = percent(facts.saturated)
    figures["samples whose largest output is shared"] = percent(facts.tied)
    figures[f"samples with a probability above {CERTAIN} for their label"] = percent(facts.certain)
    return figures
