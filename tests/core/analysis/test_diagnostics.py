"""Stalls and divergences, from rows alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers.records import history_of, row

from logreg_tui.core.analysis.diagnostics import CONVERGED, DIVERGED, EXPLODED, STALLS, alarms
from logreg_tui.core.analysis.trends import explosion_of, plateau_of
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History


def trained(loss: Callable[[int], float], epochs: int, *, every: int = 10) -> History:
    """Return a history with one run whose train loss is a function of the epoch."""
    history = history_of()
    for epoch in range(0, epochs + 1, every):
        history.apply(row(1, epoch, train_loss=loss(epoch)))
    return history


@pytest.mark.parametrize(
    ("loss", "epochs", "every", "since"),
    [
        (lambda epoch: 1.5, 2000, 10, 0),
        (lambda epoch: 2.5 - min(epoch, 1200) / 1000, 3000, 10, 1200),
        (lambda epoch: 2.5 - min(epoch, 1200) / 1000, 2100, 10, None),
        (lambda epoch: 1.5, 1990, 10, None),
        (lambda epoch: 1.5 - epoch * 2e-7, 4000, 10, None),
        (lambda epoch: 1.5 - epoch * 1e-7, 4000, 10, 2510),
        (lambda epoch: 22 + (epoch // 10) % 2, 3000, 10, 0),
        (lambda epoch: 1.5, 2500, 100, None),
        (lambda epoch: 1.5, 6000, 100, 0),
        (lambda epoch: 1.5 if epoch else float("nan"), 3000, 10, None),
        (lambda epoch: 1.0 + epoch / 1000, 3000, 10, 0),
    ],
    ids=[
        "flat from the start",
        "flat since 1,200",
        "flat not for long",
        "too early to tell",
        "falls by 0.013 % in 1,000",
        "falls by 0.007 % in 1,000",
        "swings without getting anywhere",
        "too few rows",
        "rows far apart",
        "nan",
        "rises",
    ],
)
def test_a_stall_is_a_train_loss_that_has_not_fallen_for_a_thousand_epochs(
    loss: Callable[[int], float], epochs: int, every: int, since: int | None
) -> None:
    plateau = plateau_of(trained(loss, epochs, every=every).runs[1])
    assert (plateau.since if plateau else None) == since


def test_a_turned_knob_begins_anew() -> None:
    history = trained(lambda _: 1.5, 3000)
    assert plateau_of(history.runs[1]) is not None
    history.apply(events.SettingChanged(3000, 1, 3000, "l2", 0.001, 0.0))
    assert plateau_of(history.runs[1]) is None
    for epoch in range(3010, 5020, 10):
        history.apply(row(1, epoch, train_loss=1.5))
    plateau = plateau_of(history.runs[1])
    assert plateau is not None
    assert plateau.since == 3010


def test_alarms_are_told_newest_first() -> None:
    history = history_of(runs=[RunSettings()] * 3)
    for epoch in range(0, 3010, 10):
        for run in (1, 2, 3):
            history.apply(row(run, epoch, train_loss=1.5 if run == 1 else 5 - epoch / 1000))
    history.apply(events.RunDiverged(3010, 2, 3010, "train_loss is nan"))
    first, second = alarms(history)
    assert (first.run, first.kind, first.epoch, first.cause) == (2, DIVERGED, 3010, "train_loss is nan")
    assert (second.run, second.kind, second.epoch, second.epochs) == (1, STALLS, 0, 1000)


def test_a_run_that_has_ended_does_not_stall() -> None:
    history = trained(lambda _: 1.5, 3000)
    history.apply(events.RunEnded(3000, 1, 3000, "finished"))
    assert alarms(history) == []


def test_an_alarm_is_the_same_one_until_a_knob_is_turned() -> None:
    history = trained(lambda epoch: 1.5 - epoch * 1e-8, 3000)
    keys: list[Any] = [alarms(history)[0].key]
    history.apply(row(1, 3010, train_loss=1.4999))
    keys.append(alarms(history)[0].key)
    history.apply(events.SettingChanged(3010, 1, 3010, "l2", 0.001, 0.0))
    for epoch in range(3020, 6030, 10):
        history.apply(row(1, epoch, train_loss=1.5))
    keys.append(alarms(history)[0].key)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("losses", "since"),
    [
        ((76, 9e19, 5e32), 10),
        ((76, 720, 103, 219, 94), None),
        ((76, 9e19), None),
        ((76, 80, 90, 900, 3e11, 4e11), None),
        ((76, *[80] * 10, *[3e11] * 30), 110),
        ((0.01, 0.3, 0.4, 0.5), None),
        ((76, 9e19, float("nan")), None),
    ],
    ids=["at once", "swings", "too early to tell", "not for long", "later", "small all the same", "nan"],
)
def test_a_loss_that_stays_far_above_its_first_one_has_exploded(
    losses: tuple[float, ...], since: int | None
) -> None:
    history = trained(lambda epoch: losses[epoch // 10], 10 * (len(losses) - 1))
    explosion = explosion_of(history.runs[1])
    assert (explosion.since if explosion else None) == since
    found = [(alarm.kind, alarm.epoch) for alarm in alarms(history)]
    assert found == ([(EXPLODED, since)] if since is not None else [])
    history.apply(events.RunEnded(3000, 1, 3000, "finished"))
    assert [alarm.kind for alarm in alarms(history)] == [kind for kind, _ in found], (
        "it warns at the end, too"
    )


@pytest.mark.parametrize(
    ("head", "rate", "last", "kind"),
    [
        ("logits", 0.5, 0.19, CONVERGED),
        ("logits", 1e-9, 0.19, STALLS),
        ("logits", 0.5, 1.9, STALLS),
        ("sigmoid", 0.5, 0.19, STALLS),
    ],
    ids=["converged", "the rate is too small to move", "much is left to gain", "a sigmoid is in the way"],
)
def test_a_plateau_where_loss_and_gradient_are_small_has_converged(
    head: str, rate: float, last: float, kind: str
) -> None:
    history = history_of(runs=[RunSettings(head=head)])
    for epoch in range(0, 4010, 10):
        loss = last + 2 * 0.99**epoch + 1e-9 * (4000 - epoch)
        history.apply(row(1, epoch, train_loss=loss, learning_rate=rate))
    assert [alarm.kind for alarm in alarms(history)] == [kind]
