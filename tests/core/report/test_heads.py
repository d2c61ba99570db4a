"""What the report says of a run with the sigmoid against one without it, case by case."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.compared import ORIGIN, made

from logreg_tui.core.analysis.compared_runs import ComparedRun
from logreg_tui.core.analysis.comparison import (
    PAIRED,
    UNPAIRED,
    ContingencyTable,
    Difference,
    rows_of,
    with_differences,
)
from logreg_tui.core.analysis.intervals import Interval
from logreg_tui.core.report.format import unwrapped
from logreg_tui.core.report.heads import (
    LOGITS_BETTER,
    NO_DIFFERENCE,
    SIGMOID_BETTER,
    UNKNOWN,
    HeadComparison,
    opponents,
)
from logreg_tui.core.report.write import templates
from logreg_tui.core.settings import RunSettings, Schedule


def said(about: str, *facts: object) -> str:
    """Return the sentences about a pair: a macro of the template."""
    macro = getattr(templates().get_template("heads.md.j2").module, about)
    return unwrapped(macro(*facts))


def pair(
    sigmoid: dict[str, Any] | None = None,
    logits: dict[str, Any] | None = None,
    answers: ContingencyTable | None = None,
) -> HeadComparison:
    """Return a comparison of run 1, sigmoid, and run 2, logits, with what is special about them."""
    one = made(1, **{"accuracy": 0.9, **(sigmoid or {})})
    two = made(2, **{"accuracy": 0.92, "settings": RunSettings("logits"), **(logits or {})})
    rows = with_differences(rows_of([one, two]), one.key, {two.key: answers} if answers else {})
    return HeadComparison(one, two, ("run 1", "run 2"), rows[1].difference)


CASES = {
    "better": (pair(), LOGITS_BETTER, "the run without the sigmoid is the more accurate one"),
    "worse": (
        pair(logits={"accuracy": 0.88}),
        SIGMOID_BETTER,
        "the run with the sigmoid is the more accurate one",
    ),
    "not to be told apart": (
        pair(logits={"accuracy": 0.903}),
        NO_DIFFERENCE,
        "The interval includes 0: these test samples do not show that the accuracies differ",
    ),
    "the same": (
        pair(logits={"accuracy": 0.9}),
        NO_DIFFERENCE,
        "a difference of 0.00 percentage points (95 % interval -0.83 to +0.83). The interval includes 0",
    ),
    "on another test set": (
        pair(logits={"origin": ORIGIN.__class__("/b", "b", "mnist", "raw", "e" * 64, 10_000)}),
        UNKNOWN,
        "Without an interval it cannot be said",
    ),
    "without figures": (
        pair(logits={"accuracy": None, "epochs": None}),
        UNKNOWN,
        "There are no figures of both heads to compare.",
    ),
    "diverged": (
        pair(logits={"state": "diverged"}),
        LOGITS_BETTER,
        "Run 2 diverged: that is no comparison of the heads.",
    ),
}


@pytest.mark.parametrize(("match", "outcome", "words"), CASES.values(), ids=CASES)
def test_the_words_follow_from_the_figures(match: HeadComparison, outcome: str, words: str) -> None:
    assert match.outcome == outcome
    text = said("accuracy", match)
    assert words in text
    for other in ("is the more accurate one", "The interval includes 0"):
        assert other in words or other not in text


def test_the_difference_is_that_of_the_logits() -> None:
    text = said("accuracy", pair())
    assert "0.9200 without the sigmoid (run 2) and 0.9000 with it (run 1)" in text
    assert "+2.00 percentage points (95 % interval +1.21 to +2.79)" in text


def test_an_end_next_to_0_is_not_rounded_to_it() -> None:
    match = HeadComparison(
        made(1), made(2, 0.901), ("run 1", "run 2"), Difference(0.1, Interval(0.004, 0.196), PAIRED)
    )
    assert "95 % interval +0.004 to +0.20" in said("accuracy", match)


def test_paired_and_unpaired_intervals_name_their_source_and_why() -> None:
    paired = pair(answers=ContingencyTable(8900, 300, 100, 700))
    assert paired.difference is not None
    assert paired.difference.method == PAIRED
    assert "paired: both runs answered the same 10000 test samples" in said("method", paired, "?")
    assert "2635-2650" in said("method", paired, "?")
    unpaired = pair()
    assert unpaired.difference is not None
    assert unpaired.difference.method == UNPAIRED
    assert "873-890" in said("method", unpaired, "the data are gone")
    assert "because the data are gone" in said("method", unpaired, "the data are gone")
    assert "not how another seed" in said("method", unpaired, "")
    assert said("method", pair(logits={"accuracy": None}), "") == "\n"


ALIKE = "The two runs have all other settings in common: what differs is the head alone."
FAIRNESS = {
    "alike": (pair(), [ALIKE]),
    "lambda": (
        pair(logits={"settings": RunSettings("logits", l2=1e-05)}),
        ["lambda (0.001 with the sigmoid, 0.00001 without it)", "not the head's alone"],
    ),
    "schedule": (
        pair(logits={"settings": RunSettings("logits", schedule=Schedule("step", 1000, 0.1))}),
        ["schedule (constant with the sigmoid, x0.1 every 1,000 without it)", "not the head's alone"],
    ),
    "rate and seed": (
        pair(logits={"settings": RunSettings("logits", learning_rate=0.5, seed=3)}),
        ["learning rate (0.01 with the sigmoid, 0.5 without it) and seed (0 with"],
    ),
    "a shorter sigmoid run": (
        pair(sigmoid={"epochs": 50}),
        ["epochs (50 with the sigmoid, 100 without it)", "Run 1 had fewer epochs, and may have had more"],
    ),
    "a shorter logits run": (pair(logits={"epochs": 50}), ["Run 2 had fewer epochs"]),
    "turned knobs": (pair(sigmoid={"changes": ("10: lr",)}), ["differ in the knobs turned on the way"]),
    "still training": (pair(logits={"state": "training"}), ["Run 2 is not done", ALIKE]),
    "diverged": (
        pair(sigmoid={"state": "diverged", "epochs": 40}),
        ["Run 1 diverged: its figures are those of its last sound row, epoch 40.", "epochs (40 with"],
    ),
}


@pytest.mark.parametrize(("match", "words"), FAIRNESS.values(), ids=FAIRNESS)
def test_what_else_differs_is_said(match: HeadComparison, words: list[str]) -> None:
    text = said("fairness", match)
    for part in words:
        assert part in text
    assert (ALIKE in text) == (ALIKE in words)


def test_runs_are_opposed_that_differ_in_least_whatever_their_figures() -> None:
    def run(number: int, head: str, **settings: Any) -> ComparedRun:  # noqa: ANN401
        return made(number, number / 10, settings=RunSettings(head, **settings))

    runs = [
        run(1, "sigmoid", l2=0.5),
        run(2, "sigmoid", seed=1),
        run(3, "logits", seed=1, learning_rate=0.5),
        run(4, "logits", seed=1),
        made(5, 0.99, settings=RunSettings("logits", seed=1), state="diverged"),
        made(6, None, settings=RunSettings("logits", l2=0.5), epochs=None),
    ]
    assert opponents(runs)[0] == (1, 3)
    assert opponents(runs)[-1] == (0, 4)
    assert all(5 not in pair for pair in opponents(runs))
    assert opponents(runs[:2]) == []
