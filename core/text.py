"""Text found in files, made harmless to a terminal and to spreadsheets; numbers in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import overload

MAX_SHOWN = 60
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters that make a cell a formula; the last four are the same, as wide as a Chinese character."""


def escape_control_chars(text: object) -> str:
    """Return text as one line in which control characters are escaped, as repr() does."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def shortened(text: str, longest: int) -> str:
    """Return text of at most `longest` characters, its end replaced by dots if there is more."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def quoted(name: str) -> str:
    """Return a name found in a file, quoted, shortened, and harmless to a terminal."""
    return escape_control_chars(repr(shortened(name, MAX_SHOWN)))


def describe(error: BaseException) -> str:
    """Return an exception as a few words on one line, without control characters."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return shortened(escape_control_chars(text.strip().split("\n")[0]), 2 * MAX_SHOWN)


def is_number(text: str) -> bool:
    """Return whether a text is that of a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def class_name(names: Sequence[str], label: int) -> str:
    """Return the name of a class; without names it is the label."""
    return names[label] if names else str(label)


@dataclass(frozen=True, slots=True)
class FeatureNumbers(Sequence[str]):
    """Names of features that are numbers from `first` on: a hundred thousand of them take no room."""

    first: int
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...

    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return [str(self.first + each) for each in range(self.size)[at]]
        return str(self.first + range(self.size)[at])


def exact(value: float) -> str:
    """Return a setting in all its digits, without an exponent if it is of a usual size."""
    return _without_exponent(repr(float(value)).removesuffix(".0"), value)


def rounded(value: float, digits: int = 3) -> str:
    """Return a figure with significant digits alone, without an exponent if it has at most six digits."""
    return _without_exponent(f"{value:.{digits}g}", value, 1e6)


def _without_exponent(text: str, value: float, limit: float = 1e15) -> str:
    is_usual = math.isfinite(value) and (value == 0 or 1e-9 <= abs(value) < limit)
    return f"{Decimal(text):f}" if is_usual else text


def loss_text(value: float) -> str:
    """Return a loss with four decimals; if it is far off, with four digits."""
    return rounded(value, 4) if abs(value) >= 1e6 else f"{value:.4f}"


def counted(count: int, singular: str) -> str:
    """Return a number with its noun, such as `1 run` or `1,000 rows`."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share of 1 in per cent; more than nothing never looks like 0, less than all never like 100."""
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    if 0.9995 <= share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %"


def without_infinities(value: object) -> object:
    """Return plain values for JSON, which has no number for nan and infinities: they become None."""
    if isinstance(value, dict):
        return {name: without_infinities(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_infinities(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
