"""Write the rows of experiments for other programs.

csv joins them into one table with a column `experiment` in front, jsonl writes one JSON object per row,
tensorboard a log folder with one folder per run for TensorBoard (needs its package: pip install tensorboard).
"""

from __future__ import annotations

import argparse

from logreg_tui.tui.cli.parser import Parser, add_directories, to_path
from logreg_tui.tui.text.output import print_error, print_progress

EXAMPLE = "export runs/20261122T184530-sigmoid -o rows.csv"
FORMATS = ("csv", "jsonl", "tensorboard")


def add_options(parser: Parser) -> None:
    add_directories(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=to_path,
        metavar="FILE",
        help="the file to write, which is replaced; for tensorboard a folder",
    )
    parser.add_argument("--format", choices=FORMATS, help="default: jsonl for a FILE.jsonl, else csv")


def run(values: argparse.Namespace) -> int:
    from shlex import quote

    from logreg_tui.core.export.rows import Exported, export_jsonl, join_csv
    from logreg_tui.core.text import escape_control_chars

    directories, target = values.directories, values.output
    place = escape_control_chars(target.absolute())
    end = ""
    chosen = values.format or ("jsonl" if target.suffix == ".jsonl" else "csv")
    if chosen == "tensorboard":
        from logreg_tui.core.export.tensorboard import export_tensorboard

        written = export_tensorboard(directories, target)
        end = f"\nLook at them with: tensorboard --logdir {quote(place)}"
    elif chosen == "jsonl":
        written = export_jsonl(directories, target)
    else:
        written = Exported(join_csv(directories, target), left_out=0)
    if written.left_out:
        print_error(f"{written.left_out:,} lines of metrics.csv left out: they are no rows of a run")
    runs = f" of {written.runs} runs" if written.runs else ""
    print_progress(f"{written.rows:,} rows{runs} in {place}{end}")
    return 0
