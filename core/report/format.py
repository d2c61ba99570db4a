"""Texts as the report writes them: the same on every machine, and without markup from files."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

from logreg_tui.core.heads import loss_floor
from logreg_tui.core.text import counted, escape_control_chars, exact, loss_text, percent, rounded, shortened

MOST_CHARACTERS = 120
"""Of a text from a file."""
FENCE = "```"
_WORDS = re.compile(r"[A-Za-z0-9λ](?:[A-Za-z0-9 ,.:+→-]*[A-Za-z0-9])?")
_LINKS = re.compile(r"www\.|:/", re.IGNORECASE)


def accuracy_text(value: float) -> str:
    """Return an accuracy as a share of 1."""
    return f"{value:.4f}"


def points_text(value: float) -> str:
    """Return percentage points with their sign; more or less than 0 never looks like 0."""
    if abs(value) < 1e-9:
        return "0.00"
    text = f"{value:+.2f}"
    return text if float(text) else f"{'+' if value > 0 else ''}{rounded(value, 1)}"


def thousands(count: int) -> str:
    """Return a whole number with commas."""
    return f"{count:,}"


def capital(text: str) -> str:
    """Return text with a capital letter in front."""
    return f"{text[:1].upper()}{text[1:]}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a clause: `a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def shortlist(parts: Sequence[str], most: int = 12) -> str:
    """Return parts with commas between them; of many the first ones, and the number of the others."""
    left_out = len(parts) - most
    return ", ".join(parts) if left_out < 2 else f"{', '.join(parts[:most])} and {left_out:,} more"


def literal_text(text: object) -> str:
    """Return a text from a file: words as they are, anything else as code, which Markdown leaves alone."""
    shown = shortened(escape_control_chars(text), MOST_CHARACTERS)
    is_plain = _WORDS.fullmatch(shown) and not _LINKS.search(shown)
    return shown if is_plain else code(shown)


def code(text: object) -> str:
    """Return text as a code span of one line."""
    # No backtick may end the span early.
    shown = shortened(escape_control_chars(text), MOST_CHARACTERS).replace("`", "'").strip()
    return f"`{shown}`" if shown else "(empty)"


def fenced(command: str) -> str:
    """Return a line of a shell as a block of code."""
    text = escape_control_chars(command)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(len(FENCE), longest + 1)
    return f"{fence}sh\n{text}\n{fence}"


def link(name: str) -> str:
    """Return the target of a Markdown link to a file beside the report."""
    return quote(os.fsencode(name))


def unwrapped(text: str) -> str:
    """Return Markdown with each paragraph and each item on one line, and single blank lines between them."""
    lines = [""]
    for line in map(str.strip, text.split("\n")):
        begins = line.startswith(("- ", "|", FENCE)) or lines[-1].startswith(FENCE)
        if line and lines[-1] and not begins:
            lines[-1] += f" {line}"
        elif line or lines[-1]:
            lines.append(line)
    return "\n".join(lines[1:]).rstrip("\n") + "\n"


FILTERS: dict[str, Callable[..., object]] = {
    "accuracy": accuracy_text,
    "capital": capital,
    "ceiling": lambda classes: math.log1p((classes - 1) * math.e),
    "code": code,
    "counted": counted,
    "exact": exact,
    "fenced": fenced,
    "floor": loss_floor,
    "link": link,
    "listed": listed,
    "literal": literal_text,
    "loss": loss_text,
    "percent": percent,
    "points": points_text,
    "rounded": rounded,
    "shortlist": shortlist,
    "thousands": thousands,
}
"""By their names in the templates; `floor` and `ceiling` are the bounds of the loss behind a sigmoid."""
