"""The report on experiments that are damaged, incomplete, steered or somebody else's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.reporting import HEADINGS, rewritten, trained, written

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.event_log import to_record
from logreg_tui.core.report import runs as report_runs
from logreg_tui.core.report.write import check_target, write_report
from logreg_tui.core.settings import Schedule, grid
from logreg_tui.core.training.events import Event, RunDiverged, SettingChanged


def insert_before_the_end(directory: Path, event: Event) -> None:
    """Add an event to events.jsonl before the first run ends."""
    path = directory / "events.jsonl"
    lines = path.read_text().splitlines()
    at = next(at for at, line in enumerate(lines) if '"run_ended"' in line)
    record = {"time": "", **(to_record(event) or {})}
    path.write_text("\n".join([*lines[:at], json.dumps(record), *lines[at:], ""]))


def test_without_the_data_it_says_so(directory: Path, tmp_path: Path) -> None:
    rewritten(directory, lambda record: record["dataset"].update(fingerprint="0" * 64))
    text = written(tmp_path / "report.md", directory)
    assert text.count("are missing: the data are not on this machine.") == 2
    assert "two independent test sets" in text
    assert "because the data are not on this machine" in text
    assert "dL/dz" not in text
    assert "**The floor.**" in text


def test_without_parameters_there_are_no_pictures(directory: Path, tmp_path: Path) -> None:
    (directory / "checkpoint.pt").write_bytes(b"no checkpoint")
    text = written(tmp_path / "report.md", directory)
    assert "The weights of run 1 and run 2 cannot be read." in text
    assert "because its parameters cannot be read" in text


def test_parameters_of_another_epoch_are_named_as_such(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = report_runs.saved_parameters
    monkeypatch.setattr(
        report_runs,
        "saved_parameters",
        lambda place: {run: replace(shown, epoch=37) for run, shown in saved(place).items()},
    )
    text = written(tmp_path / "report.md", directory)
    assert "For run 1 and run 2 that is at epoch 37, of which the parameters are kept." in text
    assert "Run 1, sigmoid, epoch 37: the weights reach from" in text


def test_names_from_a_file_are_no_markup(directory: Path, tmp_path: Path) -> None:
    name = "<b>x</b> ![](http://h/p.png) `a` | b\n# c\x1b[31m"

    def hostile(record: dict[str, Any]) -> None:
        record["dataset"].update(name=name, fingerprint=name)
        record.update(device=name, started=name, versions={"torch": name, name: name})
        record["settings"].update(data_dir=f"{name}```\n# d")

    rewritten(directory, hostile)
    insert_before_the_end(directory, RunDiverged(30, 2, 30, name))
    text = written(tmp_path / "report.md", directory)
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == HEADINGS[1:]
    outside = re.sub(r"`[^`]*`", "", re.sub(r"(?s)(`{3,})sh\n.*?\n\1", "", text))
    for markup in ("<b>", "http://h", "\x1b"):
        assert markup not in outside
    assert "started unknown" in text
    assert "- Run 2, epoch 30: `diverged: <b>x</b>" in text


@pytest.mark.parametrize(
    "change",
    [
        {"features": 0},
        {"classes": "ten"},
        {"train_samples": None},
        {"test_samples": -1},
    ],
)
def test_sizes_that_are_none_are_refused(directory: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    rewritten(directory, lambda record: record["dataset"].update(change))
    with pytest.raises(UserError, match=r"damaged|is -1|image"):
        write_report([directory], tmp_path / "report.md")
    assert not list(tmp_path.glob("report*"))


def test_inputs_that_are_no_images_have_no_pictures(directory: Path, tmp_path: Path) -> None:
    rewritten(directory, lambda record: record["dataset"].update(image_shape=None))
    text = written(tmp_path / "report.md", directory)
    assert "are no images" in text
    assert "weights-1" not in text


def test_knobs_are_told_with_their_epochs(directory: Path, tmp_path: Path) -> None:
    insert_before_the_end(directory, SettingChanged(20, 1, 20, "l2", 0.001, 0.0))
    text = written(tmp_path / "report.md", directory)
    assert "- Run 1, epoch 20: λ 0.001 → 0" in text
    assert "lambda (0 with the sigmoid, 0.001 without it) and the knobs turned on the way" in text
    assert "the two runs differ in more than the head" in text.lower()
    assert f"logreg-tui repeat {directory}" in text


def test_a_diverged_run_has_the_figures_and_weights_of_its_last_sound_row(
    tmp_path: Path, quick_figures: list[str]
) -> None:
    runs = grid(["sigmoid", "logits"], [0.001], [1e30], [0], Schedule(period=30))
    text = written(tmp_path / "report.md", trained(tmp_path / "runs", runs))
    assert "Run 1 and run 2 diverged: that is no comparison of the heads." in text
    assert "epochs 0 of 30; state diverged" in text
    assert "learning rate 1e+30" in text
    assert "and then no number any more" in text
    assert "Weights of run 1, sigmoid, epoch 0" in quick_figures


def test_nothing_logged_is_refused(directory: Path, tmp_path: Path) -> None:
    header = (directory / "metrics.csv").read_text().splitlines()[0]
    (directory / "metrics.csv").write_text(f"{header}\n")
    with pytest.raises(UserError, match="has no rows yet"):
        write_report([directory], tmp_path / "report.md")


def test_targets_that_cannot_be_are_refused_and_nothing_is_left(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for target, kind, cause in (
        (tmp_path / "report.txt", UsageError, r"end in \.md"),
        (tmp_path / "folder.md", UserError, "is a folder"),
        (tmp_path / "none" / "report.md", UserError, "No such file"),
        (directory / "report.md", UserError, "experiment's own directory"),
        (directory / ".." / "a" / "report.md", UserError, "experiment's own directory"),
    ):
        with pytest.raises(kind, match=cause):
            check_target(target)
        with pytest.raises(kind, match=cause):
            write_report([directory], target)
    check_target(tmp_path / "report.md")
    assert sorted(tmp_path.rglob("*")) == before
