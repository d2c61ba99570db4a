"""Go on with an experiment from its last checkpoint, exactly, with the knobs as they were last turned.

An experiment that another process trains without a screen is taken over. --epochs lets runs go on that were
done; those that were ended with d too, if there are no others or --run names them.
"""

from __future__ import annotations

import argparse
from functools import partial

from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.options import POSITIVE, AppOptions, add_app_options
from logreg_tui.tui.cli.parser import Parser, add_directory, check_terminal

EXAMPLE = "resume runs/20261122T184530-sigmoid --epochs 20000"


def add_options(parser: Parser) -> None:
    add_directory(parser)
    parser.add_argument("--no-screen", action="store_true", help="train without a screen")
    parser.add_argument("--epochs", type=POSITIVE, metavar="N", help="let the runs go further than planned")
    parser.add_argument(
        "--run", type=POSITIVE, nargs="+", default=[], metavar="N", help="with --epochs: these runs only"
    )
    add_app_options(parser)


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.experiment.config import read_config
    from logreg_tui.core.session.resume import resume_experiment

    if values.run and values.epochs is None:
        raise UsageError("--run says which runs --epochs lets go on: add --epochs N")
    start = partial(resume_experiment, values.directory, epochs=values.epochs, runs=values.run)
    if values.no_screen:
        for option in ("paused", "fps", "ascii"):
            if getattr(values, option):
                raise UsageError(f"--{option} concerns the screen: leave it out, or leave out --no-screen")
        from logreg_tui.tui.text.training_log import train_plainly

        return train_plainly(start)
    check_terminal("add --no-screen to train without one")
    from logreg_tui.tui.cli.launch import show

    defaults = read_config(values.directory).settings.runs[0]
    return show(partial(start, stays_open=True), AppOptions.of(values), defaults)
