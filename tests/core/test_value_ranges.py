"""Ranges of values: their spacing, their rounding, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import check_l2, check_seed, parse_integer, parse_number
from logreg_tui.core.value_ranges import values_of


def numbers(text: str) -> list[float]:
    return values_of(text.split(), lambda word: check_l2(parse_number(word)))


def integers(text: str) -> list[float]:
    return values_of([text], lambda word: check_seed(parse_integer(word)))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1e-3..1 log 4", [0.001, 0.01, 0.1, 1]),
        ("1..1e-3 log 4", [1, 0.1, 0.01, 0.001]),
        ("1e-3..1 log 7", [0.001, 0.003162, 0.01, 0.03162, 0.1, 0.3162, 1]),
        ("0..0.1 lin 5", [0, 0.025, 0.05, 0.075, 0.1]),
        ("0.1..0.3 linear 3 7", [0.1, 0.2, 0.3, 7]),
        ("0 1e-5..1e-3 log 3", [0, 1e-5, 1e-4, 1e-3]),
        ("0.5", [0.5]),
    ],
)
def test_a_range_has_both_ends_and_short_values_between(text: str, values: list[float]) -> None:
    assert numbers(text) == values


def test_words_and_one_word_in_quotes_are_the_same() -> None:
    assert values_of(["1e-3..1 log 4", "2"], float) == values_of(["1e-3..1", "log", "4", "2"], float)


@pytest.mark.parametrize(("low", "high", "count"), [(1.0, 1.001, 100), (1e-30, 1e30, 61), (0.37, 11.3, 9)])
def test_rounding_never_bends_a_range(low: float, high: float, count: int) -> None:
    logs, steps = np.geomspace(low, high, count), np.linspace(low, high, count)
    for spacing, exact in (("log", logs), ("lin", steps)):
        values = numbers(f"{low}..{high} {spacing} {count}")
        nearest = np.minimum(np.diff(exact)[:-1], np.diff(exact)[1:])
        assert np.all(np.abs(np.array(values) - exact)[1:-1] <= 0.011 * nearest)
        assert values[0] == low
        assert values[-1] == high


def test_integers_need_no_spacing() -> None:
    assert integers("0..9") == list(range(10))
    assert integers("-2..1 7") == [-2, -1, 0, 1, 7]
    assert all(isinstance(value, int) for value in integers("0..3"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0..1 log 5", "a log range has no 0"),
        ("1e-3..1", "1e-3..1 needs spacing and number of values: 1e-3..1 log 7"),
        ("1e-3..1 log", "needs spacing and number"),
        ("1e-3..1 log x", "needs spacing and number"),
        ("1e-3..1 cubic 3", "needs spacing and number"),
        ("1e-3..1 log 1", "give from 2 to 10,000 values"),
        ("1e-3..1 lin 99999999999999", "give from 2 to 10,000 values"),
        ("1..1 lin 3", "two equal ends"),
        ("-1..1 lin 3", "lambda is -1"),
        ("0..inf lin 3", "lambda is inf"),
        ("..1 lin 3", "'..1' is not a number"),
        ("log", "'log' is not a number"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_in_one_line(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        numbers(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [("9..0", "does not rise"), ("0..1e12", "10,000 at most"), ("0..9 log 3", "'log' is not a number")],
)
def test_ranges_of_seeds_that_make_no_sense_are_refused(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        integers(text)
