"""Show an experiment live, whoever trains it, without touching it: curves, weights, mistakes and figures.

Ends with q; the training goes on.
"""

from __future__ import annotations

import argparse

from logreg_tui.core.settings import PROGRAM
from logreg_tui.tui.cli.options import AppOptions, add_screen_options
from logreg_tui.tui.cli.parser import Parser, add_directory, check_terminal, directory_of

EXAMPLE = "watch runs/20261122T184530-sigmoid"


def add_options(parser: Parser) -> None:
    add_directory(parser)
    add_screen_options(parser)


def run(values: argparse.Namespace) -> int:
    check_terminal(f"without one {PROGRAM} runs lists the experiments, {PROGRAM} plot DIR draws their curves")
    from logreg_tui.tui.cli.launch import watch

    return watch(directory_of(values), AppOptions.of(values))
