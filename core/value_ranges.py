"""Ranges of values beside lists: `1e-3..1 log 7`, `0..0.1 lin 5`, `0..9`. Imports no numpy: the command
line reads it before it answers `--help`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from logreg_tui.core.errors import UsageError

SPACINGS = {"log": "log", "lin": "lin", "linear": "lin"}
MOST_VALUES = 10_000
FEWEST_DIGITS = 4
"""Significant digits that the values of a range are rounded to, if that moves them little."""
MOST_ROUNDING = 0.01
"""The most by which rounding moves a value, as a share of the distance to a neighbour."""


def values_of(words: Sequence[str], parse: Callable[[str], float]) -> list[float]:
    """Return the values that words name one by one and as ranges; `parse` reads and checks each.

    A range is `A..B log N` or `A..B lin N`, both ends included, in one word or several. If `parse` gives
    integers, `A..B` is each of them. Raises UsageError.
    """
    rest = iter([part for word in words for part in (word.split() or [word])])
    values: list[float] = []
    for word in rest:
        low, dots, high = word.partition("..")
        # `parse` refuses it, as any other word that is no value.
        if not dots or not low or not high:
            values.append(parse(word))
            continue
        ends = parse(low), parse(high)
        values += _integers(word, *ends, rest) if isinstance(ends[0], int) else _floats(word, *ends, rest)
    return [parse(str(value)) for value in values]


def _integers(word: str, low: float, high: float, rest: Iterator[str]) -> Sequence[float]:
    if not low < high:
        raise UsageError(f"{word} does not rise: write the smaller end first")
    if high - low >= MOST_VALUES:
        raise UsageError(f"{word} are {high - low + 1:,} values: {MOST_VALUES:,} at most")
    return range(int(low), int(high) + 1)


def _floats(word: str, low: float, high: float, rest: Iterator[str]) -> list[float]:
    spacing, count = SPACINGS.get(next(rest, "")), next(rest, "")
    if spacing is None or not count.isdecimal():
        raise UsageError(f"{word} needs spacing and number of values: {word} log 7, or {word} lin 7")
    number = int(count[:9])
    if not 2 <= number <= MOST_VALUES:
        raise UsageError(f"{word} {spacing} {count}: give from 2 to {MOST_VALUES:,} values")
    if low == high:
        raise UsageError(f"{word} has two equal ends: write the one value")
    if spacing == "lin":
        return _rounded([low + (high - low) * at / (number - 1) for at in range(number)], low, high)
    if min(low, high) <= 0:
        raise UsageError(f"{word} log {count}: a log range has no 0; write it before, as in 0 1e-4..1 log 5")
    start, way = math.log(low), math.log(high) - math.log(low)
    return _rounded([math.exp(start + way * at / (number - 1)) for at in range(number)], low, high)


def _rounded(values: Sequence[float], low: float, high: float) -> list[float]:
    """Return values between exact ends with as few digits as leave the distances nearly as they are."""
    gaps = [abs(after - before) for before, after in pairwise(values)]
    nearest = [min(pair) for pair in pairwise(gaps)]
    rounded = list(values)
    for digits in range(FEWEST_DIGITS, 18):
        rounded = [float(f"{value:.{digits}g}") for value in values]
        moved = [abs(new - old) for new, old in zip(rounded, values, strict=True)]
        if all(by <= MOST_ROUNDING * gap for by, gap in zip(moved[1:-1], nearest, strict=True)):
            break
    return [low, *rounded[1:-1], high]
