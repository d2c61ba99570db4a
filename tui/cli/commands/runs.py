"""List the experiments in the runs directory: state, size, and the host and process that trains them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from logreg_tui.tui.cli.parser import Parser, to_path
from logreg_tui.tui.text.output import print_answer

if TYPE_CHECKING:
    from logreg_tui.core.experiment.listing import Summary

EXAMPLE = "runs --runs-dir ~/runs"
HEADER = ("experiment", "state", "dataset", "runs", "rows", "host", "pid")


def add_options(parser: Parser) -> None:
    parser.add_argument("--runs-dir", type=to_path, metavar="DIR", default="runs", help="default: ./runs")


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.experiment.listing import list_experiments

    print_answer(listing(list_experiments(values.runs_dir)))
    return 0


def listing(experiments: Sequence[Summary]) -> str:
    """Return one line per experiment: its state, size and the process that trains it."""
    from logreg_tui.core.export.tables import plain_table
    from logreg_tui.core.text import escape_control_chars

    if not experiments:
        return "no experiments here"
    rows = [
        (
            escape_control_chars(experiment.directory.name),
            experiment.state,
            escape_control_chars(experiment.dataset),
            str(experiment.runs),
            f"{experiment.rows:,}",
            escape_control_chars(experiment.host),
            "" if experiment.pid is None else str(experiment.pid),
        )
        for experiment in experiments
    ]
    return plain_table(HEADER, rows, right=(3, 4, 6))
