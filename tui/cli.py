"""The command line. Imports neither torch nor textual nor numpy until a command needs them.

What `--help` does without is imported inside the functions, the slower of the standard library's
modules too: with all of them the answer takes half as long again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.ranks import launched_rank
from logreg_tui.tui.options import (
    POSITIVE,
    AppOptions,
    Parser,
    add_app_options,
    add_screen_options,
    add_training_options,
    to_settings,
)

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "logreg-tui"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status; errors of the user's are one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if launched_rank() is not None:
            _check_together(words)
        if words and not words[0].startswith("-"):
            return _command(words[0])(words[1:])
        return _app(words)
    except UserError as error:
        # Of processes that train together the first tells for all what is wrong with the command.
        if not (launched_rank() and isinstance(error, UsageError)):
            complain(error)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        path = getattr(error, "log_path", None)
        where = f"details in {path}" if path else "set LOGREG_TUI_TRACEBACK=1 to see where"
        if os.environ.get("LOGREG_TUI_TRACEBACK"):
            from traceback import print_exc

            print_exc()
        complain(f"unexpected error: {type(error).__name__}: {error}; {where}")
        return 1


def entry() -> None:
    """Run the command line of this process and end it, without the second that torch takes to go."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def complain(what: object) -> None:
    """Say on stderr what went wrong, harmless to the terminal."""
    from logreg_tui.core.arrays import inert

    print(f"{PROGRAM}: {inert(what)}", file=sys.stderr)


def _check_together(words: list[str]) -> None:
    if words[:1] != ["train"] and not (words[:1] == ["resume"] and "--no-screen" in words):
        raise UsageError(
            f"RANK and WORLD_SIZE are set, as torchrun does: only `{PROGRAM} train` and `{PROGRAM} resume "
            "--no-screen` can be started so; `watch` shows it live from another terminal"
        )


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        raise UsageError(
            f"there is no command {name!r}: use {', '.join(COMMANDS)}, or options alone to open the app"
        )
    return COMMANDS[name][0]


def _app(words: list[str]) -> int:
    commands = "\n".join(f"  {name:<8} {text}" for name, (_, text) in COMMANDS.items())
    parser = Parser(
        PROGRAM,
        "Train logistic regression full-batch and watch it live in the terminal.",
        f"further commands ({PROGRAM} COMMAND --help):\n{commands}",
    )
    add_training_options(parser)
    add_app_options(parser)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    values = parser.parse_args(words)
    if values.version:
        return _print_version()
    settings = to_settings(values)
    _check_terminal()
    from logreg_tui.core.session import run_experiment
    from logreg_tui.tui.opening import show

    options = AppOptions(values.paused, values.fps, values.ascii)
    return show(partial(run_experiment, settings, stays_open=True), options, settings.runs[0])


def _print_version() -> int:
    from importlib.metadata import version

    print(f"{PROGRAM} {version(PROGRAM)}")
    return 0


def _check_terminal() -> None:
    if (
        not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
        or os.environ.get("TERM") == "dumb"
    ):
        raise UsageError(f"the screen needs a terminal: use {PROGRAM} train to train without one")


def _train(words: list[str]) -> int:
    parser = Parser(f"{PROGRAM} train", "Train without a screen, with the options of the app.")
    add_training_options(parser)
    settings = to_settings(parser.parse_args(words))
    from logreg_tui.core.session import run_experiment
    from logreg_tui.tui.together import train_alone_or_together

    return train_alone_or_together(partial(run_experiment, settings))


def _resume(words: list[str]) -> int:
    parser = Parser(
        f"{PROGRAM} resume", "Go on with an experiment from its last checkpoint, knobs as last turned."
    )
    parser.add_argument("directory", metavar="DIR", help="experiment directory")
    parser.add_argument("--no-screen", action="store_true", help="train without a screen")
    parser.add_argument("--epochs", type=POSITIVE, metavar="N", help="let the runs go further than planned")
    add_app_options(parser)
    values = parser.parse_args(words)
    directory = _path(values.directory)
    from logreg_tui.core.resume import read_config, resume_experiment

    start = partial(resume_experiment, directory, epochs=values.epochs)
    if values.no_screen:
        for option in ("--paused", "--fps", "--ascii"):
            if any(word.partition("=")[0] == option for word in words):
                raise UsageError(f"{option} concerns the screen: leave it out, or leave out --no-screen")
        from logreg_tui.tui.together import train_alone_or_together

        return train_alone_or_together(start)
    _check_terminal()
    from logreg_tui.tui.opening import show

    options = AppOptions(values.paused, values.fps, values.ascii)
    defaults = read_config(directory).settings.runs[0]
    return show(partial(start, stays_open=True), options, defaults)


