"""Pictures of the whole screen at named sizes, for looks alone; `--snapshot-update` takes them anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driving import DEADLINE_S, wait_until
from fake_training import FakeTraining
from textual.pilot import Pilot
from textual.screen import Screen

from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.tui.app import LogRegApp
from logreg_tui.tui.screens.main import MainScreen

RUNS = (RunSettings(), RunSettings("logits", 0.0, 1e-5, 0, Schedule("step", 1000, 0.1)))
LOG_POINTS = 320


class FrozenClockApp(LogRegApp):
    """The app without figures that depend on time."""

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(fps=4, clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("size", "state", "theme"),
    [
        ((80, 24), "training", "textual-dark"),
        ((120, 40), "paused", "textual-dark"),
        ((120, 40), "training", "textual-light"),
        ((200, 50), "training", "textual-dark"),
    ],
)
def test_the_screen_looks_like_its_picture(
    snap_compare: Callable[..., bool], size: tuple[int, int], state: str, theme: str
) -> None:
    training = FakeTraining(runs=RUNS, log_points=LOG_POINTS, notice=None, report_every=400)
    app = FrozenClockApp(training, paused=state == "paused")

    async def settle(pilot: Pilot[None]) -> None:
        app.theme = theme
        await wait_until(pilot, lambda: app.history.rows == len(RUNS) * (LOG_POINTS + 1))
        screen = app.screen
        assert isinstance(screen, MainScreen)
        await wait_until(pilot, lambda: screen.state == state and len(screen.app.history.runs) == len(RUNS))
        await pilot.pause()
        screen.paint()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=settle)
    assert app.runner.stop(DEADLINE_S)
