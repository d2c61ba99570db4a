"""Watching: everything can be looked at, nothing can be asked for, and leaving ends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from helpers.app import DEADLINE_S, Lab, running, wait_until
from helpers.experiments import config_of
from helpers.fake_training import Emit, FakeTraining, Finish
from helpers.records import row

from logreg_tui.core.experiment.directory import Experiment
from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import INTERRUPTED
from logreg_tui.core.training.requests import Stop
from logreg_tui.tui.actions import ACTIONS, Needs
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.messages import Outcome
from logreg_tui.tui.screens.export import ExportScreen
from logreg_tui.tui.screens.help import HelpScreen
from logreg_tui.tui.screens.main import ALL_ENDED, MainScreen
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.runs.knobs import Knobs

OF_A_TRAINING = (Needs.LIVE, Needs.MOVING, Needs.PAUSABLE, Needs.LIVE_RUN, Needs.TRAINING_RUN)
TWO_RUNS = (RunSettings(), RunSettings(head="logits", l2=0.0))
SETTINGS = ExperimentSettings(epochs=10_000)
CONFIG = config_of(
    SETTINGS, dataset="mnist", train_samples=60_000, test_samples=10_000, features=784, image_shape=(28, 28),
    device="cuda:0 NVIDIA H200",
)  # fmt: skip


async def test_an_action_that_asks_something_of_the_training_is_dimmed_and_does_nothing() -> None:
    async with running(watching=True) as lab:
        asking = [action for action in ACTIONS if action.needs in OF_A_TRAINING]
        assert len(asking) > 10
        for action in asking:
            assert lab.screen.check_action(action.method, ()) is None
            await lab.press(action.key)
        await lab.pilot.pause()
        assert lab.training.requests == []
        assert isinstance(lab.app.screen, MainScreen)
        assert lab.notes() == []


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (events.ExperimentLeft(30, "SIGTERM"), "stopped"),
        (events.ExperimentEnded(30, "stopped"), "stopped"),
        (events.ExperimentLeft(30, INTERRUPTED), "interrupted"),
    ],
)
async def test_the_runs_of_an_experiment_that_nobody_trains_do_not_train(
    end: events.Event, status: str
) -> None:
    async with running(FakeTraining(runs=TWO_RUNS), watching=True) as lab:
        assert lab.text().count("▸1") == lab.text().count("▸2") == 1
        lab.send(Emit(end))
        await lab.until(lambda: "‖1" in lab.text() and "‖2" in lab.text())
        assert f"Run 1 ({status})" in lab.text()
        lab.send(Emit(events.ExperimentResumed(30, "box", 1)))
        await lab.until(lambda: "▸1" in lab.text() and "▸2" in lab.text())


async def test_every_action_that_only_looks_works() -> None:
    async with running(FakeTraining(runs=TWO_RUNS), watching=True) as lab:
        looking = [action.method for action in ACTIONS if action.needs not in OF_A_TRAINING]
        assert all(lab.screen.check_action(method, ()) for method in looking)
        await lab.press("down", "y", "x", "f")
        assert lab.screen.selected_number == 2
        chart = lab.screen.query_one(LossChart)
        assert (chart.log_y, chart.log_x, lab.screen.painter.is_frozen) == (True, True, True)
        await lab.press("question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
        await lab.press("escape", "e")
        await lab.until(lambda: isinstance(lab.app.screen, ExportScreen))
        assert lab.training.requests == []


async def test_the_knobs_are_shown_and_cannot_be_turned() -> None:
    async with running(FakeTraining(runs=TWO_RUNS), watching=True) as lab:
        assert lab.screen.query_one(Knobs).disabled
        await lab.press("down")
        await lab.until(lambda: lab.screen.query_one("#l2").value == "0")  # type: ignore[attr-defined]
        for selector in ("#head", "#l2-on", "#l2", "#learning-rate"):
            await lab.pilot.click(selector)
            await lab.press("enter")
        await lab.press("tab", "tab", "tab")
        assert lab.training.requests == []


STATES = [
    (None, "watching: training"),
    (Emit(events.Paused(30)), "watching: paused"),
    (Finish(), "watching: finished"),
    (Emit(events.ExperimentLeft(30, "interrupted")), "watching: interrupted"),
    (Emit(events.ExperimentEnded(30, "stopped")), "watching: stopped"),
    (Emit(events.ExperimentEnded(30, "finished")), "watching: finished"),
]


async def test_the_first_line_says_that_somebody_else_trains() -> None:
    async with running(watching=True, size=(80, 24)) as lab:
        for happening, words in STATES:
            if happening is not None:
                lab.send(happening)
            await lab.until(partial(lambda words: first_line(lab).endswith(words), words))
            assert ALL_ENDED not in lab.notes()


def first_line(lab: Lab) -> str:
    return lab.text().splitlines()[0].rstrip()


async def test_leaving_is_no_failure() -> None:
    async with running(watching=True) as lab:
        await lab.press("q")
        await lab.until(lambda: lab.app.return_code is not None)
    assert lab.training.requests == [Stop()]
    assert lab.app.outcome == Outcome(0, None)


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    """An experiment that a training writes to."""
    with Experiment.create(tmp_path / "runs", "sigmoid", CONFIG, lambda file: None) as experiment:
        experiment.append_event(events.RunStarted(0, 1, RunSettings(), SETTINGS.epochs))
        for epoch in range(0, 40, 10):
            experiment.append_rows([row(1, epoch)])
        yield experiment


async def test_a_training_of_another_process_is_shown_as_it_goes(experiment: Experiment) -> None:
    app = LogRegApp(partial(follow_experiment, experiment.directory), watching=True, fps=20)
    async with app.run_test(size=(120, 40)) as pilot:
        lab = Lab(pilot, app, FakeTraining())
        await lab.until(lambda: app.history.rows == 4)
        epochs = iter(range(40, 10_000, 10))

        def is_fast() -> bool:
            experiment.append_rows([row(1, next(epochs))])
            return "epochs/s" in lab.text() and " left" in lab.text()

        await wait_until(pilot, is_fast)
        assert "watching: training" in lab.text()
        assert "mnist" in lab.text()
        experiment.append_event(events.SettingChanged(30, 1, 30, "l2", 0.001, 0.5))
        await lab.until(lambda: lab.screen.query_one("#l2").value == "0.5")  # type: ignore[attr-defined]
        await lab.press("q")
    assert app.runner.stop(DEADLINE_S)
    assert app.history.state == "training"
    assert app.return_code == 0


async def test_a_directory_that_goes_away_is_named_and_the_curves_stay(experiment: Experiment) -> None:
    app = LogRegApp(partial(follow_experiment, experiment.directory), watching=True)
    async with app.run_test(size=(120, 40)) as pilot:
        lab = Lab(pilot, app, FakeTraining())
        await lab.until(lambda: app.history.rows == 4)
        experiment.directory.rename(experiment.directory.with_name("elsewhere"))
        await lab.until(lambda: "cannot follow" in lab.text())
        assert "watching: failed" in lab.text()
        assert "Loss Comparison" in lab.text()
    assert app.runner.stop(DEADLINE_S)
    assert app.outcome.status == 1
