"""Print the runs of experiments side by side, and means with standard deviations over seeds.

With the difference of each test accuracy to that of one run stands its 95 % interval (Newcombe 1998: paired
if the parameters of both runs and the data are at hand). What still trains is compared as it is now.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.tui.cli.options import POSITIVE
from logreg_tui.tui.cli.parser import Parser, add_directories, directories_of
from logreg_tui.tui.text.output import print_answer, print_left_out, table_width

if TYPE_CHECKING:
    from pathlib import Path

    from logreg_tui.core.analysis.compared_runs import ComparedRun, RunKey
    from logreg_tui.core.analysis.comparison import Comparison, ContingencyTable

EXAMPLE = "compare runs/20261122T184530-sigmoid --sort test_accuracy"
FORMATS = ("plain", "markdown", "csv", "json")
SORTABLE = (
    "run", "head", "l2", "learning_rate", "optimizer", "schedule", "seed", "epochs", "test_accuracy",
    "difference_pp", "interval_low_pp", "best_test_accuracy", "best_epoch", "train_accuracy", "test_loss",
    "train_loss", "gap", "l2_penalty", "seconds", "epochs_per_s", "state", "dataset", "pixels",
)  # fmt: skip
"""COLUMNS of analysis/comparison_columns, which `--help` need not load."""
PAIRING = "Finding out which test samples each run gets right (--no-paired does without)"


def add_options(parser: Parser) -> None:
    add_directories(parser)
    parser.add_argument("--format", choices=FORMATS, default="plain", help="default: plain")
    parser.add_argument(
        "--pin",
        type=POSITIVE,
        metavar="RUN",
        help="the run of the first DIR that all are compared with (default: its first)",
    )
    parser.add_argument(
        "--sort",
        choices=SORTABLE,
        metavar="COLUMN",
        help="best first by one of: %(choices)s (default: in the order of the directories)",
    )
    parser.add_argument(
        "--seeds", action="store_true", help="fold runs that differ in their seed alone into means"
    )
    parser.add_argument(
        "--no-paired",
        action="store_true",
        help="unpaired intervals, which are wider but need neither the data nor PyTorch",
    )


def run(values: argparse.Namespace) -> int:
    from logreg_tui.core.analysis.comparison import compare, rows_of
    from logreg_tui.core.analysis.comparison_columns import best_first

    experiments = _read(directories_of(values))
    runs = [run for found in experiments for run in found]
    pinned = _pinned(experiments[0], values.pin)
    # Means have no interval: their runs need no pairs.
    shown = [row.first for row in rows_of(runs, folds_seeds=values.seeds) if len(row.runs) == 1]
    needs_pairs = not values.no_paired and pinned in shown
    pairs: Mapping[RunKey, ContingencyTable] = _pairs(shown, pinned) if needs_pairs else {}
    order = best_first(values.sort) if values.sort else None
    each, means = (
        compare(runs, pinned.key, pairs, order=order, folds_seeds=folds) for folds in (False, True)
    )
    _print(_text(means, None, values.format) if values.seeds else _text(each, means, values.format))
    return 0


def _read(directories: Iterable[Path]) -> list[list[ComparedRun]]:
    """Return the runs of each directory that can be read, once if it is named twice. Raises UserError."""
    from logreg_tui.core.experiment.listing import each_readable
    from logreg_tui.core.files import different_folders

    return [runs for _, runs in each_readable(different_folders(directories), _runs_of, print_left_out)]


def _runs_of(directory: Path) -> list[ComparedRun]:
    from logreg_tui.core.analysis.compared_runs import read_runs

    runs = read_runs(directory)
    if all(run.epochs is None and run.state != "diverged" for run in runs):
        raise UserError(f"{str(directory)!r} has no figures yet: wait for the first row of its metrics.csv")
    return runs


def _pinned(runs: Sequence[ComparedRun], number: int | None) -> ComparedRun:
    for run in runs:
        if number in (None, run.run):
            return run
    numbers = ", ".join(str(run.run) for run in runs)
    raise UsageError(f"--pin {number}: the first directory has no such run, it has {numbers}")


def _pairs(runs: list[ComparedRun], pinned: ComparedRun) -> dict[RunKey, ContingencyTable]:
    from logreg_tui.core.analysis.paired_answers import pairs_of

    if not sys.stderr.isatty():
        return pairs_of(runs, pinned)
    print(PAIRING, end="", file=sys.stderr, flush=True)
    try:
        return pairs_of(runs, pinned)
    finally:
        print("\r" + " " * len(PAIRING) + "\r", end="", file=sys.stderr, flush=True)


def _text(comparison: Comparison, means: Comparison | None, form: str) -> str:
    from logreg_tui.core.export.comparison_text import as_csv, as_json, as_markdown, as_plain

    if form == "csv":
        return as_csv(comparison)
    if form == "json":
        return as_json(comparison)
    shown = means if means is not None and means.has_means else None
    if form == "markdown":
        return as_markdown(comparison, shown)
    return as_plain(comparison, shown, table_width())


def _print(text: str) -> None:
    """Print text, plus-minus signs in two characters if stdout has none."""
    from logreg_tui.core.analysis.comparison_columns import PLUS_MINUS
    from logreg_tui.tui.text.output import can_show

    print_answer(text if can_show(text) else text.replace(PLUS_MINUS, "+-"), end="")
