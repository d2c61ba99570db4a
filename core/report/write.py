"""The written comparison: the findings of the original experiment, from real runs, as Markdown with figures.

The same experiments give the same bytes. Figures lie beside the report and are named after it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from logreg_tui.core.analysis.explain import explain
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.directory import check_outside
from logreg_tui.core.experiment.listing import Skip
from logreg_tui.core.files import is_stream, refusals_explained, replace_file, synced_draft
from logreg_tui.core.report import tables
from logreg_tui.core.report.command_lines import command_again, command_for_both_heads
from logreg_tui.core.report.figures import Figures, described, draw, extent, turning_points
from logreg_tui.core.report.format import FILTERS, unwrapped
from logreg_tui.core.report.heads import RunComparison, compare_heads, most_accurate
from logreg_tui.core.report.runs import read_experiments

ENDING = ".md"


def check_target(target: Path) -> None:
    """Raise UserError if a report cannot be written to `target`, UsageError if its name is none."""
    if is_stream(target):
        return
    if target.suffix.lower() != ENDING:
        raise UsageError(f"{str(target)!r} is no name of a report: let it end in {ENDING}")
    if os.path.isdir(target):
        raise UserError(f"{str(target)!r} is a folder: name a file in it")
    check_outside(target)
    # The worth of a permission on this file system shows only when something is written.
    with refusals_explained(target), synced_draft(Path(os.path.realpath(target)), lambda file: None) as draft:
        draft.unlink()


def write_report(directories: Sequence[Path], target: Path, skip: Skip | None = None) -> list[Path]:
    """Write the report on experiments to `target`, its figures beside it, and return the figures.

    Existing files are replaced, the report last. A stream has no place for figures. With `skip`, of several
    directories those are left out that cannot be read. Raises UserError.
    """
    check_target(target)
    comparisons = [compare_heads(runs) for runs in read_experiments(directories, skip)]
    sections = [(each, draw(each, number, target)) for number, each in enumerate(comparisons, 1)]
    text = render(sections)
    with refusals_explained(target):
        replace_file(target, lambda file: file.write(text.encode()))
    drawn = [figures for _, figures in sections if figures.are_drawn]
    losses = [figures.losses for figures in drawn if figures.losses]
    weights = [name for figures in drawn for _, name in figures.weights]
    return [target.with_name(name) for name in losses + weights]


def render(sections: Sequence[tuple[RunComparison, Figures]]) -> str:
    """Return the report on comparisons with their figures, as Markdown."""
    template = templates().get_template("report.md.j2")
    text = template.render(
        sections=sections,
        runs=[run for comparison, _ in sections for run in comparison.runs],
        tables=tables,
        command_again=command_again,
        command_for_both_heads=command_for_both_heads,
        described=described,
        explain=explain,
        extent=extent,
        most_accurate=most_accurate,
        turning_points=turning_points,
    )
    return unwrapped(text)


def templates() -> Environment:
    """Return the environment of the templates in this folder; an unknown name in one raises."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Markdown needs other escapes than HTML: the filters `literal`, `code` and `fenced` make them.
        autoescape=False,
    )
    environment.filters.update(FILTERS)
    return environment
