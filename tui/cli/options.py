"""Options of the app and of training, and the settings they come to; errors are one line each."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from logreg_tui.core import settings as s
from logreg_tui.core.errors import UsageError
from logreg_tui.core.goals import EXAMPLE as GOAL
from logreg_tui.core.goals import METRICS, parse_goal
from logreg_tui.core.heads import HEADS, SIGMOID
from logreg_tui.core.memory import parse_size
from logreg_tui.core.optimizers import (
    DEFAULT_BETAS,
    DEFAULT_MOMENTUM,
    OPTIMIZERS,
    WITH_MOMENTUM,
    Optimizer,
    check_share,
)
from logreg_tui.tui.cli.data_options import add_data_options, check_dataset, data_settings
from logreg_tui.tui.cli.parser import AddUp, AddUpRanges, Parser, checked, path_text
from logreg_tui.tui.graphics import AUTO, SETTINGS

DEFAULT_FPS = 4.0
NOTIFY = ("unfocused", "always", "never")


@dataclass(frozen=True, slots=True)
class AppOptions:
    """Options that concern the screen alone."""

    paused: bool
    fps: float
    ascii_only: bool
    notify: str
    """One of NOTIFY."""
    graphics: str
    """One of the SETTINGS of tui.graphics."""

    @classmethod
    def of(cls, values: argparse.Namespace) -> AppOptions:
        """Return the options parsed; an app that only watches is never paused."""
        fps, notify = values.fps or DEFAULT_FPS, values.notify or NOTIFY[0]
        return cls(getattr(values, "paused", False), fps, values.ascii, notify, values.graphics or AUTO)


def _positive(value: int) -> int:
    if value < 1:
        raise UsageError(f"{value} is not a positive integer")
    return value


def _positive_number(value: float) -> float:
    if not 0 < value < math.inf:
        raise UsageError(f"{value} is not a finite number above 0")
    return value


def _device(name: str) -> str:
    if not s.DEVICE_PATTERN.fullmatch(name):
        raise UsageError(f"device {name!r} is unknown: use auto, cpu, cuda, cuda:N or mps")
    return name


POSITIVE = checked(s.parse_integer, _positive)
EPOCHS = checked(s.parse_integer, lambda value: s.check_positive("a number of epochs", value, s.MOST_EPOCHS))
POSITIVE_NUMBER = checked(s.parse_number, _positive_number)
L2 = checked(s.parse_number, s.check_l2)
LEARNING_RATE = checked(s.parse_number, s.check_learning_rate)
SEED = checked(s.parse_integer, s.check_seed)
NAME = checked(str, s.check_name)
MOMENTUM = checked(s.parse_number, lambda value: check_share("momentum", value))
BETA = checked(s.parse_number, lambda value: check_share("beta", value))


def add_device_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for the device."""
    group.add_argument(
        "--device",
        type=checked(str, _device),
        default="auto",
        help="auto, cpu, cuda, cuda:N or mps (default: auto)",
    )
    group.add_argument(
        "--threads", type=POSITIVE, metavar="N", help="processor threads for training (default: all)"
    )
    group.add_argument(
        "--engine",
        choices=s.ENGINES,
        default="auto",
        help="on a CUDA GPU: fused (one compiled kernel on bytes), graph (products as CUDA graphs) or eager "
        "(product by product); default: auto, the fastest that computes the same",
    )


def add_run_options(group: argparse._ArgumentGroup, *, nargs: str | None = None) -> None:
    """Add the numbers of a run; with `nargs` each option takes several, and ranges."""
    for option, kind, metavar, default, text, ranges in (
        ("--l2", L2, "X", s.DEFAULT_L2, "lambda of the L2 term, 0 or more", "0..0.1 lin 5"),
        ("--lr", LEARNING_RATE, "X", s.DEFAULT_LEARNING_RATE, "learning rate, above 0", "1e-3..1 log 7"),
        ("--seed", SEED, "N", 0, "seed of the initial parameters", "0..9"),
    ):
        about = f"{text}, or a range such as {ranges}" if nargs else text
        group.add_argument(
            option,
            action=AddUpRanges if nargs else "store",
            nargs=nargs,
            type=kind,
            metavar=metavar,
            default=[default] if nargs else default,
            help=f"{about} (default: {default})",
        )


def add_epoch_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that count epochs."""
    for name, default, text in (
        ("--epochs", s.DEFAULT_EPOCHS, "epochs that each run trains"),
        ("--log-every", 10, "epochs between two rows of metrics.csv"),
        ("--report-every", 1000, "epochs between two lines of the accuracy log"),
    ):
        group.add_argument(
            name, type=EPOCHS, metavar="N", default=default, help=f"{text} (default: {default})"
        )


def add_directory_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for the experiment directory."""
    group.add_argument("--runs-dir", type=path_text, metavar="DIR", default="runs", help="default: ./runs")
    group.add_argument("--name", type=NAME, help="label of the experiment directory (default: the heads)")


