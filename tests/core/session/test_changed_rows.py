"""Resuming after another program has saved metrics.csv: no row is lost, and none is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from helpers.experiments import checkpoints_after_every_row, untimed_rows

from logreg_tui.core.errors import UserError
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Control

SETTINGS = ExperimentSettings(
    runs=(RunSettings("sigmoid"), RunSettings("logits")), dataset="digits", device="cpu", epochs=60
)


def train(runs_dir: Path, until: int) -> Path:
    """Train, and drop the process after the rows of a step, which all have a checkpoint but the last."""
    wanted = ExperimentSettings(
        **{**{n: getattr(SETTINGS, n) for n in SETTINGS.__slots__}, "runs_dir": str(runs_dir)}
    )
    directory = runs_dir
    with (
        checkpoints_after_every_row(),
        closing(run_experiment(wanted, Control(), lambda text: None)) as happened,
    ):
        for event in happened:
            if isinstance(event, events.ExperimentStarted):
                directory = Path(event.directory)
            if isinstance(event, events.Progressed) and event.step >= until:
                break
    return directory


def resume(directory: Path, **options: bool) -> tuple[list[Event], str | None]:
    """Go on to the end; return what happened, and the notice of the beginning."""
    happened = list(resume_experiment(directory, Control(), lambda text: None, **options))
    (started,) = (event for event in happened if isinstance(event, events.ExperimentStarted))
    return happened, started.notice


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that nothing interrupted."""
    return train(tmp_path_factory.mktemp("whole"), 1000)


def in_windows(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")


def padded(data: bytes) -> bytes:
    return data.replace(b"\n", b",\n")


@pytest.mark.parametrize("save", [in_windows, padded])
def test_rows_that_a_spreadsheet_saved_unchanged_are_taken_as_they_were(
    tmp_path: Path, whole: Path, save: Callable[[bytes], bytes]
) -> None:
    directory = train(tmp_path, 30)
    path = directory / "metrics.csv"
    saved = save(path.read_bytes())
    path.write_bytes(saved)
    _, notice = resume(directory)
    assert notice == (
        "another program had changed metrics.csv: 8 rows are restored, metrics.csv.changed is that file"
    )
    assert untimed_rows(directory) == untimed_rows(whole)
    assert (directory / "metrics.csv.changed").read_bytes() == saved


def edited(data: bytes) -> bytes:
    """A cell of an earlier row has another value; all lengths are the same."""
    return data.replace(b",0.001,", b",0.002,", 1)


def sorted_and_short(data: bytes) -> bytes:
    header, *lines = data.splitlines(keepends=True)
    return b"".join([header, *reversed(lines[:1] + lines[2:])])


def without_header(data: bytes) -> bytes:
    return data.partition(b"\n")[2]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (edited, range(8)),
        (sorted_and_short, (0, 2, 3, 4, 5, 6, 7)),
        (without_header, range(8)),
        (lambda data: b"", ()),
    ],
)
def test_changed_rows_are_refused_and_those_that_can_be_read_restored_on_request(
    tmp_path: Path, whole: Path, change: Callable[[bytes], bytes], kept: Sequence[int]
) -> None:
    directory = train(tmp_path, 30)
    path = directory / "metrics.csv"
    changed = change(path.read_bytes())
    path.write_bytes(changed)
    with pytest.raises(UserError, match=f"`--restore-rows` .* the {len(kept)} of its rows"):
        resume(directory)
    assert path.read_bytes() == changed
    # Cut off at once: what was restored is a state like any other.
    with closing(resume_experiment(directory, Control(), lambda text: None, restores_rows=True)) as happened:
        started = next(happened)
    assert isinstance(started, events.ExperimentStarted)
    assert f"{len(kept)} rows are restored" in str(started.notice)
    assert resume(directory)[1] is None
    assert (directory / "metrics.csv.changed").read_bytes() == changed
    # What comes behind the checkpoint is computed; what was gone before it stays gone.
    wanted = untimed_rows(whole)
    rows = untimed_rows(directory)
    assert rows[len(kept) :] == wanted[8:]
    assert [row["l2"] for row in rows].count("0.002") == (change is edited)
    assert [{**row, "l2": ""} for row in rows[: len(kept)]] == [{**wanted[at], "l2": ""} for at in kept]


def test_decimal_commas_are_refused_in_words_and_nothing_is_restored(tmp_path: Path) -> None:
    path = train(tmp_path, 30) / "metrics.csv"
    changed = path.read_bytes().replace(b",", b";").replace(b".", b",")
    path.write_bytes(changed)
    for restores_rows in (False, True):
        with pytest.raises(UserError, match=r"semicolons between the columns: save it again"):
            resume(path.parent, restores_rows=restores_rows)
    assert path.read_bytes() == changed
    assert not path.with_name("metrics.csv.changed").exists()
