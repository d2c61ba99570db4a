"""Write the rows of experiments for other programs.

csv joins them into one table with a column `experiment` in front, jsonl writes one JSON object per row,
tensorboard a log folder with one folder per run for TensorBoard (needs its package: pip install tensorboard).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.parser import Parser, add_directories, directories_of, to_path
from logreg_tui.tui.text.output import destination, print_error, print_left_out, print_progress

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "export runs/20261122T184530-sigmoid -o rows.csv"
FORMATS = ("csv", "jsonl", "tensorboard")
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", "": "csv"}
"""Formats by the ending of the file; one without an ending, and stdout, take CSV."""


def add_options(parser: Parser) -> None:
    add_directories(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=to_path,
        metavar="FILE",
        help="the file to write, which is replaced; - is stdout; for tensorboard a folder",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="default: by the ending of FILE, .csv or .jsonl; csv without one"
    )


def run(values: argparse.Namespace) -> int:
    from shlex import quote

    from logreg_tui.core.export.rows import Exported, export_jsonl, join_csv
    from logreg_tui.core.files import is_stream
    from logreg_tui.core.text import counted, escape_control_chars

    target = values.output
    chosen = values.format or _format_of(target)
    directories = directories_of(values)
    end = ""
    place = destination(target)
    if chosen == "tensorboard":
        from logreg_tui.core.export.tensorboard import export_tensorboard

        if is_stream(target):
            raise UsageError(f"-o {target}: TensorBoard's format is a folder, not for a stream: name one")
        written = export_tensorboard(directories, target, print_left_out)
        end = f"\nLook at them with: tensorboard --logdir {quote(escape_control_chars(target.absolute()))}"
    elif chosen == "jsonl":
        written = export_jsonl(directories, target, print_left_out)
    else:
        written = Exported(join_csv(directories, target, print_left_out), left_out=0)
    if written.left_out:
        print_error(
            f"left out of metrics.csv, since it is no row of a run: {counted(written.left_out, 'line')}"
        )
    runs = f" of {counted(written.runs, 'run')}" if written.runs else ""
    print_progress(f"{counted(written.rows, 'row')}{runs} in {place}{end}")
    return 0


def _format_of(target: Path) -> str:
    """Return the format that the ending of a name stands for. Raises UsageError if none does."""
    chosen = ENDINGS.get(target.suffix.lower())
    if chosen is None:
        raise UsageError(
            f"{str(target)!r}: no format has this ending: use .csv or .jsonl, or say --format "
            f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        )
    return chosen