def add_training_options(parser: Parser, check: Callable[[str], str] = check_dataset) -> None:
    """Add the options that the app and `train` share; `check` is for the dataset."""
    add_data_options(parser, check)
    runs = parser.add_argument_group("runs (several values make a grid: every combination is a run)")
    runs.add_argument(
        "--head", action=AddUp, nargs="+", choices=HEADS, default=[SIGMOID], help="default: sigmoid"
    )
    add_run_options(runs, nargs="+")
    runs.add_argument(
        "--optimizer",
        action=AddUp,
        nargs="+",
        choices=OPTIMIZERS,
        default=["sgd"],
        metavar="NAME",
        help="one or more of sgd, momentum, nesterov and adam, as in torch.optim "
        "(default: sgd, plain gradient descent)",
    )
    runs.add_argument(
        "--momentum",
        type=MOMENTUM,
        metavar="X",
        help=f"factor of the velocity of momentum and nesterov (default: {DEFAULT_MOMENTUM})",
    )
    runs.add_argument(
        "--betas",
        nargs=2,
        type=BETA,
        metavar=("X", "Y"),
        help="factors of adam's running means of the gradient and of its square "
        f"(default: {DEFAULT_BETAS[0]} {DEFAULT_BETAS[1]})",
    )
    runs.add_argument("--schedule", choices=s.SCHEDULES, default="constant", help="default: constant")
    runs.add_argument(
        "--step-size",
        type=POSITIVE,
        metavar="N",
        help="epochs between two drops of the step schedule (default: 1000)",
    )
    runs.add_argument(
        "--gamma",
        type=POSITIVE_NUMBER,
        metavar="X",
        help="factor of the step (default: 0.1) or exponential (default: 0.999) schedule",
    )
    training = parser.add_argument_group("training")
    add_epoch_options(training)
    training.add_argument(
        "--stop-at",
        type=checked(str, parse_goal),
        metavar="GOAL",
        help=f"a run ends where a row meets this, in quotes: '{GOAL}'; figures: {', '.join(METRICS)}; "
        "comparisons: >=, <=, >, < (default: no goal)",
    )
    training.add_argument(
        "--patience",
        type=POSITIVE,
        metavar="N",
        help="a run ends after so many rows without a better test loss (default: it does not)",
    )
    add_device_options(training)
    training.add_argument(
        "--memory-limit",
        type=checked(parse_size, _positive),
        metavar="SIZE",
        help="memory that the data may take, such as 500M or 1.5GB; a folder of .npy files that needs more "
        "is read from disk in every epoch (default: what is free)",
    )
    add_directory_options(parser.add_argument_group("where it is kept"))


def add_app_options(parser: Parser) -> None:
    """Add the options that the app alone has."""
    group = add_screen_options(parser)
    group.add_argument("--paused", action="store_true", help="start paused")


def add_screen_options(parser: Parser) -> argparse._ArgumentGroup:
    """Add the options of all that has a screen, and return their group."""
    screen = parser.add_argument_group("screen")
    screen.add_argument(
        "--fps",
        type=POSITIVE_NUMBER,
        metavar="N",
        help=f"redraws per second at most (default: {DEFAULT_FPS:g})",
    )
    screen.add_argument("--ascii", action="store_true", help="no braille or box characters")
    screen.add_argument(
        "--notify",
        choices=NOTIFY,
        help="when bell and notification of the terminal tell that all runs are done, one diverged or "
        f"writing was refused (default: {NOTIFY[0]}: while another window has the focus)",
    )
    screen.add_argument(
        "--graphics",
        choices=SETTINGS,
        help="how images are shown: in the protocol of kitty (Ghostty too) or as sixels, if the terminal has "
        f"them, or with half blocks (default: {AUTO}: by the terminal's name; in tmux half blocks)",
    )
    return screen


def to_settings(values: argparse.Namespace) -> s.ExperimentSettings:
    """Return the settings that parsed options ask for. Raises UsageError if they contradict."""
    for option in ("optimizer", "head", "l2", "lr", "seed"):
        given = getattr(values, option)
        for value in given:
            if given.count(value) > 1:
                raise UsageError(f"--{option} {value} is given twice: every combination is a run of its own")
    runs = s.grid(
        values.head,
        values.l2,
        values.lr,
        values.seed,
        _schedule(values),
        _optimizers(values),
        stop_at=values.stop_at,
        patience=values.patience,
    )
    names = {field.name for field in fields(s.ExperimentSettings)}
    # All others have options of their names.
    others = {name: value for name, value in vars(values).items() if name in names}
    return s.ExperimentSettings(runs=runs, **{**others, **data_settings(vars(values))})


def _optimizers(values: argparse.Namespace) -> list[Optimizer]:
    kinds, from_file = values.optimizer, getattr(values, "from_file", ())
    for option, owners in (("momentum", WITH_MOMENTUM), ("betas", ("adam",))):
        is_used = getattr(values, option) is None or not set(owners).isdisjoint(kinds)
        if not is_used and option not in from_file:
            names = " or ".join(owners)
            raise UsageError(f"--{option} belongs to --optimizer {names}, not to {' '.join(kinds)}")
    betas = None if values.betas is None else tuple(values.betas)
    return [Optimizer.of(kind, values.momentum, betas) for kind in kinds]


def _schedule(values: argparse.Namespace) -> s.Schedule:
    kind, step_size, gamma = values.schedule, values.step_size, values.gamma
    # Those of the user's file wait for a schedule to which they belong.
    from_file = getattr(values, "from_file", ())
    if step_size is not None and kind != "step":
        if "step_size" not in from_file:
            raise UsageError(f"--step-size belongs to --schedule step, not to {kind}")
        step_size = None
    if gamma is not None and kind not in s.DEFAULT_GAMMA:
        if "gamma" not in from_file:
            raise UsageError(f"--gamma belongs to --schedule step or exponential, not to {kind}")
        gamma = None
    return s.Schedule(
        kind, step_size or s.DEFAULT_STEP_SIZE, gamma or s.DEFAULT_GAMMA.get(kind, 1.0), values.epochs
    )
