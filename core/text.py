"""Text found in files, made harmless to a terminal, to markup and to spreadsheets."""

from __future__ import annotations

MAX_SHOWN = 60
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a cell a formula; the last four are the same, as wide as a Chinese character."""


def escape_control_chars(text: object) -> str:
    """Return text as one line in which control characters are escaped, as repr() does."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def quoted(name: str) -> str:
    """Return a name found in a file, quoted, shortened, and harmless to a terminal and to markup."""
    shown = name if len(name) <= MAX_SHOWN else name[: MAX_SHOWN - 3] + "..."
    return escape_control_chars(repr(shown)).replace("[", r"\x5b")


def describe(error: BaseException) -> str:
    """Return an exception as a few words on one line, without control characters."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = escape_control_chars(text.strip().split("\n")[0])
    return line if len(line) <= 2 * MAX_SHOWN else line[: 2 * MAX_SHOWN - 3] + "..."
