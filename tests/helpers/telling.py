"""Histories made of rows that a test chooses."""

from __future__ import annotations

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History


def started_history(runs: int, settings: RunSettings = RunSettings(), epochs: int = 10_000) -> History:  # noqa: B008  frozen
    """Return a history in which so many runs have started, without rows."""
    history = History()
    history.apply(
        events.ExperimentStarted(0, "/r", "mnist", 60_000, 10_000, 784, 10, (28, 28), "cpu", epochs, 10, 1000)
    )
    for run in range(1, runs + 1):
        history.apply(events.RunStarted(0, run, settings, epochs))
    return history


def logged(
    run: int,
    epoch: int,
    *,
    train_loss: float = 1.5,
    test_loss: float = 1.5,
    l2_penalty: float = 0.0,
    settings: RunSettings = RunSettings(),  # noqa: B008  frozen
) -> events.RowLogged:
    """Return a row of a run that joined at step 0."""
    return events.RowLogged(
        epoch, run, epoch, epoch / 100, settings.head, settings.l2, settings.learning_rate_at(epoch),
        train_loss, l2_penalty, test_loss, 0.9, 0.9, False,
    )  # fmt: skip
