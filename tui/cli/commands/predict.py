"""The command `predict`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UserError
from logreg_tui.tui.cli.options import POSITIVE
from logreg_tui.tui.cli.parser import Command, Parser, add_directory, print_error, to_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from rich.console import Console

    from logreg_tui.core.predict.predictor import Predictor
    from logreg_tui.tui.text.prediction_text import Look

NEEDED = "▀█▏"
"""What pictures and bars are drawn with, without --ascii."""


def add_options(parser: Parser) -> None:
    """Add the options of the command."""
    add_directory(parser)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="picture of one digit, PNG or JPEG")
    parser.add_argument("--run", type=POSITIVE, metavar="N", help="ask this run alone (default: all)")
    parser.add_argument("--ascii", action="store_true", help="no block characters")


def run(values: argparse.Namespace) -> int:
    """Classify pictures; the status is 1 where one of them cannot be used."""
    from logreg_tui.core.predict.predictor import open_predictor

    predictor = open_predictor(to_path(values.directory), values.run)
    samples = dict(_samples(predictor, values.images))
    if samples:
        _print(predictor, samples, values.ascii)
    return 0 if len(samples) == len(set(values.images)) else 1


def _samples(predictor: Predictor, images: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    for image in dict.fromkeys(images):
        try:
            yield image, predictor.sample(to_path(image))
        except UserError as error:
            print_error(error)


def _print(predictor: Predictor, samples: dict[str, np.ndarray], is_ascii: bool) -> None:
    from logreg_tui.core.settings import SIGMOID
    from logreg_tui.tui.text.output import can_show, terminal_colors
    from logreg_tui.tui.text.prediction_text import sigmoid_note
    from logreg_tui.tui.text.training_log import print_out

    console, encoding = terminal_colors(), sys.stdout.encoding or "ascii"
    look = _look(console, is_ascii or not can_show(NEEDED, encoding))
    encoding = "ascii" if look.is_ascii else encoding
    predicted = predictor.predict(list(samples.values()))
    for at, (name, sample) in enumerate(samples.items()):
        probabilities = {run: shares[at] for run, shares in predicted.items()}
        for line in _lines(predictor, name, sample, probabilities, look, console):
            print_out(line.encode(encoding, "backslashreplace").decode(encoding))
    if any(run.head == SIGMOID for run in predictor.runs.values()):
        print_out(sigmoid_note(predictor.classes, look))


def _lines(
    predictor: Predictor,
    name: str,
    sample: np.ndarray,
    probabilities: dict[int, np.ndarray],
    look: Look,
    console: Console | None,
) -> Iterator[str]:
    from logreg_tui.core.text import escape_control_chars
    from logreg_tui.tui.text.prediction_text import prediction_lines

    yield escape_control_chars(name)
    for line in prediction_lines(predictor.preprocessing.shares(sample), predictor.runs, probabilities, look):
        yield line.text.rstrip() if console is None else line.render(console)
    yield ""


def _look(console: Console | None, is_ascii: bool) -> Look:
    from shutil import get_terminal_size

    from logreg_tui.tui.text.prediction_text import Look

    return Look(get_terminal_size().columns, console is not None, is_ascii)


COMMAND = Command(
    description="Classifies pictures of your own: drawn, scanned or photographed, of any size, dark on light "
    "or light on dark. Each is brought to the form of the samples that the models were trained on. Shows "
    "what the models were given, and the probability of each class as a bar. The newest saved parameters "
    "are asked.",
    example="predict runs/20261122T184530-sigmoid seven.png",
    add_options=add_options,
    run=run,
)
