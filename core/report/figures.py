"""The sections of the report that have figures: the loss comparison and the weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from logreg_tui.core.analysis.diagnostics import DIVERGED
from logreg_tui.core.heads import loss_floor
from logreg_tui.core.report.runs import ReportedRun
from logreg_tui.core.report.study import RunComparison
from logreg_tui.core.report.text import capital, listed, literal_text, loss_text, rounded
from logreg_tui.core.settings import SIGMOID

MOST_TOLD = 4
"""Runs whose curve is told in words."""


def picture(words: str, name: str) -> str:
    """Return a reference to a figure beside the report."""
    return f"![{words}]({quote(os.fsencode(name))})"


def loss_section(studies: Sequence[RunComparison], figures: Sequence[str | None]) -> Iterator[str]:
    """Yield each study's figure, None where it has none, with what is seen in it."""
    yield "## Loss comparison"
    for study, figure in zip(studies, figures, strict=True):
        if figure is None:
            yield "Nothing has been logged yet."
            continue
        yield picture("Loss comparison: train and test loss of each run over the epochs", figure)
        yield from _seen(study)


def _seen(study: RunComparison) -> Iterator[str]:
    told = [run for run in study.runs if run.has_figures]
    if len(told) > MOST_TOLD:
        told = [insight.told for insight in study.insights]
    yield "\n".join(f"- {_curve(run)}" for run in told)
    if study.of_head(SIGMOID):
        others = study.setup.classes - 1
        yield (
            f"No sigmoid run can get below its floor, ln(1 + {others}/e) = "
            f"{loss_floor(study.setup.classes):.4f}. The losses of the two heads are not of the same "
            "function."
        )
    if len(study.runs) > MOST_TOLD:
        yield _lowest(study)


def _curve(run: ReportedRun) -> str:
    import numpy as np

    epochs, train = run.history.columns.read("epoch", "train_loss")
    sound = np.isfinite(train)
    epochs, train = epochs[sound], train[sound]
    highest, lowest = int(train.argmax()), int(train.argmin())
    way = [f"{loss_text(train[0])} at epoch {epochs[0]:,.0f}"]
    # In the order in which they came; what is first or last anyway is said once.
    for at, word in sorted([(highest, "its highest"), (lowest, "its lowest")]):
        if 0 < at < len(train) - 1:
            way.append(f"{word}, {loss_text(train[at])} at epoch {epochs[at]:,.0f}")
    if len(train) > 1:
        way.append(f"{loss_text(train[-1])} at epoch {epochs[-1]:,.0f}")
    end = ", and then no number any more" if run.compared.state == DIVERGED else ""
    name = f"{capital(run.name)} ({run.compared.head})"
    return f"{name}: the train loss is {', then '.join(way)}{end}. {_gap(run)}"


def _gap(run: ReportedRun) -> str:
    test, gap = run.compared.test_loss, run.compared.gap
    assert test is not None
    assert gap is not None
    side = "above" if gap > 0 else "below"
    return f"The test loss ends at {loss_text(test)}, {loss_text(abs(gap))} {side} the train loss."


def _lowest(study: RunComparison) -> str:
    parts = []
    for head in study.heads:
        best = min(study.of_head(head), key=lambda run: run.compared.test_loss or 0.0)
        parts.append(f"{loss_text(best.compared.test_loss or 0.0)} among the {head} runs ({best.name})")
    return f"The lowest test loss at the end is {listed(parts)}."


def weights_section(
    studies: Sequence[RunComparison], figures: Sequence[Sequence[tuple[ReportedRun, str]]]
) -> Iterator[str]:
    """Yield the pictures of the weights of each study's runs that have one."""
    yield "## Weights"
    for study, shown in zip(studies, figures, strict=True):
        yield from _weights(study, shown)


def _weights(study: RunComparison, shown: Sequence[tuple[ReportedRun, str]]) -> Iterator[str]:
    if study.setup.image_shape is None:
        name = literal_text(study.setup.dataset)
        yield f"The inputs of {name} are no images, so their weights are no pictures either."
        return
    if shown:
        yield (
            "One picture for each class: where a bright pixel speaks for the class, with a positive "
            "weight, and where against it, with a negative one."
        )
    if len(study.runs) > len(study.pictured):
        yield f"Of {len(study.runs)} runs the one with the highest test accuracy of each head is shown."
    for run, figure in shown:
        yield picture(f"Weights of {run.name}, {run.compared.head}, one picture for each class", figure)
        yield _extent(run)
    without = [run.name for run in study.pictured if run not in [told for told, _ in shown]]
    if without:
        yield f"The weights of {listed(without)} cannot be read."


def _extent(run: ReportedRun) -> str:
    import numpy as np

    parameters = run.parameters
    assert parameters is not None
    weight = parameters.weight.astype(np.float64)
    return (
        f"{capital(run.name)}, {parameters.head}, epoch {parameters.epoch:,}: the weights reach from "
        f"{rounded(float(weight.min()))} to {rounded(float(weight.max()))}; the root of their mean square is "
        f"{rounded(float(np.sqrt(np.square(weight).mean())))}."
    )
