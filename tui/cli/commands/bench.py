"""Time the engine beside a plain PyTorch loop, in turn and in one process.

Beside that stands what this machine can read and compute at most. Run it while nothing else is busy. Exit
status 1 if the losses of the two are not the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import is_svmlight
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.tui.cli.data_options import add_data_options, data_settings
from logreg_tui.tui.cli.options import POSITIVE, add_device_options
from logreg_tui.tui.cli.parser import AddUp, Parser

if TYPE_CHECKING:
    from logreg_tui.core.bench.results import BenchResult
    from logreg_tui.core.session.start import TrainingEnvironment
    from logreg_tui.tui.text.training_log import Reporter

EXAMPLE = "bench --runs 1 8 --no-screen"
RUN_COUNTS = (1, 2, 4, 8, 16)
PAIRS = 7


def add_options(parser: Parser) -> None:
    add_data_options(parser)
    group = parser.add_argument_group("what is measured")
    add_device_options(group)
    counts = " ".join(map(str, RUN_COUNTS))
    group.add_argument(
        "--runs",
        action=AddUp,
        nargs="+",
        type=POSITIVE,
        default=list(RUN_COUNTS),
        metavar="N",
        help=f"numbers of runs that the engine trains together (default: {counts})",
    )
    group.add_argument(
        "--epochs",
        type=POSITIVE,
        metavar="N",
        help="epochs of each measurement (default: a quarter second's)",
    )
    group.add_argument(
        "--pairs",
        type=POSITIVE,
        metavar="N",
        default=PAIRS,
        help=f"how often each is measured in turn with the other (default: {PAIRS})",
    )
    group.add_argument("--no-startup", action="store_true", help="leave out the start-up times")
    group.add_argument("--no-screen", action="store_true", help="leave out what the screen costs")
    parser.add_argument("--format", choices=("plain", "json"), default="plain", help="default: plain")


def run(values: argparse.Namespace) -> int:
    """Measure, print the figures on stdout, and return the exit status.

    Raises UserError, after the figures, if engine and plain loop do not compute the same.
    """
    for count in values.runs:
        if values.runs.count(count) > 1:
            raise UsageError(f"--runs {count} is given twice")
    settings = ExperimentSettings(
        dataset=values.dataset,
        data_dir=values.data_dir,
        **data_settings(vars(values)),
        device=values.device,
        threads=values.threads,
        engine=values.engine,
    )
    # Not above: `--help` waits for none of these, of which some load torch.
    import json

    from logreg_tui.core.bench.processes import ended_by_signals
    from logreg_tui.core.training.history import History
    from logreg_tui.tui.cli.launch import own_command
    from logreg_tui.tui.text.output import print_answer, table_width
    from logreg_tui.tui.text.training_log import Reporter

    reporter = Reporter(History())
    try:
        with ended_by_signals():
            result = measure(values, settings, own_command(), reporter)
    finally:
        reporter.clear()
    if values.format == "json":
        print_answer(json.dumps(result.to_json(), indent=2, allow_nan=False))
    else:
        from logreg_tui.tui.text.bench_report import bench_text

        print_answer(bench_text(result, table_width()))
    result.agreement.check()
    return 0


def measure(
    values: argparse.Namespace,
    settings: ExperimentSettings,
    command: Sequence[str],
    reporter: Reporter,
) -> BenchResult:
    """Measure what the options ask for; `command` starts this program."""
    if is_svmlight(settings.dataset):
        raise UsageError("bench compares with a loop over dense rows: name data that are not sparse")
    progress = reporter.say
    from logreg_tui.core.bench.bench import Bench, Plan
    from logreg_tui.core.bench.processes import measure_screen, measure_start_up
    from logreg_tui.core.session.start import prepare
    from logreg_tui.core.training.requests import Control

    start_up = () if values.no_startup else measure_start_up(command, values.pairs, progress)
    environment = prepare(settings, Control(), progress)
    if environment.notice:
        reporter.tell(f"notice: {environment.notice}")
    plan = Plan(tuple(values.runs), values.pairs, values.epochs)
    # The data that it holds are gone before other processes read theirs.
    result = Bench(plan, environment, progress).run()
    screen = None
    if not values.no_screen:
        epochs_per_s = 1e3 / result.training.ms_per_epoch.median
        screen = measure_screen(command, same_training(environment), epochs_per_s, progress)
    return replace(result, screen=screen, start_up=start_up)


def same_training(environment: TrainingEnvironment) -> list[str]:
    """Return the options that let another process train the same on the same device."""
    settings = environment.settings
    # `auto` may choose otherwise the next time.
    dataset = environment.dataset.name if settings.dataset == "auto" else settings.dataset
    words = ["--dataset", dataset, "--pixels", settings.pixels, *settings.file.words()]
    words += ["--device", str(environment.device), "--engine", settings.engine]
    if settings.data_dir is not None:
        words += ["--data-dir", settings.data_dir]
    if settings.threads is not None:
        words += ["--threads", str(settings.threads)]
    return words
