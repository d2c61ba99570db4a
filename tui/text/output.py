"""Writing to stdout and stderr: the colours and characters they can show, lines, and errors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from logreg_tui.core.settings import PROGRAM

if TYPE_CHECKING:
    from rich.console import Console


def terminal_colors() -> Console | None:
    """Return what knows the colours of the terminal if stdout is one that has and may show them."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return None
    from rich.console import Console

    console = Console(force_terminal=True)
    return None if console.color_system is None else console


def stdout_encoding() -> str:
    """Return the encoding of stdout."""
    return sys.stdout.encoding or "ascii"


def can_show(text: str) -> bool:
    """Return whether stdout has all characters of a text."""
    try:
        text.encode(stdout_encoding())
    except UnicodeEncodeError:
        return False
    return True


def print_answer(text: str) -> None:
    """Print the answer of a command on stdout; a reader that has gone, as `head` does, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_out(text: str) -> None:
    """Print a line on stdout, silently nothing once its reader has gone."""
    _print(text, "\n", sys.stdout)


def print_progress(text: str, end: str = "\n") -> None:
    """Print a line on stderr, silently nothing once its reader has gone."""
    _print(text, end, sys.stderr)


def _print(text: str, end: str, stream: TextIO) -> None:
    try:
        print(text, end=end, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_error(what: object) -> None:
    """Print on stderr what went wrong, in one line that is harmless to the terminal."""
    from logreg_tui.core.text import escape_control_chars

    print_progress(f"{PROGRAM}: {escape_control_chars(what)}")
