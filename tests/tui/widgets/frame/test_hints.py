"""Hints for newcomers: which one applies."""

from __future__ import annotations

from helpers.records import history_of, row

from logreg_tui.core.analysis.diagnostics import STALLS
from logreg_tui.core.settings import RunSettings
from logreg_tui.tui.widgets.frame.hints import Hints


def test_the_sigmoid_is_in_the_way_of_a_run_at_its_floor_not_of_any_run_that_stalls() -> None:
    history = history_of(runs=[RunSettings()] * 2)
    for epoch in range(0, 200, 10):
        history.apply(row(1, epoch, train_loss=2.4))
        history.apply(row(2, epoch, train_loss=1.5 if epoch else 2.4))
    stalled = {1: STALLS, 2: STALLS}
    away = "run 2 stalls at the dotted line: h takes the sigmoid away, escape hides this"
    chosen = "run 2 stalls at the dotted line: select it, and h takes the sigmoid away"
    assert Hints().text(history, 2, stalled, 0, 100) == away
    assert Hints().text(history, 1, stalled, 0, 80) == chosen
    assert "stalls" not in Hints().text(history, 1, {1: STALLS}, 0, 100)
