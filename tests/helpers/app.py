"""Apps in tests: the whole one over a fake training, one panel alone; and what is on the screen.

Only here are names used that Textual calls private: it has no others for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.events import MouseEvent
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from helpers.fake_training import FakeTraining
from helpers.records import history_of
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import ArraySource, Inputs
from logreg_tui.core.heads import LOGITS
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.screens.main import MainScreen
from logreg_tui.tui.widgets.panel import Panel

DEADLINE_S = 20.0


async def wait_until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the app run until the condition holds; fail where it does not within the deadline."""
    end = monotonic() + DEADLINE_S
    while not condition():
        assert monotonic() < end, "the condition did not come true"
        await pilot.pause()
        await asyncio.sleep(0.005)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until all that was asked for is computed and shown."""
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
    await pilot.pause()


def strips_of(app: App[Any]) -> list[Strip]:
    """Return what is on the screen, a strip per line."""
    return app.screen._compositor.render_strips()


def lines_of(app: App[Any]) -> list[str]:
    """Return the text on the screen, line by line, without spaces at the ends."""
    return [strip.text.rstrip() for strip in strips_of(app)]


def text_of(app: App[Any]) -> str:
    """Return the text on the screen."""
    return "\n".join(strip.text for strip in strips_of(app))


def colors_of(app: App[Any], kind: str = "color") -> set[str]:
    """Return the names of the colours on the screen, or with `bgcolor` of those behind them."""
    styles = [segment.style for strip in strips_of(app) for segment in strip if segment.style]
    return {str(color.name) for style in styles if (color := getattr(style, kind)) is not None}


def painted_by(app: App[Any], change: Callable[[], object]) -> set[Region]:
    """Return the regions of the screen that a change lets be painted again."""
    compositor = app.screen._compositor
    compositor.update_widgets(set(compositor.visible_widgets))
    compositor._dirty_regions.clear()
    change()
    compositor.update_widgets(set(compositor.visible_widgets))
    return set(compositor._dirty_regions)


def note_frames(monkeypatch: pytest.MonkeyPatch, note: Callable[[], object]) -> None:
    """Call `note` whenever an app sends a frame to its terminal."""
    display = App._display

    def noted(app: App[Any], screen: Screen[Any], renderable: Any) -> None:  # noqa: ANN401
        note()
        display(app, screen, renderable)

    monkeypatch.setattr(App, "_display", noted)


def notes_of(app: App[Any]) -> list[str]:
    """Return the notifications that are shown."""
    return [notification.message for notification in app._notifications]


async def turn_wheel(
    pilot: Pilot[None], widget: Widget, kind: type[MouseEvent], offset: tuple[int, int] = (0, 0)
) -> None:
    """Turn the mouse wheel by a notch over a widget."""
    await pilot._post_mouse_events([kind], widget, offset, button=0)


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
        return notes_of(self.app)


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


class PanelApp(App[None]):
    """Shows one panel."""

    CSS = "Screen { background: $background; }"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel

    def compose(self) -> ComposeResult:
        yield self.panel

    def lines(self) -> list[str]:
        return lines_of(self)

    def text(self) -> str:
        return "\n".join(self.lines())

    def backgrounds(self) -> set[str]:
        """Return the background colours of all that is on the screen."""
        return colors_of(self, "bgcolor")


def parameters(
    weight: np.ndarray, bias: np.ndarray | None = None, *, head: str = LOGITS, run: int = 1, epoch: int = 3210
) -> ParametersSnapshot:
    """Return parameters as a training shows them."""
    bias = np.zeros(len(weight), np.float32) if bias is None else bias
    return ParametersSnapshot(0, run, epoch, head, weight.astype(np.float32), bias.astype(np.float32))


def dataset(test: np.ndarray, labels: np.ndarray, shape: tuple[int, int] | None, classes: int) -> Dataset:
    """Return test samples, shape (samples, features), as a dataset; they are trained on too."""
    inputs = Inputs(ArraySource(test))
    return Dataset("made", inputs, labels, inputs, labels, classes, shape, "fingerprint")


def looked_at(
    shown: ParametersSnapshot | None, data: Dataset | None, *, shape: tuple[int, int] | None = None
) -> History:
    """Return a history of one run with data and parameters as far as there are."""
    features = 4 if data is None else data.test_inputs.shape[1]
    shape = data.image_shape if data is not None else shape
    happened = [] if data is None else [DatasetLoaded(0, data)]
    return history_of(*happened, *filter(None, [shown]), features=features, image_shape=shape)
