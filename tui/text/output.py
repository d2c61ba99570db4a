"""Writing to stdout and stderr: the colours and characters they can show, lines, and errors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from logreg_tui.core.errors import ReaderGone, UserError
from logreg_tui.core.settings import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def terminal_colors() -> Console | None:
    """Return what knows the colours of the terminal if stdout is one that has and may show them."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return None
    from rich.console import Console

    console = Console(force_terminal=True)
    return None if console.color_system is None else console


def table_width() -> int | None:
    """Return the columns that a table on stdout may have; None, any number, if that is no terminal."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else None


def stdout_encoding() -> str:
    """Return the encoding of stdout."""
    return sys.stdout.encoding or "ascii"


def can_show(text: str, stream: TextIO | None = None) -> bool:
    """Return whether a stream, stdout by default, and the user's locale have all characters of a text."""
    encodings = [(sys.stdout if stream is None else stream).encoding or "ascii"]
    if sys.flags.utf8_mode and not {"PYTHONUTF8", "PYTHONIOENCODING"} & os.environ.keys():
        # Under LC_ALL=C Python writes UTF-8 all the same.
        from locale import getencoding

        encodings.append(getencoding())
    try:
        for encoding in encodings:
            text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def print_answer(text: str, end: str = "\n") -> None:
    """Print the answer of a command on stdout, characters that it lacks as question marks.

    Raises ReaderGone, and UserError if stdout cannot be written to.
    """
    try:
        print(_encodable(text, sys.stdout), end=end, flush=True)
    except BrokenPipeError as error:
        _silence(sys.stdout)
        raise ReaderGone from error
    except OSError as error:
        from logreg_tui.core.files import reason

        _silence(sys.stdout)
        raise UserError(f"cannot write to stdout: {reason(error)}") from error


def destination(target: Path) -> str:
    """Return where something is about to be written, in words that say what is replaced there."""
    from logreg_tui.core.files import STDOUT_NAMES
    from logreg_tui.core.text import escape_control_chars

    if target in STDOUT_NAMES:
        return "stdout"
    place = escape_control_chars(target.absolute())
    return f"{place}, replacing the file that was there" if os.path.isfile(target) else place


def print_out(text: str, end: str = "\n") -> None:
    """Print a line of a training on stdout, which goes on in silence once its reader has gone."""
    _print(text, end, sys.stdout)


def print_progress(text: str, end: str = "\n") -> None:
    """Print a line on stderr, silently nothing once its reader has gone."""
    _print(text, end, sys.stderr)


def _print(text: str, end: str, stream: TextIO) -> None:
    try:
        print(_encodable(text, stream), end=end, file=stream, flush=True)
    except OSError:
        _silence(stream)


def _encodable(text: str, stream: TextIO) -> str:
    encoding, errors = stream.encoding or "ascii", stream.errors or "strict"
    return text.encode(encoding, "replace" if errors == "strict" else errors).decode(encoding, errors)


def _silence(stream: TextIO) -> None:
    """Let what a stream still holds, and all that follows, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_left_out(error: UserError) -> None:
    """Print on stderr that one of several directories is left out, and why."""
    print_error(f"left out: {error}")


def print_error(what: object) -> None:
    """Print on stderr what went wrong, in one line that is harmless to the terminal."""
    from logreg_tui.core.text import escape_control_chars

    print_progress(f"{PROGRAM}: {escape_control_chars(what)}")
