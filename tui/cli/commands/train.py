"""Train without a screen, with the options of the app.

Progress goes to stderr, the accuracy log and a final table to stdout. ^C and SIGTERM leave a checkpoint to
resume from. Started by torchrun, all processes train one experiment together.
"""

from __future__ import annotations

import argparse
from functools import partial

from logreg_tui.core.engine.process_group import launched_rank
from logreg_tui.tui.cli.data_options import check_dataset
from logreg_tui.tui.cli.options import add_training_options, to_settings
from logreg_tui.tui.cli.parser import Parser, path_text

EXAMPLE = "train --head sigmoid logits --epochs 2000"


def add_options(parser: Parser) -> None:
    # Any of the processes that train together may lack the data: they tell each other once they have met.
    add_training_options(parser, check_dataset if launched_rank() is None else path_text)


def run(values: argparse.Namespace) -> int:
    settings = to_settings(values)
    from logreg_tui.core.session.start import run_experiment
    from logreg_tui.tui.text.training_log import train_plainly

    return train_plainly(partial(run_experiment, settings))
