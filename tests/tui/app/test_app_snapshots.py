"""Pictures of the whole screen at named sizes, for looks alone; `--snapshot-update` takes them anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from helpers.app import DEADLINE_S, text_of, wait_until
from helpers.fake_training import Emit, FakeTraining, Finish
from textual.pilot import Pilot
from textual.screen import Screen

from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.screens.main import MainScreen

RUNS = (RunSettings(), RunSettings("logits", 0.0, 1e-5, 0, Schedule("step", 1000, 0.1)))
MANY_RUNS = grid(HEADS, [0.0, 0.0001, 0.001, 0.01], [0.01], [0, 1, 2], Schedule())


@dataclass(frozen=True)
class ScreenPicture:
    """A state of the screen of which a picture is taken."""

    size: tuple[int, int] = (120, 40)
    state: str = "paused"
    theme: str = "textual-dark"
    no_color: bool = False
    ascii_only: bool = False
    runs: tuple[RunSettings, ...] = RUNS
    requests: tuple[object, ...] = ()
    keys: tuple[str, ...] = ()
    text: str = ""
    """Text that must have appeared."""


CASES = {
    "narrow": ScreenPicture((60, 20), "training"),
    "medium": ScreenPicture((80, 24), "training"),
    "wide": ScreenPicture((200, 50), "training"),
    "light": ScreenPicture(theme="textual-light", state="training"),
    "no-color": ScreenPicture(no_color=True),
    "ascii": ScreenPicture(ascii_only=True),
    "paused": ScreenPicture(),
    "finished": ScreenPicture(state="idle", requests=(Finish(),)),
    "diverged": ScreenPicture(
        state="training",
        requests=(Emit(events.RunDiverged(3200, 2, 3200, "train_loss is nan")),),
        text="diverged at epoch 3,200",
    ),
    "accuracy": ScreenPicture(keys=("a", "right_square_bracket", "left"), text="Accuracy"),
    "weights": ScreenPicture(keys=("2",), text="bias"),
    "mistakes": ScreenPicture(keys=("3",), text="recall"),
    "mistakes-medium": ScreenPicture((80, 24), keys=("3",), text="recall"),
    "compare": ScreenPicture(keys=("4", "p"), text="diff"),
    "why": ScreenPicture(keys=("5",), text="The floor"),
    "twenty-four-runs": ScreenPicture(runs=MANY_RUNS),
    "twenty-four-runs-medium": ScreenPicture((80, 24), runs=MANY_RUNS),
}


class FrozenClockApp(LogRegApp):
    """The app without figures that depend on time."""

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(self, fps=4, clock=lambda: 0.0)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_screen_looks_like_its_picture(
    snap_compare: Callable[..., bool], case: ScreenPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    log_points = 320 if len(case.runs) == len(RUNS) else 40
    training = FakeTraining(runs=case.runs, log_points=log_points, report_every=400, shows_data=True)
    app = FrozenClockApp(training, paused=case.state == "paused", ascii_only=case.ascii_only)

    async def settle(pilot: Pilot[None]) -> None:
        app.theme = case.theme
        await wait_until(pilot, lambda: app.history.rows == len(case.runs) * (log_points + 1))
        screen = app.screen
        assert isinstance(screen, MainScreen)
        for request in case.requests:
            app.control.send(request)  # type: ignore[arg-type]
        await wait_until(pilot, lambda: screen.state == case.state)
        await pilot.press(*case.keys)
        await wait_until(pilot, lambda: _repainted(screen) and case.text in text_of(app))
        await pilot.pause()
        screen.paint()
        await pilot.pause()

    assert snap_compare(app, terminal_size=case.size, run_before=settle)
    assert app.runner.stop(DEADLINE_S)


def _repainted(screen: MainScreen) -> bool:
    """Paint what came in from other threads; the frozen clock lets no tick do it."""
    screen.paint()
    return True
