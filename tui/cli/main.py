"""The command line. Imports neither torch nor textual nor numpy until a command needs them.

Modules that `--help` does without are imported inside the functions, the slower ones of the standard
library too: with all of them the answer takes half as long again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from logreg_tui.core.engine.process_group import launched_rank
from logreg_tui.core.errors import ReaderGone, UsageError, UserError
from logreg_tui.core.settings import PROGRAM
from logreg_tui.tui.cli.config_file import about, config_path, parse
from logreg_tui.tui.cli.options import AppOptions, add_app_options, add_training_options, to_settings
from logreg_tui.tui.cli.parser import COMMANDS, Parser, check_terminal, load, parser_of
from logreg_tui.tui.text.output import print_answer, print_error


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status; errors of the user's are one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    trains_together = words[:1] == ["train"] or (words[:1] == ["resume"] and "--no-screen" in words)
    # Clusters set RANK and WORLD_SIZE for whatever runs in a pod; torchrun alone sets its own.
    is_launched = launched_rank() is not None and (trains_together or "TORCHELASTIC_RUN_ID" in os.environ)
    try:
        if is_launched and not trains_together:
            raise UsageError(
                f"torchrun can only start `{PROGRAM} train` and `{PROGRAM} resume --no-screen`; `watch` "
                "shows them live from another terminal"
            )
        if not words or words[0].startswith("-"):
            return _app(words)
        return run_command(words[0], words[1:])
    except UserError as error:
        # The first of processes that train together tells for all what is wrong with the command.
        if not (is_launched and launched_rank() and isinstance(error, UsageError)):
            print_error(error)
        return error.exit_status
    except ReaderGone as error:
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        path = getattr(error, "log_path", None)
        where = f"details in {path}" if path else "set LOGREG_TUI_TRACEBACK=1 to see where"
        if os.environ.get("LOGREG_TUI_TRACEBACK"):
            from traceback import print_exc

            print_exc()
        print_error(f"unexpected error: {type(error).__name__}: {error}; {where}")
        return 1


def entry() -> None:
    """Run the command line of this process and end it, without the second that torch takes to go."""
    _open_closed_streams()
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def _open_closed_streams() -> None:
    """Put the null device in the place of standard streams that were closed: a file would take it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run_command(name: str, words: Sequence[str]) -> int:
    """Run one of COMMANDS and return the exit status. Raises UserError and ReaderGone."""
    if name not in COMMANDS:
        raise UsageError(
            f"there is no command {name!r}: use {', '.join(COMMANDS)}, or options alone to open the app"
        )
    return load(name).run(parse(parser_of(name), words, name))


def app_parser() -> Parser:
    """Return the parser of the app's own options."""
    commands = "\n".join(f"{name:<12}{text}" for name, text in COMMANDS.items())
    parser = Parser(
        PROGRAM,
        "a terminal lab for logistic (softmax) regression",
        "Trains logistic regression full-batch and shows it live in the terminal: loss curves, accuracies, "
        f"weights, mistakes, and knobs that turn while it trains. `{PROGRAM} COMMAND --help` tells of the "
        "commands below.",
        "--head sigmoid logits --epochs 2000",
        commands,
    )
    add_training_options(parser)
    add_app_options(parser)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.files = lambda: (config_path(), about())
    return parser


def _app(words: Sequence[str]) -> int:
    values = parse(app_parser(), words)
    if values.version:
        from importlib.metadata import version

        print_answer(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    settings = to_settings(values)
    check_terminal(f"use {PROGRAM} train to train without one")
    from logreg_tui.core.session.start import run_experiment
    from logreg_tui.tui.cli.launch import show

    return show(partial(run_experiment, settings, stays_open=True), AppOptions.of(values), settings.runs[0])
