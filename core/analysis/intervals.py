"""95 % score intervals for accuracies and for the difference of two of them.

All are after Wilson's interval of one proportion and Newcombe's way of joining two of them, which
keep their coverage if accuracies lie close to 0 or 1 and never leave the possible values:

- E. B. Wilson (1927), Journal of the American Statistical Association 22, 209-212
- R. G. Newcombe (1998), Interval estimation for the difference between independent proportions,
  Statistics in Medicine 17, 873-890, its method 10: `unpaired_difference`
- R. G. Newcombe (1998), Improved confidence intervals for the difference between binomial
  proportions based on paired data, Statistics in Medicine 17, 2635-2650, its method 10: `paired_difference`

Two models that are tested on the same samples are paired. Where it is not known which samples each
gets right, `unpaired_difference` stands in: mostly both models find the same samples easy, and then
it is wider than need be, never too narrow.
They speak of the samples alone: how a model turns out with another seed is not in them, and neither
is that many pairs are looked at.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Z = 1.959963984540054
"""The normal distribution's quantile for 95 % between both sides."""


class Interval(NamedTuple):
    """Both ends, low <= high."""

    low: float
    high: float


def wilson(successes: int, total: int) -> Interval:
    """Return the interval of a proportion p = successes/total, 0 <= successes <= total, total = n > 0:

    (p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    share = successes / total
    center = share + Z * Z / (2 * total)
    reach = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    scale = 1 + Z * Z / total
    # At 0 and 1 an end is exactly there; rounding would put it beside.
    low = 0.0 if successes == 0 else (center - reach) / scale
    high = 1.0 if successes == total else (center + reach) / scale
    return Interval(low, high)


def unpaired_difference(first: int, first_total: int, second: int, second_total: int) -> Interval:
    """Return the interval of first/first_total - second/second_total, measured on different samples."""
    return _joined(first, first_total, second, second_total, 0.0)


def paired_difference(both: int, only_first: int, only_second: int, neither: int) -> Interval:
    """Return the interval of the first one's proportion minus the second one's on the same samples.

    `both` counts the samples that are successes of both, `only_first` those of the first alone, and
    so on; their sum is above 0.
    """
    total = both + only_first + only_second + neither
    phi = _correlation(both, only_first, only_second, neither)
    return _joined(both + only_first, total, both + only_second, total, phi)


def _joined(first: int, first_total: int, second: int, second_total: int, phi: float) -> Interval:
    """Return Wilson's intervals (l1, u1) and (l2, u2) of a and b, correlated by phi, joined to one of a - b.

    Its ends are a - b - h(a - l1, u2 - b) and a - b + h(u1 - a, b - l2), h(x, y)^2 = x^2 - 2 phi x y + y^2.
    """
    a, b = first / first_total, second / second_total
    one, two = wilson(first, first_total), wilson(second, second_total)

    def h(x: float, y: float) -> float:
        # Rounding may leave less than nothing if phi is 1.
        return math.sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))

    return Interval(a - b - h(a - one.low, two.high - b), a - b + h(one.high - a, b - two.low))


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Return phi of the fourfold table with Newcombe's correction for continuity; 0 if a side is empty.

    phi = (both neither - only_first only_second) / sqrt(product of the four sums of rows and columns), its
    numerator made smaller by half the total, down to 0, if it is positive.
    """
    total = both + only_first + only_second + neither
    sides = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if not sides:
        return 0.0
    excess = both * neither - only_first * only_second
    return (max(excess - total / 2, 0.0) if excess > 0 else excess) / math.sqrt(sides)
