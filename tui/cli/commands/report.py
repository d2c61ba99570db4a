"""Write down what experiments came to, as GitHub markdown.

Settings and model, the log of every run, the loss comparison and the weights as figures, what removing the
sigmoid changed and why, with the interval of the difference, whether code without the sigmoid is right, and
how to repeat it. With --run it first trains the two runs of the original experiment. Figures need matplotlib:
pip install matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from logreg_tui.core import settings as s
from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import PROGRAM
from logreg_tui.tui.cli.data_options import add_data_options, data_settings
from logreg_tui.tui.cli.options import (
    POSITIVE,
    add_device_options,
    add_directory_options,
    add_epoch_options,
    add_run_options,
)
from logreg_tui.tui.cli.parser import Parser, directories_of, path_text, to_path

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "report runs/20261122T184530-sigmoid-logits -o report.md"


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "directories",
        nargs="*",
        type=to_path,
        metavar="DIR",
        help="experiment directories; none with --run (default: the newest)",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=path_text,
        metavar="FILE",
        help="the report to write, FILE.md; figures go beside it; what exists is replaced; - is stdout, "
        "without figures",
    )
    parser.add_argument(
        "--run",
        action="store_true",
        help="train what the report needs first: sigmoid with a constant rate, logits with steps of a tenth",
    )
    others = len(parser._actions)
    add_data_options(parser)
    group = parser.add_argument_group("training (with --run)")
    add_run_options(group)
    add_epoch_options(group)
    group.add_argument(
        "--step-size",
        type=POSITIVE,
        metavar="N",
        default=s.DEFAULT_STEP_SIZE,
        help=f"epochs between two steps of the logits run's rate (default: {s.DEFAULT_STEP_SIZE})",
    )
    add_device_options(group)
    add_directory_options(group)
    training = parser._actions[others:]
    parser.set_defaults(
        training={action.dest: (action.option_strings[0], action.default) for action in training}
    )
    # An option that is not given is absent then: without --run none may be given, not even with its default.
    for action in training:
        action.default = argparse.SUPPRESS


def run(values: argparse.Namespace) -> int:
    """Write a report, on an experiment trained first with --run."""
    from logreg_tui.core.files import is_stream

    target = to_path(values.output)
    if values.run:
        if values.directories:
            raise UsageError(
                f"--run trains what is reported on: leave {str(values.directories[0])!r} out, or --run"
            )
        if is_stream(target):
            raise UsageError("--run tells on stdout how it trains: name a file in place of -")
        return _train_and_report(settings_of(values), target)
    from_file = getattr(values, "from_file", ())
    given = [
        option
        for name, (option, _) in values.training.items()
        if hasattr(values, name) and name not in from_file
    ]
    if given:
        raise UsageError(f"{given[0]} belongs to --run, which trains first: leave it out, or add --run")
    return _report(directories_of(values), target)


def settings_of(values: argparse.Namespace) -> s.ExperimentSettings:
    """Return the settings that parsed options with --run ask for."""
    from logreg_tui.core.report.command_lines import original_runs

    asked = {name: getattr(values, name, default) for name, (_, default) in values.training.items()}
    asked |= data_settings({**asked, "from_file": getattr(values, "from_file", ())})
    l2, rate, seed, step_size = (asked.pop(name) for name in ("l2", "lr", "seed", "step_size"))
    runs = original_runs(l2, rate, seed, step_size, asked["epochs"])
    names = {field.name for field in fields(s.ExperimentSettings)}
    return s.ExperimentSettings(runs=runs, **{name: value for name, value in asked.items() if name in names})


def _train_and_report(settings: s.ExperimentSettings, target: Path) -> int:
    import signal

    from logreg_tui.core.report.figures import check_figures
    from logreg_tui.core.report.write import check_target
    from logreg_tui.core.session.start import run_experiment
    from logreg_tui.core.training.history import History
    from logreg_tui.tui.number_format import shown_path
    from logreg_tui.tui.text.exit_summary import shell_word
    from logreg_tui.tui.text.output import print_out
    from logreg_tui.tui.text.training_log import train_plainly

    # Before hours of training rather than behind them.
    check_target(target)
    check_figures()
    history = History()
    status = train_plainly(partial(run_experiment, settings), history)
    # There is no training any more that ^C and SIGTERM could end cleanly.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if history.experiment is None:
        return status
    if status or history.state != "finished":
        directory = shell_word(history.experiment.directory)
        print_out(
            f"no report yet: {PROGRAM} resume {directory} --no-screen, then "
            f"{PROGRAM} report {directory} -o {shell_word(str(target))}"
        )
        return status or 1
    return _report([to_path(shown_path(history.experiment.directory))], target)


def _report(directories: Sequence[Path], target: Path) -> int:
    from logreg_tui.core.report.write import write_report
    from logreg_tui.core.text import counted
    from logreg_tui.tui.text.output import destination, print_left_out, print_progress

    place = destination(target)
    figures = write_report(directories, target, print_left_out)
    beside = f"; {counted(len(figures), 'figure')} beside it" if figures else ""
    print_progress(f"report in {place}{beside}")
    return 0
