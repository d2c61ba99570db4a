"""Numbers, paths and long texts as they stand on the screen."""

from __future__ import annotations

import math

import pytest

from logreg_tui.tui import number_format as figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.54701, "1.5470"),
        (22.6134, "22.613"),
        (1234.56, "1234.6"),
        (1e7, "1.0e+07"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (None, "-"),
    ],
)
def test_a_loss_has_one_width(value: float | None, text: str) -> None:
    assert figures.loss(value) == text.rjust(figures.LOSS_WIDTH)


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.0, "12,300"), (412.4, "412"), (41.24, "41.2"), (0.5, "0.5"), (999.6, "1,000")],
)
def test_a_rate_has_three_digits(value: float, text: str) -> None:
    assert figures.rate(value).strip() == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (15.2, "16 s"),
        (0, "0 s"),
        (240, "4 min"),
        (3900, "1 h 05 min"),
        (3599, "60 min"),
        (277_200, "3 d 05 h"),
    ],
)
def test_a_duration_is_rounded_to_what_matters(seconds: float, text: str) -> None:
    assert figures.duration(seconds).strip() == text


def test_a_long_text_is_shortened_in_the_middle() -> None:
    assert figures.shorten("abcdefghij", 7, "…") == "abc…hij"
    assert figures.shorten("abc", 7, "…") == "abc"
    assert figures.shorten("abc", 0, "…") == ""


@pytest.mark.parametrize(
    ("value", "text"), [(1000.0, "1000"), (0.012345, "0.0123"), (1e-5, "1e-05"), (0.1, "0.1")]
)
def test_a_learning_rate_reads_as_in_its_knob(value: float, text: str) -> None:
    assert figures.learning_rate(value) == text
