"""Events and histories: a test names what it is about, the rest is plausible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History

EPOCHS = 10_000
SETTINGS = RunSettings()


def experiment_started(**changes: Any) -> events.ExperimentStarted:  # noqa: ANN401
    """Return the start of an experiment on MNIST."""
    data = {"dataset": "mnist", "train_samples": 60_000, "test_samples": 10_000, "features": 784}
    shape = {"classes": 10, "image_shape": (28, 28), "device": "cpu"}
    intervals = {"epochs": EPOCHS, "log_every": 10, "report_every": 1000}
    started = {"step": 0, "directory": "/nowhere/runs/now", **data, **shape, **intervals}
    return events.ExperimentStarted(**{**started, **changes})


def row(
    run: int = 1,
    epoch: int = 0,
    settings: RunSettings = SETTINGS,
    *,
    joined_at: int = 0,
    train_loss: float = 1.5,
    **changes: Any,  # noqa: ANN401
) -> events.RowLogged:
    """Return a row of a run at 50 epochs per second; the test loss is 0.125 above the train loss."""
    knobs = {"head": settings.head, "l2": settings.l2, "learning_rate": settings.learning_rate_at(epoch)}
    losses = {"train_loss": train_loss, "l2_penalty": 0.0, "test_loss": train_loss + 0.125}
    others = {"elapsed_s": epoch / 50, "train_accuracy": 0.9, "test_accuracy": 0.9, "is_report": False}
    at = {"step": joined_at + epoch, "run": run, "epoch": epoch}
    return events.RowLogged(**{**at, **knobs, **losses, **others, **changes})


def history_of(
    *happenings: object,
    runs: Sequence[RunSettings] = (SETTINGS,),
    **experiment: Any,  # noqa: ANN401
) -> History:
    """Return a history in which these runs have started at step 0, and what happened then."""
    started = experiment_started(**experiment)
    joined = (events.RunStarted(0, run, each, started.epochs) for run, each in enumerate(runs, 1))
    history = History()
    for event in (started, *joined, *happenings):
        history.apply(event)  # type: ignore[arg-type]
    return history