def _repeat(words: list[str]) -> int:
    parser = Parser(
        f"{PROGRAM} repeat",
        "Train an experiment again from step 0 into a new directory, every knob turned at its step.",
    )
    parser.add_argument("directory", metavar="DIR", help="experiment directory")
    parser.add_argument(
        "--runs-dir", metavar="DIR", help="where the new directory goes (default: beside the old one)"
    )
    values = parser.parse_args(words)
    from logreg_tui.core.resume import repeat_experiment
    from logreg_tui.tui.plain import train_plainly

    directory = _path(values.directory)
    runs_dir = values.runs_dir or str(directory.absolute().parent)
    return train_plainly(partial(repeat_experiment, directory, runs_dir))


def _watch(words: list[str]) -> int:
    parser = Parser(f"{PROGRAM} watch", "Show an experiment live, without touching it.")
    parser.add_argument("directory", metavar="DIR", help="experiment directory")
    add_screen_options(parser)
    values = parser.parse_args(words)
    _check_terminal()
    from logreg_tui.core.follow import follow_experiment
    from logreg_tui.tui.opening import show_what_others_train

    start = partial(follow_experiment, _path(values.directory))
    return show_what_others_train(start, AppOptions(False, values.fps, values.ascii))


def _stop(words: list[str]) -> int:
    parser = Parser(f"{PROGRAM} stop", "End the training of an experiment: it checkpoints and leaves.")
    parser.add_argument("directory", metavar="DIR", help="experiment directory")
    directory = _path(parser.parse_args(words).directory)
    from shlex import quote

    from logreg_tui.core.arrays import inert
    from logreg_tui.core.stop import stop_experiment

    owner = stop_experiment(directory)
    if owner is None:
        print(f"nothing trains {inert(str(directory))}")
    else:
        resume = f"{PROGRAM} resume {quote(str(directory))}"
        print(f"process {owner.pid} has checkpointed and left; go on with: {resume}")
    return 0


def _runs(words: list[str]) -> int:
    parser = Parser(f"{PROGRAM} runs", "List the experiments in the runs directory.")
    parser.add_argument("--runs-dir", metavar="DIR", default="runs", help="default: ./runs")
    values = parser.parse_args(words)
    from logreg_tui.core.listing import list_experiments
    from logreg_tui.tui.summary import listing

    print(listing(list_experiments(_path(values.runs_dir))))
    return 0


def _export(words: list[str]) -> int:
    parser = Parser(
        f"{PROGRAM} export", "Join the rows of experiments into one CSV with a column `experiment` in front."
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="experiment directories")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the CSV to write; is replaced")
    parser.add_argument("--format", choices=("csv",), default="csv", help="default: csv")
    values = parser.parse_args(words)
    from logreg_tui.core.export import join_csv

    target = _path(values.output)
    rows = join_csv([_path(directory) for directory in values.directories], target)
    print(f"{rows:,} rows in {target.absolute()}", file=sys.stderr)
    return 0


def _bench(words: list[str]) -> int:
    # With a benchmark of its own, so that `--help` need not read it.
    from logreg_tui.tui.bench_command import bench

    return bench(PROGRAM, words)


COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "train": (_train, "train without a screen"),
    "resume": (_resume, "go on with an experiment"),
    "watch": (_watch, "show an experiment live without touching it"),
    "stop": (_stop, "end the training of an experiment"),
    "repeat": (_repeat, "train an experiment again, every knob turned at its step"),
    "runs": (_runs, "list the experiments there are"),
    "bench": (_bench, "time the engine beside a plain PyTorch loop"),
    "export": (_export, "write the rows of experiments to one CSV"),
}

if __name__ == "__main__":
    entry()
