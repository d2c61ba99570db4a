"""Intervals: Newcombe's own examples, scipy's Wilson interval, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from logreg_tui.core.analysis.intervals import Z, paired_difference, unpaired_difference, wilson


def test_the_quantile_is_that_of_95_percent() -> None:
    assert pytest.approx(norm.ppf(0.975)) == Z


@pytest.mark.parametrize(
    ("successes", "total"), [(0, 10), (10, 10), (1, 1), (81, 263), (9041, 10_000), (1, 60_000)]
)
def test_wilson_agrees_with_scipy(successes: int, total: int) -> None:
    expected = binomtest(successes, total).proportion_ci(method="wilson")
    assert wilson(successes, total) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_gives_the_ends_of_newcombes_example() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_unpaired_differences_are_those_that_newcombe_published(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert unpaired_difference(*counts) == pytest.approx((low, high), abs=5.1e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((18, 12, 2, 18), 0.0562, 0.3290),
        ((53, 0, 0, 1), -0.0729, 0.0729),
        ((0, 30, 0, 0), 0.8395, 1.0),
    ],
)
def test_paired_differences_are_those_that_newcombe_published(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert paired_difference(*counts) == pytest.approx((low, high), abs=5.1e-5)


def test_the_order_of_the_two_only_turns_the_sign() -> None:
    low, high = paired_difference(8900, 150, 60, 890)
    assert paired_difference(8900, 60, 150, 890) == pytest.approx((-high, -low))
    low, high = unpaired_difference(9050, 10_000, 8960, 10_000)
    assert unpaired_difference(8960, 10_000, 9050, 10_000) == pytest.approx((-high, -low))


def test_two_models_that_get_the_same_samples_right_have_nothing_between_them() -> None:
    low, high = paired_difference(9000, 0, 0, 1000)
    assert -0.001 < low <= 0 <= high < 0.001


def test_pairing_narrows_the_interval_where_both_find_the_same_samples_easy() -> None:
    paired = paired_difference(8900, 150, 60, 890)
    unpaired = unpaired_difference(9050, 10_000, 8960, 10_000)
    assert unpaired.low < paired.low < 0.009 < paired.high < unpaired.high


def test_models_that_fail_on_each_others_samples_have_a_wider_interval() -> None:
    paired, unpaired = paired_difference(0, 50, 40, 10), unpaired_difference(50, 100, 40, 100)
    assert paired.high - paired.low > unpaired.high - unpaired.low


TRUTH = np.array([0.86, 0.05, 0.03, 0.06])
"""Shares of samples that both models, only the first, only the second, or neither gets right."""


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    tables = np.random.default_rng(5).multinomial(400, TRUTH, size=4000)
    difference = TRUTH[1] - TRUTH[2]
    paired = [paired_difference(*map(int, table)) for table in tables]
    unpaired = [unpaired_difference(int(a + b), 400, int(a + c), 400) for a, b, c, _ in tables]
    shares = [
        np.mean([low <= difference <= high for low, high in intervals]) for intervals in (paired, unpaired)
    ]
    # The standard error of a share of 4,000 is 0.0034.
    assert 0.94 < shares[0] < 0.97
    assert shares[1] > 0.985


def test_the_unpaired_interval_of_independent_samples_holds_the_truth_too() -> None:
    random = np.random.default_rng(6)
    first, second = random.binomial(300, 0.9, size=4000), random.binomial(200, 0.85, size=4000)
    intervals = [unpaired_difference(int(a), 300, int(b), 200) for a, b in zip(first, second, strict=True)]
    share = np.mean([low <= 0.05 <= high for low, high in intervals])
    assert 0.94 < share < 0.965
