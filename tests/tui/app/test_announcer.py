"""What the terminal is told: titles, and news once each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.app import running
from helpers.fake_training import Emit, FakeTraining, Finish
from helpers.records import history_of, row

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.app.announcer import Announcer
from logreg_tui.tui.app.app import LogRegApp

TWO_RUNS = (RunSettings(), RunSettings("logits"))
ROWS = (row(1, 2500, test_accuracy=0.9), row(2, 2500, test_accuracy=0.9171), events.Progressed(2500, 1.0))
FINISHED = (events.RunEnded(2500, 1, 2500, "finished"), events.RunEnded(2500, 2, 2500, "finished"))


@pytest.mark.parametrize(
    ("happened", "title"),
    [
        ((), "25% 0.917 mnist - logreg-tui"),
        ((events.Paused(2500),), "paused 25% 0.917 mnist - logreg-tui"),
        ((events.Paused(2500), events.Resumed(2500)), "25% 0.917 mnist - logreg-tui"),
        ((events.WriteRefused(2500, "full"),), "blocked 25% 0.917 mnist - logreg-tui"),
        ((*FINISHED, events.AllRunsEnded(2500)), "done 0.917 mnist - logreg-tui"),
        ((events.ExperimentEnded(2500, "finished"),), "done 0.917 mnist - logreg-tui"),
        ((events.ExperimentLeft(2500, "SIGTERM"),), "stopped 25% 0.917 mnist - logreg-tui"),
    ],
)
def test_the_title_says_how_far_and_how_good_the_training_is(
    happened: tuple[events.Event, ...], title: str
) -> None:
    assert Announcer(history_of(*ROWS, *happened, runs=TWO_RUNS)).title() == title


def test_a_title_holds_nothing_that_a_terminal_would_obey() -> None:
    assert Announcer(History()).title() == "logreg-tui"
    evil = history_of(dataset="m\x07\x1b]2;\u2588")
    assert Announcer(evil).title() == "0% m\\x07\\x1b]2;? - logreg-tui"


def test_each_piece_of_news_comes_once_and_again_after_it_was_over() -> None:
    history = history_of(*ROWS, runs=TWO_RUNS)
    announcer = Announcer(history)
    assert announcer.news() == []
    history.apply(events.RunDiverged(2500, 2, 2500, "train_loss is nan"))
    assert announcer.news() == ["run 2 diverged at epoch 2,500"]
    history.apply(events.RunEnded(2600, 1, 2600, "finished"))
    history.apply(events.AllRunsEnded(2600))
    assert announcer.news() == ["all runs are done, 0.917 of the test samples right"]
    assert announcer.news() == []
    history.apply(events.RunStarted(2600, 3, RunSettings(), 100))
    assert announcer.news() == []
    history.apply(events.WriteRefused(2600, "full"))
    assert announcer.news() == ["writing was refused, training waits"]
    history.apply(events.Resumed(2600))
    history.apply(events.AllRunsEnded(2600))
    assert announcer.news() == ["all runs are done, 0.917 of the test samples right"]
    assert announcer.news("disk on fire") == ["training failed"]


def test_what_a_watcher_finds_is_no_news_but_what_comes_then() -> None:
    history = History()
    announcer = Announcer(history, joins_late=True)
    assert announcer.news() == []
    found = history_of(*ROWS, events.RunDiverged(2500, 1, 2500, "train_loss is nan"), runs=TWO_RUNS)
    history.__dict__.update(found.__dict__)
    assert announcer.news() == []
    history.apply(events.RunDiverged(2600, 2, 2600, "train_loss is nan"))
    assert announcer.news() == ["run 2 diverged at epoch 2,600"]


def test_what_had_happened_before_a_resume_is_no_news() -> None:
    history = history_of(*ROWS, runs=TWO_RUNS, step=2500)
    announcer = Announcer(history)
    history.apply(events.RunDiverged(2500, 1, 2500, "train_loss is nan"))
    assert announcer.news() == []
    announcer.note_resume()
    history.apply(events.RunDiverged(2600, 2, 2600, "train_loss is nan"))
    assert announcer.news() == ["run 2 diverged at epoch 2,600"]


async def test_the_app_rings_for_what_comes_after_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(LogRegApp, "tell_terminal", lambda self, data: told.append(data))
    async with running(FakeTraining(runs=TWO_RUNS), notify="always") as lab:
        assert lab.history.experiment is not None
        lab.history.experiment = replace(lab.history.experiment, step=20)
        lab.send(Emit(events.RunDiverged(20, 2, 20, "train_loss is nan")))
        lab.send(Emit(events.ExperimentResumed(20, "box", 1)))
        await lab.until(lambda: lab.app._announcer._has_resumed)
        lab.send(Finish())
        await lab.until(lambda: any("]9;" in data for data in told))
    rings = [data for data in told if data.startswith("\x07")]
    assert [data.split()[1:4] for data in rings] == [["all", "runs", "are"]]
    assert all(data.count("\x07") == 1 for data in told if data not in rings)
