"""Classify pictures of your own, or the rows of a table, by the newest saved parameters.

Pictures may be drawn, scanned or photographed, of any size, dark on light or light on dark. Each is brought
to the form of the samples that the models were trained on. Shows what the models were given, and the
probability of each class as a bar. A table (.csv, .tsv, .parquet) is written again with a prediction and
probabilities behind each row; it is encoded as the table was that the models were trained on. The rows of an
svmlight file become a table of labels, predictions and probabilities.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.file_options import is_table
from logreg_tui.tui.cli.options import POSITIVE
from logreg_tui.tui.cli.parser import Parser, add_directory, directory_of, path_text, to_path
from logreg_tui.tui.text.output import print_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from logreg_tui.core.predict.predictor import Predictor

EXAMPLE = "predict runs/20261122T184530-sigmoid seven.png"
WRITTEN = (".csv", ".tsv", ".parquet")
NEEDED = "▀█▏"
"""Characters of pictures and bars without --ascii."""


def add_options(parser: Parser) -> None:
    add_directory(parser)
    parser.add_argument(
        "images",
        nargs="+",
        type=path_text,
        metavar="IMAGE",
        help="picture of one digit, PNG or JPEG; or a table, .csv, .tsv or .parquet; or an svmlight file",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=to_path,
        metavar="FILE",
        help="of rows: the file to write, .csv, .tsv or .parquet, which is replaced (default: stdout)",
    )
    parser.add_argument("--run", type=POSITIVE, metavar="N", help="ask this run alone (default: all)")
    parser.add_argument("--ascii", action="store_true", help="no block characters")


def run(values: argparse.Namespace) -> int:
    """Classify pictures; the status is 1 if one of them cannot be used."""
    images = values.images
    if values.directory is not None and os.path.isfile(values.directory):
        # The directory is left out, and the first picture stands in its place.
        images, values.directory = [str(values.directory), *images], None
    elif values.directory is None and os.path.isdir(images[0]):
        raise UsageError("name an IMAGE behind the directory")
    from logreg_tui.core.data.sparse.lines import is_svmlight

    if any(is_table(each) or is_svmlight(each) for each in images):
        if len(images) > 1:
            raise UsageError("predict takes one table, and no pictures beside it")
        return _predict_rows(values, images[0])
    if values.output is not None:
        raise UsageError("-o is for the rows of a file: pictures are shown in the terminal")
    from logreg_tui.core.predict.predictor import open_predictor

    predictor = open_predictor(directory_of(values), values.run)
    samples = dict(_samples(predictor, images))
    if samples:
        _print(predictor, samples, values.ascii)
    return 0 if len(samples) == len(set(images)) else 1


def _predict_rows(values: argparse.Namespace, path: str) -> int:
    """Write a table with predictions."""
    from logreg_tui.core.data.table.table_file import write_frame
    from logreg_tui.core.files import STDOUT, reason, replace_file
    from logreg_tui.core.predict.table_predictor import predict_rows
    from logreg_tui.core.text import counted
    from logreg_tui.tui.text.output import destination, print_progress

    target = STDOUT if values.output is None else values.output
    if target != STDOUT and not target.name.lower().endswith(WRITTEN):
        raise UsageError(f"{str(target)!r}: no format of tables has this ending: use {', '.join(WRITTEN)}")
    predicted = predict_rows(directory_of(values), path, values.run)
    if predicted.note is not None:
        print_error(predicted.note)
    ending = path.lower().removesuffix(".gz") if target == STDOUT else target.name.lower()
    # Nobody reads Parquet from a terminal or a pipe.
    ending = ".csv" if target == STDOUT and ending.endswith(".parquet") else ending
    place = destination(target)
    try:
        replace_file(target, lambda file: write_frame(predicted.frame, file, ending))
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {reason(error)}; choose another place") from error
    for run, right in predicted.right.items():
        share = f"{right / predicted.labelled:.4f}" if predicted.labelled else "-"
        print_progress(f"run {run}: accuracy {share}, {right:,} of {counted(predicted.labelled, 'label')}")
    print_progress(f"{counted(len(predicted.frame), 'row')} in {place}")
    return 0


def _samples(predictor: Predictor, images: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    for image in dict.fromkeys(images):
        try:
            yield image, predictor.sample(to_path(image), print_error)
        except UserError as error:
            print_error(error)


def _print(predictor: Predictor, samples: dict[str, np.ndarray], is_ascii: bool) -> None:
    from shutil import get_terminal_size

    from logreg_tui.core.heads import SIGMOID
    from logreg_tui.core.text import escape_control_chars
    from logreg_tui.tui.text.output import can_show, print_answer, stdout_encoding, terminal_colors
    from logreg_tui.tui.text.prediction_text import prediction_lines, sigmoid_note

    console = terminal_colors()
    is_ascii = is_ascii or not can_show(NEEDED)
    width = get_terminal_size().columns
    encoding = "ascii" if is_ascii else stdout_encoding()
    predicted = predictor.predict(list(samples.values()))
    for at, (name, sample) in enumerate(samples.items()):
        probabilities = {run: shares[at] for run, shares in predicted.items()}
        shares = predictor.preprocessing.shares(sample)
        strips = prediction_lines(
            shares,
            predictor.runs,
            probabilities,
            width,
            has_color=console is not None,
            ascii_only=is_ascii,
            class_names=predictor.class_names,
        )
        lines = [strip.render(console) if console else strip.text.rstrip() for strip in strips]
        for line in (escape_control_chars(name), *lines, ""):
            print_answer(line.encode(encoding, "backslashreplace").decode(encoding))
    if any(run.head == SIGMOID for run in predictor.runs.values()):
        print_answer(sigmoid_note(predictor.classes, width))
