"""metrics.csv as spreadsheets save it: every reader has the same rows, or says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiments import DIVERGED, ROWS, SIGMOID, TURNED, make_experiment

from logreg_tui.core.analysis.compared_runs import read_history
from logreg_tui.core.analysis.earlier_runs import _runs_of
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.listing import summarize
from logreg_tui.core.experiment.metrics import CSV_HEADER, as_written, check_header, newest_rows, parse_row
from logreg_tui.core.export.rows import export_jsonl, join_csv
from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.requests import Control

WRITTEN = (CSV_HEADER + "".join(f"{row}\n" for row in ROWS)).encode()


def windows(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")


def padded(data: bytes) -> bytes:
    return data.replace(b"\n", b",,\n")


def quoted(data: bytes) -> bytes:
    lines = [b",".join(b'"%b"' % cell for cell in line.split(b",")) for line in data.splitlines()]
    return b"\n".join(lines) + b"\n"


def reread(path: Path, directory: Path) -> list[object]:
    """Return what the readers of an experiment make of its rows."""
    export_jsonl([directory], path / "out.jsonl")
    join_csv([directory], path / "out.csv")
    history = read_history(directory)
    control, followed = Control(), []
    for event in follow_experiment(directory, control, lambda text: None):
        followed.append(event)
        if sum(isinstance(each, RowLogged) for each in followed) == 2:
            break
    return [
        (path / "out.jsonl").read_text().splitlines(),
        (path / "out.csv").read_text(),
        {number: run.columns.read("epoch", "train_loss")[1].tolist() for number, run in history.runs.items()},
        str(newest_rows(directory / "metrics.csv", 2)),
        summarize(directory).rows,
        [str(run.train_loss) for run in _runs_of(directory)],
        [str(event) for event in followed[1:]],
    ]


@pytest.mark.parametrize("save", [windows, padded, quoted, lambda data: windows(padded(quoted(data)))])
def test_every_reader_takes_what_a_spreadsheet_saved(tmp_path: Path, save: Callable[[bytes], bytes]) -> None:
    # A diverged row has an empty last cell, which is no cell that was added.
    directory = make_experiment(tmp_path / "a", [SIGMOID, TURNED, DIVERGED])
    wanted = reread(tmp_path, directory)
    assert json.loads(str(wanted[0][0]))["epoch"] == 0  # type: ignore[index]
    saved = save(WRITTEN)
    assert saved != WRITTEN
    (directory / "metrics.csv").write_bytes(saved)
    assert reread(tmp_path, directory) == wanted
    assert as_written(saved) == WRITTEN


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WRITTEN.replace(b",", b";").replace(b".", b","), "semicolons between the columns"),
        (WRITTEN.replace(b",", b"\t"), "tabs between the columns"),
        (WRITTEN.replace(b"0.5,", b'"0,5",'), "commas in the numbers"),
        (b"", "no header"),
        (WRITTEN.partition(b"\n")[2], "no header"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_header(Path("metrics.csv"), data)


def test_a_row_with_more_columns_or_a_stray_quote_is_none() -> None:
    assert parse_row(f"{SIGMOID},,".encode()) == parse_row(SIGMOID.encode()) is not None
    assert parse_row(f"{SIGMOID},0.5".encode()) is None
    assert parse_row(SIGMOID.replace("1,", '"1,', 1).encode()) is None
