"""Directories from somebody else: texts are shown inert, settings checked, nothing is written elsewhere."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.hostile import ESCAPES, add_event, edit_checkpoint, edit_config, is_inert, refusal

from logreg_tui.core.data import dataset as datasets
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import CONFIG
from logreg_tui.core.experiment.event_log import EVENTS, from_record, read_events, to_record
from logreg_tui.core.experiment.listing import list_experiments, summarize
from logreg_tui.core.experiment.lock import LOCK
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.export.rows import export_csv, join_csv
from logreg_tui.core.session.resume import repeat_experiment, resume_experiment
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.cli import main as cli
from logreg_tui.tui.cli.commands.runs import listing
from logreg_tui.tui.text.exit_summary import final_table, go_on_with, where_it_is
from logreg_tui.tui.text.training_log import Reporter

# What is shown


def test_the_listing_shows_names_inert(tmp_path: Path, left: Path) -> None:
    directory = shutil.copytree(left, tmp_path / "runs" / f"a{ESCAPES}".replace("/", "|"))
    edit_config(directory, "dataset", "name", to=ESCAPES)
    owner = {"host": ESCAPES, "boot_id": "", "pid": 5, "has_screen": False}
    (directory / LOCK).write_text(json.dumps(owner))
    text = listing(list_experiments(tmp_path / "runs"))
    assert is_inert(text)
    assert len(text.splitlines()) == 2
    assert text.count(r"\x1b[31mred\x1b]0;title\x07\r\x9b2J\n\u202e\u2028") == 3


@pytest.mark.parametrize("name", [5, None, ["x"], {"a": ESCAPES}, "\ud800"])
def test_a_dataset_name_of_any_kind_is_listed(experiment: Path, name: object) -> None:
    edit_config(experiment, "dataset", "name", to=name)
    assert is_inert(listing([summarize(experiment)]))


@pytest.mark.parametrize("owner", [{"host": 5}, {"pid": ESCAPES}, {"pid": -1}, {"has_screen": ESCAPES}])
def test_an_owner_of_any_kind_is_listed(experiment: Path, owner: dict[str, object]) -> None:
    record = {"host": "elsewhere", "boot_id": "", "pid": 5, "has_screen": False, **owner}
    (experiment / LOCK).write_text(json.dumps(record))
    assert summarize(experiment).pid is None
    assert is_inert(listing([summarize(experiment)]))


def test_what_events_say_is_printed_inert(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = experiment.rename(experiment.with_name("x\x1b[31m\nname"))
    add_event(directory, "run_diverged", step=10, run=2, epoch=10, cause=ESCAPES)
    add_event(directory, "run_ended", step=10, run=1, epoch=10, reason=ESCAPES)
    add_event(directory, "setting_changed", step=10, run=1, epoch=10, name=ESCAPES, old=ESCAPES, new=ESCAPES)
    add_event(directory, "setting_changed", step=10, run=1, epoch=10, name="head", old="logits", new=ESCAPES)
    add_event(directory, "experiment_left", step=10, cause=ESCAPES)
    add_event(directory, "experiment_resumed", step=10, host=ESCAPES, pid=1)
    size = (directory / EVENTS).stat().st_size
    edit_checkpoint(directory, lambda record: record["lengths"].update({EVENTS: size}))
    history = _report(directory)
    shown = "\n".join([*capsys.readouterr(), final_table(history), where_it_is(history), go_on_with(history)])
    assert is_inert(shown)
    assert r"run 2 diverged at epoch 10: \x1b[31mred" in shown
    assert history.runs[1].status == "finished"


def _report(directory: Path) -> History:
    """Go on and tell of it as the command without a screen does."""
    history = History()
    reporter = Reporter(history)
    for event in resume_experiment(directory, Control(), reporter.say):
        history.apply(event)
        reporter.report(event)
    return history


def test_texts_are_inert_as_soon_as_they_are_read() -> None:
    event = from_record({"event": "experiment_left", "time": "", "step": 1, "cause": ESCAPES})
    assert isinstance(event, events.ExperimentLeft)
    assert event.cause.isprintable()


@pytest.mark.parametrize(
    "record",
    [
        {"event": "paused"},
        {"event": "paused", "step": "1"},
        {"event": "paused", "step": True},
        {"event": "paused", "step": -1},
        {"event": "paused", "step": 1.0},
        {"event": "paused", "step": 2**63},
        {"event": "paused", "step": [1]},
        {"event": ["paused"], "step": 1},
        {"event": "paused", "step": 1, "more": 1},
        {"event": "row_logged", "step": 1},
        {"event": "run_ended", "step": 1, "run": 1, "epoch": 1, "reason": "[red]"},
        {"event": "run_ended", "step": 1, "run": [1], "epoch": 1, "reason": "ended"},
        {"event": "setting_changed", "step": 1, "run": 1, "epoch": 1, "name": "seed", "old": 0, "new": 1},
        {"event": "setting_changed", "step": 1, "run": 1, "epoch": 1, "name": "l2", "old": 0, "new": "x"},
        {"event": "setting_changed", "step": 1, "run": 1, "epoch": 1, "name": "l2", "old": 0, "new": -1},
        {"event": "setting_changed", "step": 1, "run": 1, "epoch": 1, "name": "l2", "old": 0, "new": 10**400},
        {"event": "setting_changed", "step": 1, "run": 1, "epoch": 1, "name": "head", "old": 0, "new": 1},
        {"event": "run_started", "step": 1, "run": 1, "settings": {}, "epochs": 1},
        {"event": "run_started", "step": 1, "run": 1, "settings": None, "epochs": 1},
        [],
        None,
        "paused",
    ],
)
def test_what_is_no_event_is_said_to_be_none(record: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="not an event"):
        from_record(record)


def test_a_run_whose_beginning_is_lost_is_shown_and_goes_on(experiment: Path) -> None:
    lines = (experiment / EVENTS).read_text().splitlines(keepends=True)
    lost = [line.replace("run_started", "run_startex") for line in lines]
    (experiment / EVENTS).write_text("".join(lost))
    history = History()
    for event in resume_experiment(experiment, Control(), print):
        history.apply(event)
    assert [run.columns.read("epoch")[0].tolist() for run in history.runs.values()] == [
        [0, 10, 20, 30, 40]
    ] * 2


UNREADABLE = {
    1: (b"sigmoid", b"=cmd()|"),
    2: (b"0.001", b'"\x1b[1m'),
    3: (b"sigmoid", b"[bold]x"),
    4: (b"logits", b"\xff\x00\r123"),
}
"""What is put into which line of metrics.csv, and for what."""


def test_rows_that_cannot_be_read_are_left_out_and_stay_in_the_file_that_is_kept(experiment: Path) -> None:
    lines = (experiment / METRICS).read_bytes().splitlines(keepends=True)
    for index, (old, new) in UNREADABLE.items():
        assert len(old) == len(new)
        lines[index] = lines[index].replace(old, new, 1)
    (experiment / METRICS).write_bytes(b"".join(lines))
    assert "`--restore-rows`" in refusal(experiment)
    history = History()
    for event in resume_experiment(experiment, Control(), print, restores_rows=True):
        history.apply(event)
    assert is_inert(final_table(history))
    assert history.rows == len((experiment / METRICS).read_bytes().split(b"\n")) - 2
    assert (experiment / "metrics.csv.changed").read_bytes() == b"".join(lines)


def test_the_command_prints_inert_errors(
    tmp_path: Path, experiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (experiment / METRICS).write_text("x")
    directory = experiment.rename(experiment.with_name("x\x1b[31m\nname"))
    assert cli.main(["export", str(directory), "-o", str(tmp_path / "out.csv")]) == 1
    assert cli.main(["stop", str(tmp_path / "no\x1b[31m\nwhere")]) == 1
    assert cli.main(["stop\x1b[31m\n"]) == 2
    said = capsys.readouterr()
    assert is_inert(said.out + said.err)
    assert len(said.err.splitlines()) == 3


# Settings


BAD_SETTINGS: list[tuple[str, object]] = [
    ("epochs", "many"), ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("epochs", 10**400),
    ("epochs", None), ("log_every", float("nan")), ("log_every", [1]), ("report_every", -(10**30)),
    ("runs", {}), ("runs", {"head": "sigmoid"}), ("runs", []), ("runs", 5), ("runs", "sigmoid"),
    ("runs", [None]), ("runs", [[]]), ("dataset", 5), ("dataset", None), ("dataset", "\0.npz"),
    ("dataset", ESCAPES), ("dataset", "no.npz"), ("data_dir", 5), ("data_dir", "\0"), ("pixels", ESCAPES),
    ("pixels", ["raw"]), ("device", 5), ("device", ESCAPES), ("device", "meta"), ("device", "cuda:x"),
    ("threads", "2"), ("threads", 0), ("threads", 1e999), ("runs_dir", 5), ("name", 5), ("name", "../../x"),
    ("name", ESCAPES), ("name", "."), (ESCAPES, 1),
]  # fmt: skip
BAD_RUN: list[tuple[str, object]] = [
    ("head", ESCAPES), ("head", 5), ("head", ["sigmoid"]), ("l2", "0.1"), ("l2", -1), ("l2", float("nan")),
    ("l2", float("inf")), ("l2", 10**400), ("l2", None), ("learning_rate", 0), ("learning_rate", 10**400),
    ("seed", 1.5), ("seed", "0"), ("seed", True), ("seed", 2**64), ("schedule", None), ("schedule", []),
    ("schedule", {"kind": ESCAPES}), ("schedule", {"kind": "step", "step_size": 0}),
    ("schedule", {"gamma": float("nan")}), ("schedule", {"gamma": 10**400}), ("schedule", {ESCAPES: 1}),
    (ESCAPES, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_settings_that_make_no_sense_are_refused_and_nothing_is_written(
    experiment: Path, name: str, value: object
) -> None:
    edit_config(experiment, "settings", name, to=value)
    before = {path.name: path.read_bytes() for path in experiment.iterdir()}
    refusal(experiment)
    with pytest.raises(UserError):
        list(repeat_experiment(experiment, str(experiment.parent / "again"), Control(), print))
    assert {path.name: path.read_bytes() for path in experiment.iterdir()} == before
    assert os.listdir(experiment.parent) == ["experiment"]


@pytest.mark.parametrize(("name", "value"), BAD_RUN)
def test_a_run_that_makes_no_sense_is_refused(experiment: Path, name: str, value: object) -> None:
    runs = json.loads((experiment / CONFIG).read_text())["settings"]["runs"]
    edit_config(experiment, "settings", "runs", to=[{**runs[0], name: value}])
    assert "config.json' is damaged" in refusal(experiment)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "5", '"x"', "[" * 100_000, '{"format": ' + "9" * 5000 + "}",
     '{"format": [1, "\\u001b"]}', '{"format": 1}', '{"format": 1, "settings": [], "dataset": []}',
     "\x1b[31m", "\udcff"],
)  # fmt: skip
def test_a_config_of_any_kind_is_refused_and_listed_as_damaged(experiment: Path, text: str) -> None:
    (experiment / CONFIG).write_bytes(text.encode(errors="surrogateescape"))
    refusal(experiment)
    assert summarize(experiment).state == "damaged"


def test_a_config_names_no_place_to_write_to(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, named = tmp_path / "elsewhere", tmp_path / "named"
    monkeypatch.chdir(named.parent)
    edit_config(experiment, "settings", "runs_dir", to=str(elsewhere))
    edit_config(experiment, "settings", "name", to="..x")
    refusal(experiment)
    edit_config(experiment, "settings", "name", to="x..")
    list(resume_experiment(experiment, Control(), print))
    list(repeat_experiment(experiment, str(named), Control(), print))
    assert sorted(os.listdir(tmp_path)) == ["named", "runs"]
    assert os.listdir(experiment.parent) == ["experiment"]
    (again,) = named.iterdir()
    assert again.name.endswith("-x..")


@pytest.mark.parametrize("name", ["mnist", "auto", "qmnist"])
def test_no_data_are_downloaded_into_a_folder_that_only_a_config_names(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folders: list[Path] = []

    def refuse(title: str, folder: str, missing: object, raw: Path, *others: object) -> None:
        folders.append(raw)
        raise UserError("no network")

    monkeypatch.setattr(datasets, "download", refuse)
    monkeypatch.setenv("LOGREG_TUI_DATA_DIR", str(tmp_path / "mine"))
    edit_config(experiment, "settings", "dataset", to=name)
    edit_config(experiment, "settings", "data_dir", to=str(tmp_path / "elsewhere"))
    refusal(experiment)
    assert [folder.is_relative_to(tmp_path / "mine") for folder in folders] == [True]
    assert not (tmp_path / "elsewhere").exists()


# CSV


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\t=", "\r=", " =", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_no_cell_of_an_exported_csv_is_a_formula(experiment: Path, tmp_path: Path, sign: str) -> None:
    path, target = experiment / METRICS, tmp_path / "out.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("sigmoid", f"{sign}cmd()\x1b[31m")
    lines[2] = lines[2].replace("logits", f'"{sign}1;{sign}2"')
    path.write_text("\n".join(lines) + "\n")
    assert export_csv(experiment, target) == len(lines) - 1
    exported = target.read_text()
    assert is_inert(exported)
    assert exported.splitlines()[3:] == lines[3:]
    for cell in ",".join(exported.splitlines()[1:3]).split(","):
        assert not cell.lstrip().startswith(("=", "+", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert not cell.startswith("-") or float(cell) <= 0


def test_a_joined_csv_has_inert_names_and_cells(experiment: Path, tmp_path: Path) -> None:
    directory = experiment.rename(experiment.with_name("=cmd()\x1b[31m"))
    path = directory / METRICS
    path.write_bytes(path.read_bytes().replace(b"sigmoid", b"=cmd()|x", 1).replace(b"logits", b"+1", 1))
    join_csv([directory], tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("'=cmd()?[31m,1,0,")
    assert ",'=cmd()|x," in lines[1] or ",'+1," in lines[1]


def test_what_was_trained_is_exported_byte_by_byte(experiment: Path, tmp_path: Path) -> None:
    row = b"1,10,1.5e-07,logits,1e-05,0.01,nan,inf,-0.0,0.1,\n"
    with (experiment / METRICS).open("ab") as file:
        file.write(row)
    export_csv(experiment, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (experiment / METRICS).read_bytes()


def test_reading_takes_no_event_for_another() -> None:
    wanted: Event = events.RunEnded(20, 1, 20, "ended")
    record = to_record(wanted)
    assert record is not None
    assert from_record({"time": "", **record}) == wanted


# Numbers


@pytest.mark.parametrize("name", ["epochs", "log_every", "report_every"])
@pytest.mark.parametrize("value", [2**63 - 1, 10**12 + 1, 10**400, 0, -1, 1.5, True, math.nan, math.inf])
def test_a_count_without_end_is_refused_in_words(experiment: Path, name: str, value: object) -> None:
    edit_config(experiment, "settings", name, to=value)
    assert "10" in refusal(experiment) or "integer" in refusal(experiment)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": 1, "format": 1}',
        '{"format": NaN}',
        '{"format": 1e400}',
        '{"format": ' + "9" * 5000 + "}",
        '{"format": "' + "x" * 100_000 + '\\u001b[31m"}',
    ],
)
def test_json_that_is_no_config_is_refused_in_a_line(experiment: Path, text: str) -> None:
    (experiment / CONFIG).write_text(text)
    said = refusal(experiment)
    assert len(said) < 1000
    assert is_inert(said)


def test_events_of_impossible_numbers_are_none(experiment: Path) -> None:
    before = (experiment / EVENTS).read_bytes()
    add_event(experiment, "run_extended", step=20, run=1, epoch=20, epochs=2**63 - 1)
    add_event(experiment, "run_extended", step=2**60, run=1, epoch=20, epochs=50)
    add_event(experiment, "run_started", step=0, run=10**30, settings={}, epochs=40)
    found = [line.offset for line in read_events(experiment / EVENTS)]
    assert max(found) < len(before)


def test_threads_without_end_take_no_more_than_there_is_work_for(experiment: Path) -> None:
    edit_config(experiment, "settings", "threads", to=10**9)
    happened = list(resume_experiment(experiment, Control(), lambda _: None))
    assert isinstance(happened[-1], events.ExperimentEnded)


# Every text


def test_no_command_prints_what_a_terminal_would_obey(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / ESCAPES.replace("/", "")
    directory = place / experiment.name
    shutil.copytree(experiment, directory)
    config = json.loads((directory / CONFIG).read_text())
    data = config["dataset"]
    names = [f"{number}{ESCAPES}" for number in range(data["features"])]
    data.update(name=ESCAPES, class_names=names[: data["classes"]], feature_names=names)
    config.update(device=ESCAPES, versions={ESCAPES: ESCAPES}, engine={"name": ESCAPES})
    (directory / CONFIG).write_text(json.dumps(config))
    add_event(directory, "engine_changed", step=20, reason=ESCAPES)
    add_event(directory, "experiment_left", step=20, cause=ESCAPES)
    for words in (
        ["runs", "--runs-dir", str(place)],
        ["stop", str(directory)],
        ["plot", str(directory)],
        *(["compare", str(directory), "--format", form] for form in ("plain", "csv", "json", "markdown")),
        ["export", str(directory), "-o", str(place / "rows.csv")],
        ["report", str(directory), "-o", str(place / "report.md")],
        ["predict", str(directory), ESCAPES],
        ["resume", str(directory), "--no-screen"],
        ["resume", str(directory), "--no-screen", "--run", ESCAPES],
        ["train", "--dataset", ESCAPES],
        [ESCAPES],
    ):
        cli.main(words)
        told = capsys.readouterr()
        assert is_inert(told.out), words
        assert is_inert(told.err), words
        assert told.out + told.err, words
    assert is_inert((place / "report.md").read_text())
