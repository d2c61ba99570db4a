"""Numbers, names and code as the report writes them: alike on every machine, without markup of strangers'."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logreg_tui.core.text import escape_control_chars, exact, loss_text, percent, rounded

__all__ = ["exact", "loss_text", "percent", "rounded"]
MOST_CHARACTERS = 120
"""Of a text from a file."""
_WORDS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ,.:+-]*[A-Za-z0-9])?")
_LINKS = re.compile(r"www\.|:/", re.IGNORECASE)


def accuracy_text(value: float) -> str:
    """Return an accuracy as a share of 1."""
    return f"{value:.4f}"


def points_text(value: float) -> str:
    """Return percentage points with their sign; what is not 0 never looks like 0."""
    if abs(value) < 1e-9:
        return "0.00"
    text = f"{value:+.2f}"
    return text if float(text) else f"{'+' if value > 0 else ''}{rounded(value, 1)}"


def capital(text: str) -> str:
    """Return text with a capital letter in front."""
    return f"{text[:1].upper()}{text[1:]}"


def counted(count: int, singular: str) -> str:
    """Return a number with its noun."""
    return f"{count} {singular}{'' if count == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a clause: `a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def sentence(text: str) -> str:
    """Return a clause with a capital letter and a full stop."""
    return f"{capital(text)}."


def literal_text(text: object) -> str:
    """Return a text from a file: words as they are, anything else as code, which markdown leaves alone."""
    shown = _shortened(text)
    is_plain = _WORDS.fullmatch(shown) and not _LINKS.search(shown)
    return shown if is_plain else code(shown)


def code(text: object) -> str:
    """Return text as a code span of one line."""
    shown = _shortened(text)
    # No backtick may end the span early.
    shown = shown.replace("`", "'").strip()
    return f"`{shown}`" if shown else "(empty)"


def _shortened(text: object) -> str:
    shown = escape_control_chars(text)
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 3]}..."


def fenced(lines: Sequence[str]) -> str:
    """Return lines of a shell as a block of code."""
    text = "\n".join(escape_control_chars(line) for line in lines)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"
