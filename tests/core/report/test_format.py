"""Numbers and names as the report writes them."""

from __future__ import annotations

import math

import pytest

from logreg_tui.core.report.format import code, fenced, listed, literal_text, points_text, unwrapped
from logreg_tui.core.text import exact, loss_text, percent, rounded


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-05, "0.00001"), (2.0, "2"), (0.0, "0"), (1e30, "1e+30"), (1e-12, "1e-12")],
)
def test_settings_have_all_their_digits(value: float, text: str) -> None:
    assert exact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000462435, "0.000462"),
        (622.7, "623"),
        (999499.0, "999000"),
        (1234567.0, "1.23e+06"),
        (0.0, "0"),
        (math.nan, "nan"),
    ],
)
def test_rounded_figures_have_no_exponent_up_to_six_digits(value: float, text: str) -> None:
    assert rounded(value) == text


def test_losses_and_shares_never_look_like_what_they_are_not() -> None:
    assert [loss_text(value) for value in (1.46124, 402.84174, 12345678.9)] == [
        "1.4612", "402.8417", "1.235e+07",
    ]  # fmt: skip
    assert [percent(value) for value in (0, 0.0001, 0.969, 0.9999, 1)] == [
        "0.0 %", "less than 0.1 %", "96.9 %", "more than 99.9 %", "100.0 %",
    ]  # fmt: skip
    assert [points_text(value) for value in (0, -0.0, 0.004, -0.004, 4.119)] == [
        "0.00", "0.00", "+0.004", "-0.004", "+4.12",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["fashion-mnist", "cuda:0 NVIDIA H200", "cpu, 2 threads", "2.15.0+cu132"])
def test_words_stay_words(text: str) -> None:
    assert literal_text(text) == text


@pytest.mark.parametrize(
    "text", ["a_b_c", "<b>", "www.example.org", "http://h", "[x](y)", "# h", "@someone", "*"]
)
def test_what_could_be_markup_is_code(text: str) -> None:
    assert literal_text(text) == f"`{text}`"


def test_code_is_one_short_inert_span() -> None:
    assert code("a`b\nc\x1b[31m") == r"`a'b\nc\x1b[31m`"
    assert len(code("x" * 1000)) == 122
    assert code("") == "(empty)"


def test_a_block_of_code_ends_where_it_should() -> None:
    assert fenced("a ``` b\n```") == "````sh\na ``` b\\n```\n````"


def test_clauses_are_listed() -> None:
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_each_paragraph_item_and_row_becomes_one_line() -> None:
    text = """
    # a
    
    
    b
      c
    - d
      e
    - f

    | g |
    | - |
    ````sh
    h
    ````
    """
    assert unwrapped(text) == "# a\n\nb c\n- d e\n- f\n\n| g |\n| - |\n````sh\nh\n````\n"
