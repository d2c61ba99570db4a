"""Go on with an experiment from its last checkpoint, exactly, with the knobs as they were last turned.

An experiment that another process trains without a screen, such as after D in the app, is taken over. attach
is a second name, by which one that another screen or another host trains, or that is finished, is shown as by
watch instead. --epochs lets runs go on that were done; those that were ended with d too, if there are no
others or --run names them.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import ENGINES
from logreg_tui.tui.cli.config_file import is_given
from logreg_tui.tui.cli.options import EPOCHS, POSITIVE, AppOptions, add_app_options
from logreg_tui.tui.cli.parser import AddUp, Parser, add_directory, check_terminal, directory_of

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "resume runs/20261122T184530-sigmoid --epochs 20000"


def add_options(parser: Parser) -> None:
    add_directory(parser)
    parser.add_argument("--no-screen", action="store_true", help="train without a screen")
    parser.add_argument("--epochs", type=EPOCHS, metavar="N", help="let the runs go further than planned")
    parser.add_argument(
        "--run",
        action=AddUp,
        type=POSITIVE,
        nargs="+",
        default=[],
        metavar="N",
        help="with --epochs: these runs only",
    )
    parser.add_argument(
        "--engine", choices=ENGINES, help="choose the engine anew (default: the one that trained so far)"
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="go on although a process on another host is recorded as training it: you know that it is gone",
    )
    parser.add_argument(
        "--restore-rows",
        action="store_true",
        help="if another program changed metrics.csv: keep that file beside, go on with the rows in it that "
        "can be read",
    )
    add_app_options(parser)


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.experiment.config import read_config
    from logreg_tui.core.session.resume import resume_experiment

    if values.run and values.epochs is None:
        raise UsageError("--run says which runs --epochs lets go on: add --epochs N")
    further = {
        "epochs": values.epochs,
        "runs": values.run,
        "engine": values.engine,
        "takes_over": values.take_over,
        "restores_rows": values.restore_rows,
    }
    if values.no_screen:
        for option in ("paused", "fps", "ascii", "notify", "graphics"):
            if is_given(values, option):
                raise UsageError(f"--{option} concerns the screen: leave it out, or leave out --no-screen")
        from logreg_tui.tui.text.training_log import train_plainly

        # Of several processes, maybe on several machines, the first alone needs the directory.
        return train_plainly(
            lambda control, say, **ranks: resume_experiment(
                directory_of(values), control, say, **further, **ranks
            ),
            resumes=True,
        )
    check_terminal("add --no-screen to train without one")
    directory, options = directory_of(values), AppOptions.of(values)
    defaults = read_config(directory).settings.runs[0]
    is_attached = getattr(values, "command", "") == "attach"
    if is_attached and not values.epochs and not _can_train(directory, values.take_over):
        from logreg_tui.tui.cli.launch import watch

        return watch(directory, options)
    from logreg_tui.tui.cli.launch import show

    start = partial(resume_experiment, directory, **further, stays_open=True)
    return show(start, options, defaults)


def _can_train(directory: Path, takes_over: bool) -> bool:
    """Return whether an experiment has something left to train that no screen and no other host trains.

    With `takes_over` no other host does.
    """
    from logreg_tui.core.experiment.listing import summarize
    from logreg_tui.core.experiment.lock import is_locked, read_owner

    owner = read_owner(directory)
    is_elsewhere = owner is not None and not owner.is_here and not takes_over
    if is_elsewhere or (owner is not None and owner.has_screen and is_locked(directory)):
        return False
    return summarize(directory).state != "finished"
