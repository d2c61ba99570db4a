"""Looking at panels in tests: one panel in an app of its own, and histories with data and parameters."""

from __future__ import annotations

import numpy as np
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import ArraySource, Inputs
from logreg_tui.core.heads import LOGITS
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot
from logreg_tui.tui.widgets.panel import Panel


class PanelApp(App[None]):
    """Shows one panel."""

    CSS = "Screen { background: $background; }"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel

    def compose(self) -> ComposeResult:
        yield self.panel

    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]

    def text(self) -> str:
        return "\n".join(self.lines())

    def backgrounds(self) -> set[str]:
        """Return the background colours of all that is on the screen."""
        strips = self.screen._compositor.render_strips()
        return {str(each.style.bgcolor.name) for strip in strips for each in strip if each.style}


async def settle(pilot: Pilot[None]) -> None:
    """Wait until all that was asked for is computed and shown."""
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
    await pilot.pause()


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
    history = History()
    features = 4 if data is None else data.test_inputs.shape[1]
    shape = data.image_shape if data is not None else shape
    history.apply(
        events.ExperimentStarted(0, "/nowhere", "made", 10, 10, features, 10, shape, "cpu", 10_000, 10, 1000)
    )
    history.apply(events.RunStarted(0, 1, RunSettings(), 10_000))
    if data is not None:
        history.apply(DatasetLoaded(0, data))
    if shown is not None:
        history.apply(shown)
    return history
