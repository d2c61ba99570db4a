"""The view of a frozen screen."""

from __future__ import annotations

from helpers.fake_training import FakeTraining, More

from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.screens.painter import still_view


def test_a_still_view_keeps_its_rows() -> None:
    history = History()
    training = FakeTraining()(Control(More(3)), lambda _: None)
    for _ in range(6):
        history.apply(next(training))
    view = still_view(history)
    rows = view.rows
    history.apply(next(training))
    assert history.rows == rows + 1
    assert view.rows == rows
    assert len(view.runs[1].columns) == rows
