"""metrics.csv as columns: exactly the rows that one after the other would give, whatever is in the file."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.experiments import trained

from logreg_tui.core.analysis.compared_runs import read_history
from logreg_tui.core.experiment import row_table
from logreg_tui.core.experiment.metrics import CSV_COLUMNS, CSV_HEADER, parse_row
from logreg_tui.core.experiment.row_table import HEAD, read_table
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import snapshots
from logreg_tui.core.training.history import COLUMNS, History

GOOD = "1,10,0.125,sigmoid,0.001,0.01,2.3025850929940455,1e-05,0.1,0.5,0.25"
ODD = [
    GOOD.replace("0.125", "nan"),
    GOOD.replace("0.125", "-inf"),
    GOOD.replace("2.3025850929940455", "5e-324"),
    GOOD.replace("2.3025850929940455", "1.7976931348623157e+308"),
    GOOD.replace("2.3025850929940455", "1e400"),
    GOOD.replace("2.3025850929940455", "0.1000000000000000055511151231257827"),
    GOOD.replace("sigmoid", "logits"),
]
OTHER_CELLS = [
    ("sigmoid", ["0", "relu", "", " sigmoid", "sigmoid\r", '"sigmoid"', 'sig""moid', "bigmoid"]),
    (
        "0.125",
        ["", "1.2.3", "1e", "x", "sigmoid", " 0.125", "1_0", "infinity", "nani", "--5", "\u0663", "0x1"],
    ),
    ("0.001", ["logits", "1,5"]),
    ("1,10", ["1e2,10", "1,1e2", "0,10", "-1,10", "+1,10", "1.0,10", "01,10", "1,99999999999999999999"]),
]
DAMAGED = [
    *("", ",", "1", "run,epoch", "\x00" * 40, GOOD[:-5], GOOD + ",", GOOD + ",1", GOOD + "\r"),
    *(GOOD.replace(",", ";"), f'"1"{GOOD[1:]}', f"\ufeff{GOOD}"),
    *(GOOD.replace(cell, other, 1) for cell, others in OTHER_CELLS for other in others),
]


def one_by_one(data: bytes) -> list[list[float]]:
    """Return the values of the rows that have all of them, read line by line."""
    rows = [row for row in map(parse_row, data.split(b"\n")) if row is not None]
    values = [[getattr(row, name) for name in CSV_COLUMNS] for row in rows]
    return [
        [HEADS.index(str(value)) if at == HEAD else value for at, value in enumerate(each)]
        for each in values
        if None not in each
    ]


@pytest.fixture(autouse=True)
def with_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let polars parse however few lines there are."""
    monkeypatch.setattr(row_table, "FEW", 0)


def assert_same(data: bytes) -> None:
    expected = one_by_one(data)
    found = read_table(data).values.T.tolist()
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(row, other, strict=True))


@pytest.mark.parametrize("line", [*ODD, *DAMAGED])
def test_a_line_among_others_is_read_as_it_is_alone(line: str) -> None:
    assert_same(f"{CSV_HEADER}{GOOD}\n{line}\n{GOOD}\n".encode())


@pytest.mark.parametrize("line", [*ODD, *DAMAGED])
def test_a_line_of_a_few_is_read_as_it_is_alone(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_table, "FEW", 1 << 20)
    monkeypatch.setattr(row_table, "_columns", None)
    assert_same(f"{CSV_HEADER}{GOOD}\n{line}\n{GOOD}\n".encode())


@pytest.mark.parametrize("tail", ["", "1,20,0.1", GOOD, GOOD[:-1], "\n\n", "\x00"])
def test_the_end_of_the_file_may_be_anything(tail: str) -> None:
    assert_same(f"{CSV_HEADER}{GOOD}\n{tail}".encode())
    assert_same(tail.encode())


@pytest.mark.parametrize("seed", range(5))
def test_blocks_with_damaged_lines_are_halved_until_those_stand_alone(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_table, "BLOCK", 3000)
    monkeypatch.setattr(row_table, "SMALL", 200)
    parsed: list[bytes] = []
    monkeypatch.setattr(row_table, "parse_row", lambda line: parsed.append(line) or parse_row(line))
    rng = random.Random(seed)
    lines = [
        f"{rng.randint(1, 30)},{10 * at},{rng.random()},{rng.choice(HEADS)}"
        + "".join(f",{rng.random() * 10 ** rng.randint(-300, 300)!r}" for _ in range(7))
        for at in range(500)
    ]
    for at in rng.sample(range(500), 8):
        lines[at] = rng.choice(DAMAGED)
    assert_same((CSV_HEADER + "\n".join(lines) + "\n").encode())
    assert len(parsed) < 100, "most lines are read in blocks"


def history_as(directory: Path, few: int, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(snapshots, "FEW_ROWS", few)
    return read_history(directory)


def facts(history: History) -> Sequence[object]:
    """Return all that a History has taken in."""
    runs = [
        (run.settings, run.epochs, run.joined_at, run.status, run.ended_at, run.marks, run.last)
        for run in history.runs.values()
    ]
    return runs, history.reports, history.shown_reports, history.rows, history.step, history.elapsed_s


def test_a_history_is_the_same_whether_rows_come_one_by_one_or_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = RunSettings(), RunSettings("logits", learning_rate=1e30)
    directory = trained(tmp_path, runs, epochs=60, report_every=20)
    one, all_at_once = (history_as(directory, few, monkeypatch) for few in (10**9, 0))
    assert repr(facts(one)) == repr(facts(all_at_once))
    assert any(run.status == "diverged" for run in one.runs.values())
    for number, run in one.runs.items():
        other = all_at_once.runs[number].columns
        for column, expected in zip(other.read(*COLUMNS), run.columns.read(*COLUMNS), strict=True):
            assert np.array_equal(column, expected, equal_nan=True)
