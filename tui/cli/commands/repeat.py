"""Train an experiment again from step 0 into a new directory, every knob turned at its step.

On a CPU the rows are the same, bit for bit.
"""

from __future__ import annotations

import argparse
from functools import partial

from logreg_tui.tui.cli.parser import Parser, add_directory, directory_of, path_text

EXAMPLE = "repeat runs/20261122T184530-sigmoid"


def add_options(parser: Parser) -> None:
    add_directory(parser)
    parser.add_argument(
        "--runs-dir",
        type=path_text,
        metavar="DIR",
        help="where the new directory goes (default: beside the old one)",
    )


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.session.resume import repeat_experiment
    from logreg_tui.tui.text.training_log import train_plainly

    directory = directory_of(values)
    runs_dir = values.runs_dir or str(directory.absolute().parent)
    return train_plainly(partial(repeat_experiment, directory, runs_dir))
