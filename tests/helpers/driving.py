"""Driving the app in tests: start it over a fake training, wait on conditions, end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from helpers.fake_training import FakeTraining
from logreg_tui.core.training.history import History
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.screens.main import MainScreen

DEADLINE_S = 20.0


async def wait_until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the app run until the condition holds; fail where it does not within the deadline."""
    end = monotonic() + DEADLINE_S
    while not condition():
        assert monotonic() < end, "the condition did not come true"
        await pilot.pause()
        await asyncio.sleep(0.005)


def text_of(app: LogRegApp) -> str:
    """Return what is on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@dataclass
class Lab:
    """The app over a fake training, with short names for what tests look at."""

    pilot: Pilot[None]
    app: LogRegApp
    training: FakeTraining

    @property
    def history(self) -> History:
        return self.app.history

    @property
    def screen(self) -> MainScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], object]) -> None:
        await wait_until(self.pilot, condition)

    async def request(self, expected: object) -> None:
        """Wait until the training got this request."""
        await self.until(lambda: expected in self.training.requests)

    def send(self, request: Any) -> None:  # noqa: ANN401  a script's step, not a request
        self.app.control.send(request)

    def text(self) -> str:
        """Return what is on the screen, line by line."""
        return text_of(self.app)

    def line(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    def notes(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]


@asynccontextmanager
async def running(
    training: FakeTraining | None = None,
    *,
    size: tuple[int, int] = (120, 40),
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Lab]:
    """Run the app until the first log points are shown; stop it and its thread afterwards."""
    training = training or FakeTraining()
    app = LogRegApp(training, **options)
    try:
        async with app.run_test(size=size) as pilot:
            lab = Lab(pilot, app, training)
            rows = len(training.runs) * (training.log_points + 1)
            await lab.until(lambda: app.history.rows >= rows and lab.screen.selected is not None)
            await pilot.pause()
            yield lab
    finally:
        assert app.runner.stop(DEADLINE_S)
