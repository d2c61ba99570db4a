"""The filter of runs, on settings alone."""

from __future__ import annotations

import pytest

from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.tui.run_filter import run_filter

RUN = RunSettings(l2=0.001, learning_rate=0.01, seed=7, schedule=Schedule("step", 500, 0.1))


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
    assert run_filter(text)(3, RUN, "training") == expected


@pytest.mark.parametrize("text", ["/(", "/[/", "/a{99999999999999999999}/"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        run_filter(text)
