"""Options for a user's own file of samples: which column is the label, what is the test set, what fills gaps.

Imports neither numpy nor polars: the command line reads it before it answers `--help`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from logreg_tui.core.errors import UsageError
from logreg_tui.core.text import escape_control_chars

TABLE_ENDINGS = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz")
"""Endings of tables: rows are samples, columns features, one of them the label."""
SVMLIGHT_ENDINGS = (".svm", ".libsvm", ".svmlight")
"""Endings of files of LIBSVM and SVMlight, behind which one of PACKED may stand."""
PACKED = (".gz", ".bz2")
OF_SVMLIGHT = ("test", "test_share", "split_seed")
"""Options that such a file takes, too: its labels and features have fixed places."""
FILLS = ("mean", "zero")
DEFAULT_TEST_SHARE = 0.2
LARGEST_SEED = 2**32 - 1
"""The largest that NumPy's RandomState takes."""


def is_table(name: str) -> bool:
    """Return whether the name of a file is that of a table."""
    return name.lower().endswith(TABLE_ENDINGS)


def file_title(path: str) -> str:
    """Return the name of a file without the ending of its format, packed or not."""
    name = os.path.basename(path)
    stem, ending = os.path.splitext(name)
    if ending.lower() in PACKED:
        name, (stem, ending) = stem, os.path.splitext(stem)
    # Others are no format, such as the one of `mnist.scale`.
    return escape_control_chars(stem if ending.lower() in (*TABLE_ENDINGS, *SVMLIGHT_ENDINGS) else name)


def has_svmlight_ending(name: str) -> bool:
    """Return whether the name of a file ends as those of LIBSVM and SVMlight do."""
    stem, ending = os.path.splitext(name.lower())
    return (stem if ending in PACKED else name.lower()).endswith(SVMLIGHT_ENDINGS)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Options by which the samples of a file become features, labels and a test set."""

    label: str | None = None
    """The column that holds the labels."""
    test: str | None = None
    """A file with the test set; None takes a share of the samples."""
    test_share: float | None = None
    """Share of the samples that are the test set; None is DEFAULT_TEST_SHARE."""
    split_seed: int | None = None
    """Seed of the choice of these samples; None is 0."""
    one_hot: bool = False
    """True if each text of a column becomes a feature of its own."""
    fill: str | None = None
    """One of FILLS, for missing numbers; None refuses them."""
    drop: tuple[str, ...] = ()
    """Columns that are left out."""

    def __post_init__(self) -> None:
        for what, value in (("--label", self.label), ("--test", self.test)):
            if value is not None and (not isinstance(value, str) or "\0" in value):
                raise UsageError(f"{what} is {value!r}: give a text")
        if self.test is not None and (self.test_share is not None or self.split_seed is not None):
            option = "--split-seed" if self.test_share is None else "--test-share"
            raise UsageError(f"--test names the test set: leave {option} out, or --test")
        if self.test_share is not None and not 0 < self.test_share < 1:
            raise UsageError(f"test share is {self.test_share:g}: give a number between 0 and 1, such as 0.2")
        if self.split_seed is not None and not 0 <= self.split_seed <= LARGEST_SEED:
            raise UsageError(f"split seed is {self.split_seed}: give an integer from 0 to {LARGEST_SEED}")
        if self.fill is not None and self.fill not in FILLS:
            raise UsageError(f"fill {self.fill!r} is unknown: choose from {', '.join(FILLS)}")
        if self.label is not None and self.label in self.drop:
            raise UsageError(f"--drop {self.label!r} is the --label: leave it out of one of the two")

    @property
    def share(self) -> float:
        """The share of the samples that are the test set without a file of it."""
        return DEFAULT_TEST_SHARE if self.test_share is None else self.test_share

    @property
    def seed(self) -> int:
        """The seed of the split."""
        return self.split_seed or 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values of what is not the default; `from_json` turns them back."""
        none = asdict(FileOptions())
        values = {name: value for name, value in asdict(self).items() if value != none[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> FileOptions:
        """Read what `to_json` gave. Raises UsageError or a built-in error on bad values."""
        values = {**record, "drop": tuple(str(name) for name in record.get("drop", ()))}
        return cls(**values)

    def words(self) -> list[str]:
        """Return the words of a command line that ask for this."""
        words = []
        for name, value in self.to_json().items():
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                words += map(str, value if isinstance(value, list) else [value])
        return words


NO_OPTIONS = FileOptions()
"""Those of a dataset that is no file of samples alone."""
