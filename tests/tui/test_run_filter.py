"""The filter of runs, on settings alone."""

from __future__ import annotations

import pytest

from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.tui.run_filter import FilteredRun, run_filter

RUN = RunSettings(
    l2=0.001, learning_rate=0.01, seed=7, schedule=Schedule("step", 500, 0.1), optimizer=Optimizer("nesterov")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("sig", True),
        ("SIGMOID 0.001", True),
        ("sigmoid logits", False),
        ("run=3", True),
        ("run 30", False),
        ("l2=0.001 lr=0.01 seed=7 schedule=step training", True),
        ("l2=0", False),
        ("l2 = 1e-3", True),
        ("seed 7", True),
        ("seed", True),
        ("seed 70", False),
        ("λ 0.001", True),
        ("λ.001 s7", True),
        ("lambda 0.01", False),
        ("l 0.001", True),
        ("lr .01", True),
        ("state train", True),
        ("step every 500", True),
        ("not logits", True),
        ("nest", True),
        ("optimizer nesterov", True),
        ("optimizer=adam", False),
        ("adam or optimizer nesterov", True),
        ("not (sigmoid or logits)", False),
        ("logits or seed 7", True),
        ("seed 1 or 7", True),
        ("seed 1 or 2", False),
        ("sigmoid and not seed 7", False),
        ("logits and seed 7 or sigmoid and run 3", True),
        ("logits and (seed 7 or sigmoid)", False),
        ("sigmoid and", True),
        ("sigmoid or", True),
        ("logits or", False),
        ("not", True),
        ("(sigmoid", True),
        (") sigmoid", True),
        ("/", True),
        ("/^run=3 head=(sig|log)", True),
        ("/^run=3 .*l2=0.001.*seed=7/", True),
        ("/seed=[0-6]/", False),
    ],
)
def test_words_must_match_as_their_operators_say_or_the_expression_must(text: str, expected: bool) -> None:
    assert run_filter(text)(FilteredRun(3, RUN, "training")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test > 0.9", True),
        ("test>0.91", False),
        ("test > 0.9038", False),
        ("test >= .9038", True),
        ("train ≤ 0.95", True),
        ("accuracy > 0.9 and loss < 1", False),
        ("train_loss > 1.5 test_loss < 1.6", True),
        ("lr < 0.1", True),
        ("lr<1e-2", False),
        ("λ >= 0.001", True),
        ("seed > 7", False),
        ("run < 4 and epoch >= 100", True),
        ("not test > 0.9", False),
        ("test > 0.95 or exploded", True),
        ("exploded", True),
        ("state=exploded", True),
        ("state training", True),
        ("stalls", False),
        ("test >", True),
        ("test > 0.", True),
        ("lr < 1e-", True),
    ],
)
def test_numbers_are_compared_and_verdicts_known(text: str, expected: bool) -> None:
    figures = {
        "epoch": 100, "train_loss": 1.54, "test_loss": 1.55, "train_accuracy": 0.95, "test_accuracy": 0.9038,
    }  # fmt: skip
    run = FilteredRun(3, RUN, "training", "exploded", figures)
    assert run_filter(text)(run) == expected


def test_a_run_without_rows_passes_no_comparison_of_figures() -> None:
    run = FilteredRun(3, RUN, "training")
    assert not run_filter("test > 0")(run)
    assert not run_filter("test < 1")(run)
    assert run_filter("lr > 0")(run)


@pytest.mark.parametrize(
    ("text", "message"), [("head > 3", "head is no number"), ("test > high", "'high' is no number")]
)
def test_what_cannot_be_compared_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_filter(text)


@pytest.mark.parametrize("text", ["/(", "/[/", "/a{99999999999999999999}/"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        run_filter(text)
