"""The command `export`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from logreg_tui.tui.cli.parser import Command, Parser, add_directories, to_path
from logreg_tui.tui.text.output import print_error

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ("csv", "jsonl", "tensorboard")


def add_options(parser: Parser) -> None:
    """Add the options of the command."""
    add_directories(parser)
    parser.add_argument(
        "-o",
        "--output",
        dest="output",
        required=True,
        metavar="FILE",
        help="the file to write, which is replaced; for tensorboard a folder",
    )
    parser.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")


def run(values: argparse.Namespace) -> int:
    """Write rows for other programs, and say on stderr how many went where."""
    directories, target = [to_path(directory) for directory in values.directories], to_path(values.output)
    writers = {"csv": _csv, "jsonl": _jsonl, "tensorboard": _tensorboard}
    left_out, message = writers[values.format](directories, target)
    if left_out:
        print_error(f"{left_out:,} lines of metrics.csv left out: they are no rows of a run")
    print(message, file=sys.stderr)
    return 0


def _csv(directories: list[Path], target: Path) -> tuple[int, str]:
    from logreg_tui.core.export.rows import join_csv

    return 0, f"{join_csv(directories, target):,} rows in {_shown(target)}"


def _jsonl(directories: list[Path], target: Path) -> tuple[int, str]:
    from logreg_tui.core.export.rows import export_jsonl

    written = export_jsonl(directories, target)
    return written.left_out, f"{written.rows:,} rows in {_shown(target)}"


def _tensorboard(directories: list[Path], target: Path) -> tuple[int, str]:
    from shlex import quote

    from logreg_tui.core.export.tensorboard import export_tensorboard

    written = export_tensorboard(directories, target)
    place = _shown(target)
    return written.left_out, (
        f"{written.rows:,} rows of {written.runs} runs in {place}\n"
        f"Look at them with: tensorboard --logdir {quote(place)}"
    )


def _shown(target: Path) -> str:
    from logreg_tui.core.text import escape_control_chars

    return escape_control_chars(target.absolute())


COMMAND = Command(
    description="Writes the rows of experiments for other programs: csv joins them into one table with a "
    "column `experiment` in front, jsonl writes one JSON object per row, tensorboard a log folder with one "
    "folder per run for TensorBoard (needs its package: pip install tensorboard).",
    example="export runs/20261122T184530-sigmoid -o rows.csv",
    add_options=add_options,
    run=run,
)
