"""Time the engine beside a plain PyTorch loop, in turn and in one process.

Beside that stands what this machine can read and compute at most. Run it while nothing else is busy. Exit
status 1 if the losses of the two are not the same. With --against sklearn it is a race: seconds of fitting
until a test accuracy is reached, beside scikit-learn's LogisticRegression and SGDClassifier on the same data.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import ExperimentSettings, parse_number
from logreg_tui.tui.cli.data_options import add_data_options, data_settings
from logreg_tui.tui.cli.options import POSITIVE, POSITIVE_NUMBER, add_device_options
from logreg_tui.tui.cli.parser import AddUp, Parser, checked

if TYPE_CHECKING:
    from logreg_tui.core.bench.accuracy_race import Race
    from logreg_tui.core.bench.results import BenchResult
    from logreg_tui.core.session.start import TrainingEnvironment
    from logreg_tui.tui.text.training_log import Reporter

EXAMPLE = "bench --runs 1 8 --no-screen"
RUN_COUNTS = (1, 2, 4, 8, 16)
PAIRS = 7
RACE_PAIRS = 3
ACCURACIES = (0.9, 0.91, 0.92, 0.925)
TIME_LIMIT_S = 60


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
        help="epochs of each measurement (default: a quarter second's); with --against the most of a fit "
        "(default: as many as --time-limit allows)",
    )
    group.add_argument(
        "--pairs",
        type=POSITIVE,
        metavar="N",
        help=f"how often each is measured in turn with the others (default: {PAIRS}, with --against "
        f"{RACE_PAIRS})",
    )
    group.add_argument("--no-startup", action="store_true", help="leave out the start-up times")
    group.add_argument("--no-screen", action="store_true", help="leave out what the screen costs")
    race = parser.add_argument_group("the race")
    race.add_argument(
        "--against", choices=("sklearn",), help="measure the time to accuracies beside scikit-learn instead"
    )
    race.add_argument(
        "--accuracy",
        action=AddUp,
        nargs="+",
        type=checked(parse_number, _accuracy),
        metavar="X",
        help=f"test accuracies to reach (default: {' '.join(map(str, ACCURACIES))})",
    )
    race.add_argument(
        "--time-limit",
        type=POSITIVE_NUMBER,
        metavar="S",
        help=f"seconds of a fit after which no longer one is tried (default: {TIME_LIMIT_S})",
    )
    parser.add_argument("--format", choices=("plain", "json"), default="plain", help="default: plain")


def _accuracy(value: float) -> float:
    if not 0 < value <= 1:
        raise UsageError(f"accuracy is {value:g}: give a number above 0, 1 at most")
    return value


def check_options(values: argparse.Namespace) -> None:
    """Raise UsageError if options contradict each other."""
    from logreg_tui.core.data.sparse.lines import is_svmlight

    if is_svmlight(values.dataset):
        raise UsageError("bench compares with a loop over dense rows: name data that are not sparse")
    is_race, given = values.against is not None, getattr(values, "given", ())
    of_race = {"--accuracy": values.accuracy, "--time-limit": values.time_limit}
    of_speed = {
        "--runs": "runs" in given,
        "--no-startup": values.no_startup,
        "--no-screen": values.no_screen,
    }
    for option, is_given in (of_speed if is_race else of_race).items():
        if is_given:
            owner = "does not go with" if is_race else "belongs to"
            raise UsageError(f"{option} {owner} --against sklearn")
    for option, several in (("runs", values.runs), ("accuracy", values.accuracy or ())):
        for value in several:
            if several.count(value) > 1:
                raise UsageError(f"--{option} {value} is given twice")


def run(values: argparse.Namespace) -> int:
    """Measure, print the figures on stdout, and return the exit status.

    Raises UserError, after the figures, if engine and plain loop do not compute the same.
    """
    check_options(values)
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
            if values.against:
                raced = run_race(values, settings, reporter)
            else:
                result = measure(values, settings, own_command(), reporter)
    finally:
        reporter.clear()
    if values.against:
        from logreg_tui.tui.text.race_report import race_text

        is_json = values.format == "json"
        record = json.dumps(raced.to_json(), indent=2, allow_nan=False) if is_json else None
        print_answer(record or race_text(raced, table_width()))
        return 0
    if values.format == "json":
        print_answer(json.dumps(result.to_json(), indent=2, allow_nan=False))
    else:
        from logreg_tui.tui.text.bench_report import bench_text

        print_answer(bench_text(result, table_width()))
    result.agreement.check()
    return 0


def run_race(values: argparse.Namespace, settings: ExperimentSettings, reporter: Reporter) -> Race:
    """Measure the times to accuracies that the options ask for."""
    from logreg_tui.core.bench.accuracy_race import MOST_ITERATIONS, RaceLimits, race
    from logreg_tui.core.session.start import prepare
    from logreg_tui.core.training.requests import Control

    environment = prepare(settings, Control(), reporter.say)
    if environment.notice:
        reporter.tell(f"notice: {environment.notice}")
    limits = RaceLimits(
        tuple(sorted(values.accuracy or ACCURACIES)),
        values.pairs or RACE_PAIRS,
        values.epochs or MOST_ITERATIONS,
        values.time_limit or TIME_LIMIT_S,
    )
    return race(environment, limits, reporter.say)


def measure(
    values: argparse.Namespace,
    settings: ExperimentSettings,
    command: Sequence[str],
    reporter: Reporter,
) -> BenchResult:
    """Measure what the options ask for; `command` starts this program."""
    progress, pairs = reporter.say, values.pairs or PAIRS
    from logreg_tui.core.bench.bench import Bench, Plan
    from logreg_tui.core.bench.processes import measure_screen, measure_start_up
    from logreg_tui.core.session.start import prepare
    from logreg_tui.core.training.requests import Control

    start_up = () if values.no_startup else measure_start_up(command, pairs, progress)
    environment = prepare(settings, Control(), progress)
    if environment.notice:
        reporter.tell(f"notice: {environment.notice}")
    plan = Plan(tuple(values.runs), pairs, values.epochs)
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
