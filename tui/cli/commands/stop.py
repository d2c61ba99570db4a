"""End the training of an experiment on this machine: it checkpoints and leaves, and can be resumed."""

from __future__ import annotations

import argparse

from logreg_tui.core.settings import PROGRAM
from logreg_tui.tui.cli.parser import add_directory, directory_of
from logreg_tui.tui.text.output import print_answer, print_progress

EXAMPLE = "stop runs/20261122T184530-sigmoid"
add_options = add_directory


def run(values: argparse.Namespace) -> int:
    from shlex import quote

    from logreg_tui.core.session.stop import stop_experiment
    from logreg_tui.core.text import escape_control_chars

    directory = directory_of(values, trained=True)
    owner = stop_experiment(directory, print_progress)
    if owner is None:
        print_answer(f"nothing trains {escape_control_chars(directory)}")
    else:
        resume = f"{PROGRAM} resume {quote(str(directory))}"
        print_answer(f"process {owner.pid} has checkpointed and left; go on with: {resume}")
    return 0
