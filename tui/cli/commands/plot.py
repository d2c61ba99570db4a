"""Draw the losses of all runs of the experiments over their epochs, train solid and test dashed.

With them stands the loss below which no sigmoid head gets. With -o into a figure for print, by matplotlib
(pip install matplotlib), without it into the terminal, as wide as that is. A loss axis is logarithmic if a
linear one would press a run's curve flat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.config_file import is_given
from logreg_tui.tui.cli.parser import Parser, add_directories, directories_of, to_path

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "plot runs/20261122T184530-sigmoid -o loss.png"
HEIGHT_SHARE = 0.3
"""Lines of the chart per column of the terminal."""
NEEDED = "⠿✕━┅┈┤λ→"
"""Characters of the chart without --ascii."""


def add_options(parser: Parser) -> None:
    add_directories(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=to_path,
        metavar="FILE",
        help="draw into a file, which ends in .png, .svg or .pdf and is replaced, instead of the terminal; "
        "- is a PNG on stdout",
    )
    parser.add_argument(
        "--metric", choices=("loss", "accuracy"), default="loss", help="what is drawn (default: loss)"
    )
    parser.add_argument("--ascii", action="store_true", help="in the terminal: no braille or box characters")


def run(values: argparse.Namespace) -> int:
    if values.output is None:
        _print(directories_of(values), values.metric, values.ascii)
    elif is_given(values, "ascii"):
        raise UsageError("--ascii concerns the terminal: leave it out, or leave out -o")
    else:
        _draw(values)
    return 0


def _draw(values: argparse.Namespace) -> None:
    from logreg_tui.core.analysis.curves import read_curves
    from logreg_tui.core.experiment.directory import check_outside
    from logreg_tui.core.export.plots import draw_curves, image_format
    from logreg_tui.core.files import STDOUT_NAMES
    from logreg_tui.core.text import counted
    from logreg_tui.tui.text.output import destination, print_left_out, print_progress

    target = values.output
    image_format(target)
    check_outside(target)
    if target in STDOUT_NAMES and sys.stdout.isatty():
        raise UsageError("-o -: a PNG is not for a terminal: leave -o out, or send stdout elsewhere")
    curves = read_curves(directories_of(values), values.metric, print_left_out)
    place = destination(target)
    draw_curves(curves, target, values.metric)
    print_progress(f"{counted(len(curves), 'run')} in {place}")


def _print(directories: Sequence[Path], metric: str, is_ascii: bool) -> None:
    from shutil import get_terminal_size

    from logreg_tui.core.analysis.curves import read_named_runs
    from logreg_tui.tui.text.output import can_show, print_answer, print_left_out, terminal_colors
    from logreg_tui.tui.text.terminal_plot import draw

    width, lines = get_terminal_size()
    # The last line is the shell's.
    height = min(round(HEIGHT_SHARE * width), lines - 1) if sys.stdout.isatty() else HEIGHT_SHARE * width
    ascii_only = is_ascii or not can_show(NEEDED)
    runs = read_named_runs(directories, print_left_out)
    print_answer(draw(runs, metric, width, round(height), colors=terminal_colors(), ascii_only=ascii_only))
