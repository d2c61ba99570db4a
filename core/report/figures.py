"""The figures beside the report, and the facts that are to be seen in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from logreg_tui.core.analysis.curves import read_curves
from logreg_tui.core.export.plots import draw_curves, draw_weights
from logreg_tui.core.files import is_stream
from logreg_tui.core.report.heads import RunComparison
from logreg_tui.core.report.runs import ReportedRun

MOST_CURVES = 4
"""Of more runs, only the curves of those that stand for the heads are described."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The names of the figures on a comparison of runs."""

    losses: str | None
    """None if nothing has been logged yet."""
    weights: tuple[tuple[ReportedRun, str], ...]
    are_drawn: bool = True
    """False if there is no place for them."""


class TurningPoint(NamedTuple):
    """A point at which a loss curve begins, turns or ends."""

    word: str
    """`highest`, `lowest`, or empty for both ends."""
    loss: float
    epoch: int


def check_figures() -> None:
    """Raise UserError if no figure can be drawn."""
    with TemporaryDirectory() as folder:
        draw_weights(np.zeros((1, 1), np.float32), (1, 1), "", Path(folder) / "try.png")


def draw(comparison: RunComparison, number: int, target: Path) -> Figures:
    """Draw the figures of comparison `number`, from 1, beside the report `target`, none beside a stream.

    Raises UserError.
    """
    are_drawn = not is_stream(target)
    losses = _draw_losses(comparison, f"{target.stem}-loss{'' if number == 1 else f'-{number}'}.png", target)
    weights = []
    for run in comparison.pictured:
        shape, parameters = run.experiment.config.image_shape, run.parameters
        if shape is not None and parameters is not None:
            name = f"{target.stem}-weights-{run.label}.png"
            title = f"Weights of {run.name}, {parameters.head}, epoch {parameters.epoch:,}"
            if are_drawn:
                names = run.experiment.config.class_names
                draw_weights(parameters.weight, shape, title, target.with_name(name), names)
            weights.append((run, name))
    return Figures(losses, tuple(weights), are_drawn)


def _draw_losses(comparison: RunComparison, name: str, target: Path) -> str | None:
    runs = [run for run in comparison.runs if len(run.history.columns)]
    if not runs:
        return None
    if is_stream(target):
        return name
    curves = read_curves(list(dict.fromkeys(run.experiment.directory for run in runs)))
    named = [
        replace(curve, label=f"{run.name}, {curve.head}") for run, curve in zip(runs, curves, strict=False)
    ]
    draw_curves(named, target.with_name(name))
    return name


def described(comparison: RunComparison) -> list[ReportedRun]:
    """Return the runs whose curves are described in words."""
    if len(comparison.with_figures) <= MOST_CURVES:
        return comparison.with_figures
    return [analysis.run for analysis in comparison.analyses]


def turning_points(run: ReportedRun) -> list[TurningPoint]:
    """Return both ends of a run's train loss, its highest and its lowest point, in their order."""
    epochs, losses = run.history.columns.read("epoch", "train_loss")
    sound = np.isfinite(losses)
    epochs, losses = epochs[sound], losses[sound]
    last = len(losses) - 1
    # What is first or last anyway is said once.
    inner = {int(losses.argmax()): "highest", int(losses.argmin()): "lowest"}
    places = {0: "", **{at: inner[at] for at in sorted(inner) if 0 < at < last}, last: ""}
    return [TurningPoint(word, float(losses[at]), int(epochs[at])) for at, word in places.items()]


def extent(run: ReportedRun) -> tuple[float, float, float]:
    """Return the lowest and the highest weight of a run, and the root of the mean square of all."""
    assert run.parameters is not None
    weight = run.parameters.weight.astype(np.float64)
    return float(weight.min()), float(weight.max()), float(np.sqrt(np.square(weight).mean()))
