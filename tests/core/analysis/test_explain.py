"""The explanation of a run's loss, by its figures."""

from __future__ import annotations

import math
from typing import Any

from helpers.records import row

from logreg_tui.core.analysis.diagnostics import Lowest, RunDiagnosis
from logreg_tui.core.analysis.explain import explain
from logreg_tui.core.analysis.inspection import HeadFacts
from logreg_tui.core.analysis.trends import Explosion, Plateau
from logreg_tui.core.settings import RunSettings

SIGMOID_FACTS = HeadFacts(1, 1000, "sigmoid", 60_000, 0.00036168, 0.15703, 0.97434, 0.08747, 0.0)
LOGITS_FACTS = HeadFacts(1, 722, "logits", 60_000, 0.030543, 0.030543, None, 0.0, 0.0598)


def explained(head: str, loss: float, facts: HeadFacts | None, **changes: Any) -> str:  # noqa: ANN401
    settings = RunSettings(head)
    values: dict[str, Any] = {
        "first_loss": 2.3812, "recent": (1.6, 1.59, 1.58), "recent_accuracies": (0.9,),
        "lowest": Lowest(1000, loss, loss), **changes
    }  # fmt: skip
    last = row(1, 1000, train_loss=loss, test_loss=loss + 0.005, l2_penalty=0.0032, settings=settings)
    run = RunDiagnosis(settings, "training", 10_000, 10, last, facts=facts, **values)
    return "\n".join(f"{lead}. {text}" for lead, text in explain(run, "Run 1"))


def test_a_sigmoid_is_explained_with_the_runs_own_numbers() -> None:
    text = explained("sigmoid", 1.5609, SIGMOID_FACTS)
    for words in (
        "e/(e + 9) = 0.232",
        "ln(1 + 9/e) = 1.4612",
        "Run 1. Its train loss is 1.5609, 0.0997 above the floor; it began 0.9200 above with this head",
        "0.157 per output",
        "0.000362 is left",
        "434 times less",
        "97.4 % of the outputs are saturated",
        "8.7 % of the training samples several classes share",
    ):
        assert words in text
    assert text.isascii()


def test_logits_are_explained_with_the_runs_own_numbers() -> None:
    text = explained("logits", 0.2958, LOGITS_FACTS)
    for words in (
        "No floor",
        "loss is 0.2958, the test loss 0.3008. 10.0 % of the training samples are classified wrong",
        "2.96 on average",
        "0.0305 per output",
        "6.0 % of the training samples are certain",
        "here it does not (in the last 2 rows it turned round 0 times)",
        "lambda 0.001 adds 0.0032, 1.1 % of what is minimised.",
    ):
        assert words in text
    assert "Ties" not in text


def test_a_plateau_and_a_gradient_that_is_gone_are_said() -> None:
    facts = HeadFacts(1, 1000, "sigmoid", 60_000, 0.0, 0.15, 1.0, 0.0, 0.0)
    text = explained("sigmoid", 1.5609, facts, plateau=Plateau(3200, 1000))
    assert "Behind it 0 is left (mean |dL/dz|): nothing." in text
    assert "It stalls. Since epoch 3,200 the loss is where it is: it fell by less than 0.01 %" in text


def test_a_loss_that_oscillates_is_said_with_the_accuracies_between_which_it_does() -> None:
    recent = tuple(20.0 + row % 2 for row in range(31))
    for head in ("sigmoid", "logits"):
        text = explained(head, 20.0, None, recent=recent, recent_accuracies=(0.91, 0.85, 0.9))
        assert "as here (in the last 30 rows it turned round 29 times, at a rate of 0.01)" in text
        assert "In the newest 3 of them the test accuracy was between 0.8500 and 0.9100" in text
    assert "swing" not in explained("sigmoid", 1.5609, None)


def test_of_a_run_that_has_just_begun_no_oscillation_is_claimed() -> None:
    assert "too early to tell" in explained("logits", 2.37, None, recent=(2.37,))


def test_of_a_run_that_diverged_nothing_is_derived_from_its_loss() -> None:
    text = explained("logits", math.nan, LOGITS_FACTS)
    assert "The gradient" not in text
    assert "Its train loss is nan, the test loss nan.\n" in text
    assert "nan %" not in text
    assert "It pulls every weight towards 0; lambda is 0.001." in text


def test_without_figures_at_the_head_the_rest_is_explained() -> None:
    text = explained("sigmoid", 1.5609, None)
    assert "ln(1 + 9/e)" in text
    assert "saturated" not in text


def test_an_exploded_loss_is_said_to_be_one_and_not_called_calm() -> None:
    text = explained("logits", 3.8e11, None, explosion=Explosion(10, 76.0), recent=(3e11, 3.4e11, 3.8e11))
    assert "It exploded. Since epoch 10 its train loss stays far above the 76.0000" in text
    assert "5e+09 times now" in text
    assert "does not" not in text


def test_a_run_with_nothing_left_to_gain_has_converged() -> None:
    text = explained("logits", 0.19, None, plateau=Plateau(3200, 1000, is_converged=True))
    assert "It has converged. Since epoch 3,200" in text
    assert "stalls" not in text
