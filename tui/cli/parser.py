"""Commands, their parsers, and the manual pages that `--help` prints."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

INDENT = 4
WIDEST = 100
"""Columns of a manual page on a wider terminal."""
EXIT_STATUS = "0 done, 1 failed, 2 wrong usage, 130 and 143 after SIGINT and SIGTERM."
COMMANDS = {
    "train": "train without a screen",
    "resume": "go on with an experiment",
    "watch": "show an experiment live without touching it",
    "stop": "end the training of an experiment",
    "repeat": "train an experiment again, every knob turned at its step",
    "runs": "list the experiments there are",
    "plot": "draw the loss curves into a file or the terminal",
    "compare": "print runs as a table",
    "report": "write the experiment down, with figures",
    "predict": "classify pictures of your own",
    "export": "write the rows of experiments for other programs",
    "bench": "time the engine beside a plain PyTorch loop",
    "completion": "print a script that completes words in a shell",
}
"""Summaries by the names of modules in `commands`: `--help` loads none of them."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, whose options cannot be abbreviated, and whose help is
    a manual page."""

    def __init__(
        self, prog: str, summary: str = "", description: str = "", example: str = "", epilog: str = ""
    ) -> None:
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)
        self._summary = summary
        self._example = example

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def format_help(self) -> str:
        """Return the manual page: NAME, SYNOPSIS, DESCRIPTION, OPTIONS, EXAMPLE, EXIT STATUS."""
        description = " ".join((self.description or "").split())
        sections = [
            ("NAME", f"{self.prog} - {self._summary}"),
            ("SYNOPSIS", self._synopsis()),
            ("DESCRIPTION", textwrap.fill(description, _width(), break_on_hyphens=False)),
            ("OPTIONS", self._options()),
            ("COMMANDS", self.epilog or ""),
            ("EXAMPLE", f"{PROGRAM} {self._example}".rstrip()),
            ("EXIT STATUS", EXIT_STATUS),
        ]
        indent = " " * INDENT
        return "\n".join(f"{title}\n{textwrap.indent(text, indent)}\n" for title, text in sections if text)

    def _formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, max_help_position=28, width=_width())

    def _synopsis(self) -> str:
        formatter = self._formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups, prefix="")
        own = formatter.format_help().strip()
        return f"{own}\n{self.prog} COMMAND ..." if self.epilog else own

    def _options(self) -> str:
        """Return all groups, with one column of explanations."""
        formatter = self._formatter()
        for group in self._action_groups:
            formatter.start_section(None if group in (self._positionals, self._optionals) else group.title)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        return formatter.format_help().strip("\n")


class Command(Protocol):
    """A module of `commands`; its docstring is the description of the manual page."""

    __doc__: str
    EXAMPLE: str
    """A command line that makes sense, without the program's name."""

    def add_options(self, parser: Parser) -> None:
        """Add the options of the command."""
        ...

    def run(self, values: argparse.Namespace) -> int:
        """Run the command and return the exit status. Raises UserError."""
        ...


def load(name: str) -> Command:
    """Return one of COMMANDS."""
    return cast(Command, import_module(f"logreg_tui.tui.cli.commands.{name}"))


def parser_of(name: str) -> Parser:
    """Return the parser of one of COMMANDS."""
    command = load(name)
    parser = Parser(f"{PROGRAM} {name}", COMMANDS[name], command.__doc__, command.EXAMPLE)
    command.add_options(parser)
    return parser


def run_command(name: str, words: Sequence[str]) -> int:
    """Run one of COMMANDS and return the exit status. Raises UserError."""
    if name not in COMMANDS:
        raise UsageError(
            f"there is no command {name!r}: use {', '.join(COMMANDS)}, or options alone to open the app"
        )
    return load(name).run(parser_of(name).parse_args(words))


def add_directory(parser: Parser) -> None:
    """Add the one experiment directory that a command is about."""
    parser.add_argument("directory", type=to_path, metavar="DIR", help="experiment directory")


def add_directories(parser: Parser) -> None:
    """Add the experiment directories that a command is about."""
    parser.add_argument("directories", nargs="+", type=to_path, metavar="DIR", help="experiment directories")


def to_path(text: str) -> Path:
    """Return a path; an argparse type for which `--help` need not load pathlib."""
    from pathlib import Path

    return Path(text)


def check_terminal(instead: str) -> None:
    """Raise UsageError if no screen can be shown; `instead` says what does without one."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise UsageError(f"the screen needs a terminal: {instead}")


def _width() -> int:
    from shutil import get_terminal_size

    return max(40, min(get_terminal_size().columns, WIDEST) - 2 - INDENT)
