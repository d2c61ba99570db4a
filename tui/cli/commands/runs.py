"""List the experiments in the runs directory: state, size, accuracy, and host and process that train them.

The accuracy is the best test accuracy among the newest rows of its runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from logreg_tui.tui.cli.parser import Parser, to_path
from logreg_tui.tui.text.output import print_answer, table_width

if TYPE_CHECKING:
    from logreg_tui.core.experiment.listing import Summary

EXAMPLE = "runs --runs-dir ~/runs"
HEADER = ("experiment", "state", "dataset", "optimizer", "runs", "rows", "accuracy", "host", "pid")
NUMBERS = ("runs", "rows", "accuracy", "pid")
DISPENSABLE = ("host", "runs", "rows", "optimizer", "dataset", "pid")
"""Columns that a narrow terminal does without, in this order."""


def add_options(parser: Parser) -> None:
    parser.add_argument("--runs-dir", type=to_path, metavar="DIR", default="runs", help="default: ./runs")
    parser.add_argument("--format", choices=("plain", "json"), default="plain", help="default: plain")


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.experiment.listing import list_experiments

    experiments = list_experiments(values.runs_dir)
    print_answer(as_json(experiments) if values.format == "json" else listing(experiments, table_width()))
    return 0


def as_json(experiments: Sequence[Summary]) -> str:
    """Return a list with an object per experiment; what is not known is null."""
    import json

    from logreg_tui.core.text import without_infinities

    records = [
        {
            "experiment": each.directory.name,
            "directory": str(each.directory.absolute()),
            "state": each.state,
            "dataset": each.dataset or None,
            "optimizers": list(each.optimizers),
            "runs": each.runs,
            "rows": each.rows,
            "test_accuracy": each.accuracy,
            "host": each.host or None,
            "pid": each.pid,
        }
        for each in experiments
    ]
    return json.dumps(without_infinities(records), indent=2, allow_nan=False)


def listing(experiments: Sequence[Summary], width: int | None = None) -> str:
    """Return one line per experiment: its state, size, accuracy and the process that trains it."""
    from logreg_tui.core.export.tables import fitted_table
    from logreg_tui.core.optimizers import SGD
    from logreg_tui.core.text import escape_control_chars

    if not experiments:
        return "no experiments here"
    rows = [
        (
            escape_control_chars(experiment.directory.name),
            experiment.state,
            escape_control_chars(experiment.dataset),
            ", ".join(experiment.optimizers),
            str(experiment.runs),
            f"{experiment.rows:,}",
            "" if experiment.accuracy is None else f"{experiment.accuracy:.4f}",
            escape_control_chars(experiment.host),
            "" if experiment.pid is None else str(experiment.pid),
        )
        for experiment in experiments
    ]
    columns = dict(zip(HEADER, zip(*rows, strict=True), strict=True))
    if set(columns["optimizer"]) <= {"", str(SGD)}:
        # Plain gradient descent need not be said.
        del columns["optimizer"]
    dispensable = [name for name in DISPENSABLE if name in columns]
    lines = list(zip(*columns.values(), strict=True))
    return fitted_table(tuple(columns), lines, NUMBERS, width, dispensable)
