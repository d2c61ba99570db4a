"""Options for the data of a training, those of tables among them, and the settings they come to."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from logreg_tui.core import settings as s
from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import (
    DEFAULT_TEST_SHARE,
    FILLS,
    TABLE_ENDINGS,
    FileOptions,
    is_table,
)
from logreg_tui.tui.cli.parser import Parser, checked, path_text


def check_dataset(name: str) -> str:
    """Return the name of a dataset, or of data that are there, `~` replaced. Raises UsageError."""
    name = path_text(name)
    # Help does without.
    from logreg_tui.core.data.sparse.lines import is_svmlight

    is_file = name.lower().endswith(".npz") or is_table(name) or is_svmlight(name)
    is_there = os.path.isfile(name)
    if name in s.DATASETS or os.path.isdir(name) or (is_file and is_there):
        return name
    if is_there:
        raise UsageError(
            f"dataset {name!r} is neither an .npz nor a table ({', '.join(TABLE_ENDINGS)}), and does not "
            "begin with a sample of an svmlight file, `label index:value ...`"
        )
    if is_file or os.sep in name:
        kinds = f".npz file, table ({', '.join(TABLE_ENDINGS)}), svmlight file"
        raise UsageError(f"dataset {name!r}: there is no such {kinds} or folder")
    raise UsageError(
        f"dataset {name!r} is unknown: use {', '.join(s.DATASETS)}, or the path of a table "
        f"({', '.join(TABLE_ENDINGS)}), of an svmlight file, of an .npz or of a folder of IDX files or .npy "
        "shards"
    )


def add_data_options(parser: Parser, check: Callable[[str], str] = check_dataset) -> None:
    """Add the options for the data; `check` raises UsageError for data that are not there."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        type=checked(str, check),
        default="auto",
        metavar="NAME",
        help="auto, mnist, fashion-mnist, kmnist, qmnist, digits, emnist-balanced, emnist-letters, "
        "emnist-digits, emnist-byclass, emnist-bymerge, emnist-mnist, or the path of a table (.csv, .tsv, "
        ".parquet), of an svmlight file, of an .npz with X_train, y_train, X_test, y_test, of a folder of "
        "IDX files, or of one of .npy files X_train-0.npy ... (default: auto: "
        "MNIST where it can be had, else digits)",
    )
    data.add_argument(
        "--data-dir",
        type=path_text,
        metavar="DIR",
        default=os.environ.get("LOGREG_TUI_DATA_DIR") or None,
        help="folder in torchvision's layout; also LOGREG_TUI_DATA_DIR (default: the user's cache folder)",
    )
    data.add_argument(
        "--pixels",
        choices=s.PIXELS,
        help="what is done to the inputs (default: raw; of a table: standardized)",
    )
    _add_table_options(parser.add_argument_group("tables (.csv, .tsv, .parquet)"))


def _add_table_options(table: argparse._ArgumentGroup) -> None:
    """Add an option for each field of FileOptions."""
    table.add_argument("--label", metavar="COLUMN", help="the column with the labels, which a table needs")
    table.add_argument(
        "--test", type=path_text, metavar="FILE", help="a file with the test set; also of an svmlight file"
    )
    table.add_argument(
        "--test-share",
        type=checked(s.parse_number, lambda value: FileOptions(test_share=value).share),
        metavar="X",
        help="share of each class's rows that is the test set without --test; also of an svmlight file "
        f"(default: {DEFAULT_TEST_SHARE})",
    )
    table.add_argument(
        "--split-seed",
        type=checked(s.parse_integer, lambda value: FileOptions(split_seed=value).seed),
        metavar="N",
        help="seed of the choice of these rows (default: 0)",
    )
    table.add_argument(
        "--one-hot", action="store_true", help="make each text of a column of texts a feature of 0 or 1"
    )
    table.add_argument(
        "--fill",
        choices=FILLS,
        help="the number in place of a missing one: the training set's mean, or 0 (default: refuse)",
    )
    table.add_argument("--drop", nargs="+", metavar="COLUMN", help="columns to leave out")


def data_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings `pixels` and `file` that parsed options ask for.

    Raises UsageError if options of files of samples belong to none, or the file has not what they name.
    """
    dataset, from_file = values["dataset"], values.get("from_file", ())
    given = {field.name: values[field.name] for field in fields(FileOptions)}
    given = {name: value for name, value in given.items() if value is not None and value is not False}
    for name in [each for each in given if not s.takes_option(dataset, each)]:
        # Those of the user's file wait for data that take them.
        if name not in from_file:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for tables ({', '.join(TABLE_ENDINGS)}), not for {dataset!r}")
        del given[name]
    file = FileOptions(**{**given, "drop": tuple(given.get("drop", ()))})
    # Of processes that train together any may lack the data: they tell each other once they have met.
    if os.path.isfile(dataset) and is_table(dataset):
        from logreg_tui.core.data.table.table_file import check_columns

        check_columns(dataset, file)
    from logreg_tui.core.data.sparse.lines import check_svmlight, is_svmlight

    if os.path.isfile(dataset) and is_svmlight(dataset):
        check_svmlight(dataset, file)
    return {"pixels": values["pixels"] or ("standardized" if is_table(dataset) else "raw"), "file": file}
