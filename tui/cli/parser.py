"""Commands, their parsers, and the manual pages that `--help` prints."""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, cast

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.value_ranges import values_of
from logreg_tui.tui.text.output import print_answer, print_progress

if TYPE_CHECKING:
    from pathlib import Path

Value = TypeVar("Value")
INDENT = 4
WIDEST = 100
"""Columns of a manual page on a wider terminal."""
EXIT_STATUS = (
    "0 done, 1 failed, 2 wrong usage, 130 and 143 after SIGINT and SIGTERM, 141 if what reads its answer has "
    "gone, as head does. Training never ends for that."
)
COMMANDS = {
    "train": "train without a screen",
    "resume": "go on with an experiment",
    "attach": "take an experiment over onto this screen, or show it",
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
SECOND_NAMES = {"attach": "resume"}
"""Commands, each with the one whose module it shares."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, whose options cannot be abbreviated, and whose help is
    a manual page."""

    def __init__(
        self, prog: str, summary: str = "", description: str = "", example: str = "", epilog: str = ""
    ) -> None:
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)
        # argparse's own takes -1e-3 for an option.
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)")
        self._summary = summary
        self._example = example
        self.files: Callable[[], tuple[str, str]] | None = None
        """Returns a file that the program reads, and a paragraph on it."""

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:  # noqa: ANN401
        # Three words may make one range: argparse's own sees one at a time.
        if not isinstance(action, AddUpRanges):
            return super()._get_values(action, arg_strings)
        try:
            return values_of(
                [word for word in arg_strings if word != "--"], lambda word: self._get_value(action, word)
            )
        except UsageError as error:
            raise argparse.ArgumentError(action, str(error)) from error

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def print_help(self, file: object = None) -> None:
        """Print the manual page on stdout. Raises ReaderGone and UserError."""
        print_answer(self.format_help(), end="")

    def format_help(self) -> str:
        """Return the manual page: NAME, SYNOPSIS, DESCRIPTION, OPTIONS, EXAMPLE, FILES, EXIT STATUS."""
        path, about = self.files() if self.files else ("", "")
        sections = [
            ("NAME", f"{self.prog} - {self._summary}"),
            ("SYNOPSIS", self._synopsis()),
            ("DESCRIPTION", _filled(self.description or "")),
            ("OPTIONS", self._options()),
            ("COMMANDS", self.epilog or ""),
            ("EXAMPLE", f"{PROGRAM} {self._example}".rstrip()),
            ("FILES", f"{path}\n{textwrap.indent(_filled(about, INDENT), ' ' * INDENT)}" if path else ""),
            ("EXIT STATUS", _filled(EXIT_STATUS)),
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


class AddUp(argparse.Action):
    """Add the values of each time that an option is given; the first time they replace the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option: str | None = None,
    ) -> None:
        given: set[str] = vars(namespace).setdefault("given", set())
        before = getattr(namespace, self.dest) if self.dest in given else ()
        given.add(self.dest)
        setattr(namespace, self.dest, [*before, *(values or ())])


class AddUpRanges(AddUp):
    """Add up values, of which some may be ranges as `core.value_ranges` reads them."""


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
    module = SECOND_NAMES.get(name, name)
    return cast(Command, import_module(f"logreg_tui.tui.cli.commands.{module}"))


def parser_of(name: str) -> Parser:
    """Return the parser of one of COMMANDS."""
    command = load(name)
    example = f"{name} {command.EXAMPLE.partition(' ')[2]}"
    parser = Parser(f"{PROGRAM} {name}", COMMANDS[name], command.__doc__, example)
    command.add_options(parser)
    return parser


def add_directory(parser: Parser) -> None:
    """Add the one experiment directory that a command is about; `directory_of` returns it."""
    text = "experiment directory (default: the newest)"
    parser.add_argument("directory", nargs="?", type=to_path, metavar="DIR", help=text)


def add_directories(parser: Parser) -> None:
    """Add the experiment directories that a command is about; `directories_of` returns them."""
    text = "experiment directories (default: the newest)"
    parser.add_argument("directories", nargs="*", type=to_path, metavar="DIR", help=text)


def directory_of(values: argparse.Namespace, *, trained: bool = False) -> Path:
    """Return the directory that is named, else the newest experiment, which stderr tells.

    `trained` prefers the newest that a process trains. Raises UsageError if there is none.
    """
    directory: Path = values.directory or _newest(values, trained=trained)
    return directory


def directories_of(values: argparse.Namespace) -> list[Path]:
    """Return the directories that are named, else the newest experiment, which stderr tells.

    Raises UsageError if there is none.
    """
    return values.directories or [_newest(values)]


def _newest(values: argparse.Namespace, *, trained: bool = False) -> Path:
    from logreg_tui.core.experiment.listing import newest_experiment
    from logreg_tui.core.text import escape_control_chars

    folder = to_path(getattr(values, "newest_in", "runs"))
    newest = newest_experiment(folder, trained=trained)
    if newest is None:
        raise UsageError(f"there is no experiment in {str(folder)!r}: name its directory")
    print_progress(f"newest experiment: {escape_control_chars(newest)}")
    return newest


def checked(convert: Callable[[str], Value], check: Callable[[Value], object]) -> Callable[[str], object]:
    """Return an argparse type that converts and checks, with the check's own words as the error."""

    def parse(text: str) -> object:
        try:
            return check(convert(text))
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def to_path(text: str) -> Path:
    """Return a path; an argparse type for which `--help` need not load pathlib. Raises UsageError."""
    from pathlib import Path

    # In config.toml it can be written.
    if "\0" in text:
        raise UsageError(f"{text!r}: no path has the character NUL")
    return Path(path_text(text))


def path_text(text: str) -> str:
    """Return a path, `~` replaced: no shell does that behind an equals sign. Raises UsageError."""
    path = os.path.expanduser(text)
    if path == text and text.split("/")[0] == "~":
        raise UsageError(f"{text!r}: there is no home folder; set HOME, or write ./~ for that name")
    return path


def check_terminal(instead: str) -> None:
    """Raise UsageError if no screen can be shown; `instead` says what does without one."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise UsageError(f"the screen needs a terminal: {instead}; over ssh, `ssh -t` gives one")


def _filled(text: str, indent: int = 0) -> str:
    """Return a paragraph that fits the page, `indent` columns further in."""
    return textwrap.fill(" ".join(text.split()), _width() - indent, break_on_hyphens=False)


def _width() -> int:
    from shutil import get_terminal_size

    return max(40, min(get_terminal_size().columns, WIDEST) - 2 - INDENT)
