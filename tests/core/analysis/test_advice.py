"""What is advised, by tables of figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.records import history_of, row

from logreg_tui.core.analysis.advice import advise
from logreg_tui.core.analysis.diagnostics import Lowest, RunDiagnosis, diagnose
from logreg_tui.core.analysis.inspection import HeadFacts
from logreg_tui.core.analysis.trends import Explosion, Plateau
from logreg_tui.core.heads import LOGITS, SIGMOID
from logreg_tui.core.optimizers import SGD, Optimizer
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.training import events

FALLING = tuple(1.6 - 0.001 * row for row in range(31))
SWINGING = tuple(20.0 + row % 2 for row in range(31))
ROUNDING = tuple(1.5 + 1e-7 * (row % 2) for row in range(31))
PLATEAU = Plateau(3200, 1000)


def facts(saturated: float | None) -> HeadFacts:
    return HeadFacts(1, 100, SIGMOID, 60_000, 0.0003, 0.15, saturated, 0.1, 0.0)


def diagnosed(
    head: str = SIGMOID, train: float = 1.57, test: float = 1.57, **changes: object
) -> RunDiagnosis:
    """Return a run in the middle of a calm training, of which nothing need be said."""
    settings = RunSettings(head, 0.0, optimizer=Optimizer("momentum"))
    last = row(1, 4000, train_loss=train, test_loss=test, settings=settings)
    calm = RunDiagnosis(
        settings,
        "training",
        10_000,
        10,
        last,
        first_loss=2.3,
        recent=FALLING,
        recent_accuracies=(0.9,),
        lowest=Lowest(4000, train, test),
    )
    return replace(calm, **changes)  # type: ignore[arg-type]


def with_penalty(made: RunDiagnosis, l2: float, penalty: float) -> RunDiagnosis:
    return replace(made, settings=replace(made.settings, l2=l2), last=replace(made.last, l2_penalty=penalty))


def with_schedule(made: RunDiagnosis, schedule: Schedule) -> RunDiagnosis:
    return replace(made, settings=replace(made.settings, schedule=schedule), plateau=PLATEAU)


def plain(made: RunDiagnosis) -> RunDiagnosis:
    return replace(made, settings=replace(made.settings, optimizer=SGD))


OVERFITTED = diagnosed(LOGITS, 0.05, 0.14, lowest=Lowest(900, 0.08, 0.12))


@pytest.mark.parametrize(
    ("made", "hows"),
    [
        (diagnosed(), []),
        (diagnosed(pixels="raw", facts=facts(0.97)), ["--pixels unit"]),
        (diagnosed(pixels="raw", facts=facts(0.4)), []),
        (diagnosed(pixels="unit", facts=facts(0.97)), []),
        (diagnosed(facts=facts(0.97)), []),
        (diagnosed(train=1.5442), ["press h"]),
        (diagnosed(train=1.5460), []),
        (diagnosed(plateau=PLATEAU), ["press c"]),
        (diagnosed(LOGITS, 0.3, 0.3, plateau=PLATEAU), []),
        (diagnosed(LOGITS, 3e11, 3e11, explosion=Explosion(10, 76.0), pixels="raw"), ["press R: lr 0.001"]),
        (diagnosed(LOGITS, 20.0, 20.0, recent=SWINGING), ["--schedule step"]),
        (
            diagnosed(LOGITS, 20.0, 20.0, recent=SWINGING, pixels="raw"),
            ["--pixels unit --optimizer adam --lr 0.03", "lr 0.001"],
        ),
        (diagnosed(recent=ROUNDING), []),
        (with_penalty(diagnosed(LOGITS, 0.3, 0.3), 0.001, 0.31), ["lambda 0.0001"]),
        (with_penalty(diagnosed(LOGITS, 0.3, 0.3), 0.001, 0.29), []),
        (with_penalty(diagnosed(), 0.01, 0.2), ["press -"]),
        (OVERFITTED, ["press l"]),
        (with_penalty(OVERFITTED, 0.001, 0.06), ["lambda 0.01"]),
        (replace(OVERFITTED, lowest=Lowest(900, 0.04, 0.12)), []),
        (with_schedule(diagnosed(LOGITS), Schedule("step", 1000, 0.1)), ["--step-size 3000"]),
        (with_schedule(diagnosed(LOGITS), Schedule("exponential", gamma=0.997)), ["--gamma 0.999"]),
        (with_schedule(diagnosed(LOGITS), Schedule("cosine", period=4001)), ["--epochs 8002"]),
        (with_schedule(diagnosed(LOGITS), Schedule("step", 4000, 0.1)), []),
        (diagnosed(status="finished", epochs=4000), ["resume DIR --epochs 8000"]),
        (diagnosed(epochs=4400), ["--epochs 8800"]),
        (diagnosed(epochs=4000, status="finished", recent=FALLING[:20]), []),
        (diagnosed(epochs=4000, status="finished", recent=(*FALLING[:30], 1.6)), []),
        (plain(diagnosed(LOGITS)), ["--optimizer momentum"]),
        # 0.03 in 30 rows of the 0.109 above the floor: that is not slow.
        (plain(diagnosed()), []),
        (plain(diagnosed(recent=tuple(1.6 - 0.0006 * row for row in range(31)))), ["--optimizer momentum"]),
        (plain(diagnosed(LOGITS, recent=FALLING[:30])), []),
        (plain(diagnosed(LOGITS, recent=(*FALLING[:30], 1.6))), []),
        (plain(diagnosed(LOGITS, plateau=PLATEAU)), []),
        (plain(OVERFITTED), ["press l"]),
        (plain(diagnosed(LOGITS, epochs=4000, status="finished")), ["momentum", "--epochs 8000"]),
        (diagnosed(status="diverged", cause="diverged: train_loss is nan"), ["press R: lr 0.001"]),
    ],
)
def test_each_advice_follows_from_its_figures(made: RunDiagnosis, hows: list[str]) -> None:
    found = advise(made)
    assert len(found) == len(hows)
    for advice, how in zip(found, hows, strict=True):
        assert how in advice.how


@pytest.mark.parametrize(
    ("made", "how", "action"),
    [
        (diagnosed(train=1.5442), "press c", "other_head"),
        (diagnosed(plateau=PLATEAU), "press c", "other_head"),
        (diagnosed(LOGITS, 20.0, 20.0, recent=SWINGING), "press n", "new_run"),
        (with_penalty(diagnosed(LOGITS, 0.3, 0.3), 0.001, 0.31), "press n", "new_run"),
        (OVERFITTED, "press n", "new_run"),
        (with_penalty(OVERFITTED, 0.001, 0.06), "press n", "new_run"),
    ],
)
def test_a_run_that_has_ended_is_not_advised_to_turn_its_knobs(
    made: RunDiagnosis, how: str, action: str
) -> None:
    before, after = advise(made)[0], advise(replace(made, status="finished", recent=made.recent[-30:]))[0]
    assert before.what == after.what
    assert after.how.startswith(how)
    assert "press h" not in after.how
    assert "or h" not in after.how
    assert after.action == action


def test_more_epochs_are_a_key_away() -> None:
    assert advise(diagnosed(status="finished", epochs=4000))[0].action == "more_epochs"


def test_evidence_names_the_figures() -> None:
    evidence = advise(OVERFITTED)[0].evidence
    assert "epoch 900, 0.1200, and is 0.1400 now" in evidence
    assert "from 0.0800 to 0.0500" in evidence
    evidence = advise(plain(diagnosed(LOGITS)))[0].evidence
    assert "in each of the last 30 rows" in evidence
    assert "from 1.6000 to 1.5700: by 1.9 % of what is left above 0" in evidence


def test_epochs_of_the_race_are_told_where_they_were_raced() -> None:
    for made in (plain(diagnosed(LOGITS, pixels="unit")), diagnosed(LOGITS, recent=SWINGING, pixels="raw")):
        assert "took adam with lr 0.03 some 45 epochs" in advise(made)[0].evidence
    for made in (plain(diagnosed(LOGITS, pixels="standardized")), plain(diagnosed(LOGITS, pixels="raw"))):
        assert "MNIST" not in advise(made)[0].evidence


def test_rows_before_a_knob_was_turned_do_not_count() -> None:
    history = history_of()
    history.apply(row(1, 0, train_loss=2.5, test_loss=0.1))
    history.apply(events.SettingChanged(5, 1, 5, "head", SIGMOID, LOGITS))
    for epoch in range(10, 100, 10):
        history.apply(row(1, epoch, train_loss=5 - epoch / 100, test_loss=5))
    history.apply(events.SettingChanged(95, 1, 95, "l2", 0.001, 0.0))
    history.apply(row(1, 100, train_loss=3, test_loss=4))
    made = diagnose(history.runs[1], 10, "raw", None, "DIR")
    assert made is not None
    assert made.first_loss == 4.9
    assert made.recent == (3,)
    assert made.lowest == Lowest(100, 3, 4)


def test_a_knob_turned_after_the_last_row_leaves_the_last_row() -> None:
    history = history_of()
    history.apply(row(1, 10, train_loss=2.5))
    history.apply(events.SettingChanged(15, 1, 15, "l2", 0.001, 0.0))
    made = diagnose(history.runs[1], 10, None, None, "DIR")
    assert made is not None
    assert made.recent == (2.5,)


def test_without_rows_nothing_is_known() -> None:
    assert diagnose(history_of().runs[1], 10, None, None, "DIR") is None
