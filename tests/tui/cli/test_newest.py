"""DIR left out: the newest experiment is meant, and stderr says which that is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from helpers.experiments import SIGMOID, config_of, make_ended, make_experiment
from PIL import Image

from logreg_tui.core.experiment.config import write_config
from logreg_tui.core.experiment.lock import Lock
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.tui.cli.main import main

NEWEST = "newest experiment: runs/new\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with two experiments, of which the older has the name that is later in the alphabet."""
    monkeypatch.chdir(tmp_path)
    for name, day in (("old", 1), ("new", 2)):
        directory = make_experiment(tmp_path / "runs" / name, [SIGMOID])
        started = datetime(2026, 11, day, tzinfo=UTC)
        write_config(directory, config_of(ExperimentSettings(dataset="digits"), started=started))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [["compare", "--no-paired"], ["plot"], ["export", "-o", "-"], ["stop"], ["plot", "-o", "x.svg"]],
)
def test_the_newest_is_meant(folder: Path, words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert err.startswith(NEWEST)
    if words == ["export", "-o", "-"]:
        assert out.splitlines()[1].startswith("new,")


def test_a_report_is_on_the_newest(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "-o", "-"]) == 0
    out, err = capfd.readouterr()
    assert err == f"{NEWEST}report in stdout\n"
    assert "## Loss comparison" in out
    assert "![" not in out
    assert not (folder / "-").exists()


def test_stop_means_the_newest_that_is_trained(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = Lock(folder / "runs" / "old")
    (folder / "runs" / "old" / "lock").write_text("")
    assert main(["stop"]) == 0
    assert capfd.readouterr().err == "newest experiment: runs/old\n"
    lock.release()


def test_pictures_alone_are_shown_to_the_newest(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rmtree(folder / "runs")
    make_ended(folder / "runs" / "new", [np.eye(10, 64)])
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save("a.png")
    assert main(["predict", "a.png", "a.png"]) == 0
    out, err = capfd.readouterr()
    assert err == NEWEST
    assert out.startswith("a.png\n")


@pytest.mark.parametrize("words", [["compare"], ["stop"], ["resume", "--no-screen"], ["repeat"], ["plot"]])
def test_without_any_the_line_says_what_to_name(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "there is no experiment in 'runs': name its directory" in capsys.readouterr().err
