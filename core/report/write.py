"""The written comparison: what the original experiment reported, from real runs, as markdown with figures.

The same experiments give the same bytes. Figures lie beside the report and are named after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from logreg_tui.core.analysis.curves import read_curves
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.directory import check_outside
from logreg_tui.core.export.plots import draw_curves, draw_weights
from logreg_tui.core.files import reason, replace_file
from logreg_tui.core.report.change import change_section, repeat_section, right_section
from logreg_tui.core.report.figures import loss_section, weights_section
from logreg_tui.core.report.parts import answer, log_section, settings_section, title
from logreg_tui.core.report.runs import ReportedRun, read_experiments
from logreg_tui.core.report.study import RunComparison, study

ENDING = ".md"


def check_target(target: Path) -> None:
    """Raise UserError where a report cannot be written to `target`, UsageError where its name is none."""
    if target.suffix.lower() != ENDING:
        raise UsageError(f"{str(target)!r} is no name of a report: let it end in {ENDING}")
    if os.path.isdir(target):
        raise UserError(f"{str(target)!r} is a folder: name a file in it")
    check_outside(target)
    resolved = target.resolve()
    try:
        # What a permission is worth on this file system shows only when something is written.
        replace_file(resolved.with_name(f".{resolved.name}.try"), lambda file: file.write(b""))
        resolved.with_name(f".{resolved.name}.try").unlink()
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error


def check_figures() -> None:
    """Raise UserError where no figure can be drawn."""
    import numpy as np

    with TemporaryDirectory() as folder:
        draw_weights(np.zeros((1, 1), np.float32), (1, 1), "", Path(folder) / "try.png")


def write_report(directories: Sequence[Path], target: Path) -> list[Path]:
    """Write the report on experiments to `target`, its figures beside it, and return the figures.

    What exists is replaced, the report last. Raises UserError.
    """
    check_target(target)
    studies = [study(runs) for runs in read_experiments(directories)]
    losses = [_draw_losses(each, at, target) for at, each in enumerate(studies, 1)]
    weights = [list(_draw_weights(each, target)) for each in studies]
    text = "\n\n".join(_blocks(studies, losses, weights)) + "\n"
    try:
        replace_file(target, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error
    names = [name for name in losses if name] + [name for shown in weights for _, name in shown]
    return [target.with_name(name) for name in names]


def _blocks(
    studies: Sequence[RunComparison],
    losses: Sequence[str | None],
    weights: Sequence[Sequence[tuple[ReportedRun, str]]],
) -> Iterator[str]:
    yield title(studies)
    yield from map(answer, studies)
    yield from settings_section(studies)
    yield from log_section(studies)
    yield from loss_section(studies, losses)
    yield from weights_section(studies, weights)
    yield from change_section(studies)
    yield from right_section()
    yield from repeat_section(studies)


def _draw_losses(study: RunComparison, number: int, target: Path) -> str | None:
    """Draw the curves of a study's runs and return the figure's name; None where nothing has been logged."""
    told = [run for run in study.runs if len(run.history.columns)]
    directories = list(dict.fromkeys(run.setup.directory for run in told))
    if not told:
        return None
    name = f"{target.stem}-loss{'' if number == 1 else f'-{number}'}.png"
    curves = read_curves(directories)
    named = [
        replace(curve, label=f"{run.name}, {curve.head}") for run, curve in zip(told, curves, strict=False)
    ]
    draw_curves(named, target.with_name(name))
    return name


def _draw_weights(study: RunComparison, target: Path) -> Iterator[tuple[ReportedRun, str]]:
    """Draw the weights of a study's runs that are to be shown, and yield them with their figures' names."""
    for run in study.pictured:
        shape, parameters = run.setup.image_shape, run.parameters
        if shape is not None and parameters is not None:
            name = f"{target.stem}-weights-{run.label}.png"
            words = f"Weights of {run.name}, {parameters.head}, epoch {parameters.epoch:,}"
            draw_weights(parameters.weight, shape, words, target.with_name(name))
            yield run, name
