"""The command `train`."""

from __future__ import annotations

import argparse
from functools import partial

from logreg_tui.tui.cli.options import add_training_options, to_settings
from logreg_tui.tui.cli.parser import Command


def run(values: argparse.Namespace) -> int:
    """Train without a screen."""
    settings = to_settings(values)
    from logreg_tui.core.session.start import run_experiment
    from logreg_tui.tui.text.training_log import train_plainly

    return train_plainly(partial(run_experiment, settings))


COMMAND = Command(
    description="Trains without a screen, with the options of the app: progress on stderr, the accuracy log "
    "and a final table on stdout. ^C and SIGTERM leave a checkpoint to resume from. Started by torchrun, "
    "all processes train one experiment together.",
    example="train --head sigmoid logits --epochs 2000",
    add_options=add_training_options,
    run=run,
)
