"""The banner: what it says, what comes first, what goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from helpers import records
from helpers.app import lines_of, strips_of
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from logreg_tui.core.analysis.diagnostics import Alarm
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.widgets.frame import banner
from logreg_tui.tui.widgets.frame.banner import FAILURES, Banner, slower


def history_of(runs: int, *, stalled: int = 0, diverged: int = 0) -> History:
    """Return runs of 3,000 epochs: the last ones diverged, those before stall, the first ones fall."""
    history = records.history_of(runs=[RunSettings()] * runs)
    for run in range(1, runs + 1):
        stalls = runs - diverged - stalled < run <= runs - diverged
        for epoch in range(0, 3010, 10):
            history.apply(records.row(run, epoch, train_loss=1.5 if stalls else 5 - epoch / 1000))
    for run in range(runs - diverged + 1, runs + 1):
        history.apply(events.RunDiverged(3010, run, 3010, "train_loss is nan"))
    return history


class BannerApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.banner = Banner()

    def compose(self) -> ComposeResult:
        yield self.banner


@asynccontextmanager
async def shown(history: History, width: int = 160) -> AsyncIterator[tuple[BannerApp, Pilot[None]]]:
    app = BannerApp()
    async with app.run_test(size=(width, 10)) as pilot:
        app.banner.show(history)
        await pilot.pause()
        yield app, pilot


def text(app: BannerApp) -> list[str]:
    return [line.strip() for line in lines_of(app) if line]


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (
            160,
            "run 2 diverged at epoch 3,010: train_loss is nan - press R to restart it with a tenth of the "
            "learning rate (0.001), escape hides this",
        ),
        (
            120,
            "run 2 diverged at epoch 3,010: train_loss is nan - press R to restart it with a tenth of the "
            "learning rate (0.001)",
        ),
        (64, "run 2 diverged at epoch 3,010 - R restarts it with lr 0.001"),
        (31, "run 2 diverged at epoch 3,010"),
        (20, "run 2 diverged"),
    ],
)
async def test_a_divergence_names_epoch_cause_and_key(width: int, said: str) -> None:
    async with shown(history_of(2, diverged=1), width) as (app, _):
        assert text(app) == [said]


async def test_a_stall_names_since_when_and_where_to_read_more_and_moves_no_panel() -> None:
    async with shown(history_of(2, stalled=1)) as (app, _):
        assert not app.banner.display
        assert app.banner.plateau_kind == "stalls"
        stalls = (
            "run 2 stalls since epoch 0: the loss fell by less than 0.01 % in 1,000 epochs - tab 5 says why"
        )
        assert app.banner.plateau(len(stalls)) == stalls
        assert app.banner.plateau(20) == "run 2 stalls"


async def test_an_explosion_stands_in_the_banner_and_a_converged_run_is_told_calmly() -> None:
    history = records.history_of(runs=[RunSettings("logits")] * 2)
    for epoch in range(0, 4010, 10):
        history.apply(records.row(1, epoch, train_loss=0.19 + 2 * 0.99**epoch))
        history.apply(records.row(2, epoch, train_loss=3e11 if epoch else 76.0))
    async with shown(history, 110) as (app, _):
        assert text(app) == [
            "run 2 exploded, since epoch 10: train loss 3e+11, 76.0000 at its start - "
            "R restarts it with lr 0.001"
        ]
        assert app.banner.plateau(110).startswith("run 1 has converged since epoch")
        assert app.banner.plateau_kind == "converged"
        assert app.banner.failed_run(None) == 2


@pytest.mark.parametrize("width", [58, 78])
@pytest.mark.parametrize("kind", ["diverged", "exploded", "stalls", "converged"])
async def test_in_a_narrow_terminal_nothing_is_cut_in_a_word(
    kind: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = [Alarm(22, kind, 1_234_560, 1000, "train_loss is 1.5e+38, 76.0000 at its start")] * 24
    monkeypatch.setattr(banner, "alarms", lambda history: alarms)
    history = records.history_of(runs=[RunSettings(learning_rate=1.25e-5)] * 24)
    async with shown(history, width + 2) as (app, _):
        is_failure = kind in FAILURES
        lines = text(app) if is_failure else [app.banner.plateau(width)]
        assert len(lines) == (2 if is_failure else 1)
        assert all("22" in line and kind in line and ".." not in line for line in lines)
        assert lines[-1].endswith(f"(and {24 - len(lines)} more)")


async def test_divergences_stand_first_and_there_are_never_more_than_two_lines() -> None:
    async with shown(history_of(6, stalled=2, diverged=3)) as (app, _):
        lines = text(app)
        assert len(lines) == 2
        assert lines[0].startswith("run 6 diverged")
        assert "press R" in lines[0]
        assert lines[1] == "run 5 diverged at epoch 3,010: train_loss is nan (and 1 more)"
        assert app.banner.plateau(160).endswith("(and 1 more)")
        assert [app.banner.failed_run(selected) for selected in (None, 1, 4)] == [6, 6, 4]


async def test_what_is_dismissed_stays_away_until_something_new_happens() -> None:
    history = history_of(3, stalled=1, diverged=1)
    async with shown(history) as (app, pilot):
        assert app.banner.dismiss()
        assert app.banner.plateau(160)
        assert app.banner.dismiss_plateaus()
        app.banner.show(history)
        await pilot.pause()
        assert text(app) == []
        assert not app.banner.plateau(160)
        assert not app.banner.dismiss()
        assert not app.banner.dismiss_plateaus()
        history.apply(events.RunDiverged(3010, 1, 3010, "train_loss is inf"))
        app.banner.show(history)
        await pilot.pause()
        assert [line[:14] for line in text(app)] == ["run 1 diverged"]


async def test_a_run_that_stalls_is_not_counted_as_one_more_that_has_converged() -> None:
    history = records.history_of(runs=[RunSettings("logits")] * 3)
    for epoch in range(0, 4010, 10):
        history.apply(records.row(1, epoch, train_loss=2.4))
        history.apply(records.row(2, epoch, train_loss=0.19 + 2 * 0.99**epoch))
        history.apply(records.row(3, epoch, train_loss=0.19 + 2 * 0.99**epoch))
    async with shown(history) as (app, _):
        assert app.banner.plateau(160).startswith("run 3 has converged since epoch")
        assert app.banner.plateau(160).endswith("(and 1 more)")
        assert app.banner.dismiss_plateaus()
        assert app.banner.plateau(60) == "run 1 stalls since epoch 0 - tab 5 says why"
        assert app.banner.plateau_kind == "stalls"
        assert app.banner.dismiss_plateaus()
        assert not app.banner.plateau(160)


async def test_one_run_alone_can_be_dismissed() -> None:
    async with shown(history_of(3, diverged=2)) as (app, _):
        assert app.banner.dismiss(3)
        assert app.banner.failed_run(None) == 2


async def test_whoever_only_watches_is_offered_no_key() -> None:
    history = history_of(1, diverged=1)
    async with shown(history) as (app, pilot):
        app.banner.show(history, can_restart=False)
        await pilot.pause()
        assert text(app) == ["run 1 diverged at epoch 3,010: train_loss is nan"]


async def test_a_training_without_trouble_shows_nothing() -> None:
    async with shown(history_of(2)) as (app, _):
        assert not app.banner.display
        assert text(app) == []


@pytest.mark.parametrize("number", [0, 1])
async def test_without_colour_it_is_reversed(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(history_of(2, diverged=2)) as (app, _):
        strip = strips_of(app)[number]
        segments = [segment for segment in strip if "run" in segment.text]
        assert all(segment.style is not None and segment.style.reverse for segment in segments)


def test_a_tenth_of_a_rate_reads_as_one() -> None:
    assert [slower(rate) for rate in (0.01, 0.3, 1e-5, 0.07)] == [0.001, 0.03, 1e-6, 0.007]
