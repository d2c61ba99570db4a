"""List the experiments in the runs directory: state, size, and the host and process that trains them."""

from __future__ import annotations

import argparse

from logreg_tui.tui.cli.parser import Parser, to_path

EXAMPLE = "runs --runs-dir ~/runs"


def add_options(parser: Parser) -> None:
    parser.add_argument("--runs-dir", type=to_path, metavar="DIR", default="runs", help="default: ./runs")


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.experiment.listing import list_experiments
    from logreg_tui.tui.text.exit_summary import listing

    print(listing(list_experiments(values.runs_dir)))
    return 0
