"""The command `report`: what it refuses, what it trains, and that its commands do the same again."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import experiments

from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.lock import HAND_OVER_SIGNAL
from logreg_tui.core.goals import parse_goal
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.report import figures
from logreg_tui.core.report.command_lines import command_again, command_for_both_heads
from logreg_tui.core.report.runs import read_experiments
from logreg_tui.core.session import start as session
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, grid
from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui.cli import main as cli
from logreg_tui.tui.cli.commands.report import settings_of
from logreg_tui.tui.cli.options import to_settings
from logreg_tui.tui.cli.parser import parser_of

RUN = ["report", "--run", "--dataset", "digits", "--device", "cpu"]
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, HAND_OVER_SIGNAL)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory of the test's own, and the handlers of signals as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOGREG_TUI_DATA_DIR", raising=False)
    handlers = {number: signal.getsignal(number) for number in HANDLED}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that cost nothing."""
    monkeypatch.setattr(figures, "draw_curves", lambda curves, target, *_: target.write_text("curves"))
    monkeypatch.setattr(
        figures, "draw_weights", lambda weight, shape, title, target, *_: target.write_text(title)
    )


@pytest.mark.parametrize(
    ("words", "status", "cause"),
    [
        (["-o", "x.md"], 2, "there is no experiment in 'runs': name its directory"),
        (["a", "--run", "-o", "x.md"], 2, "leave 'a' out"),
        (["a"], 2, "-o/--output"),
        (["a", "-o", "x.txt"], 2, "end in .md"),
        (["a", "-o", "x.md"], 1, "is not an experiment directory"),
        (["--run", "-o", "x.html"], 2, "end in .md"),
        (["--run", "-o", "no/x.md"], 1, "cannot write"),
        (["--run", "-o", "x.md", "--lr", "0"], 2, "learning rate"),
        (["--run", "-o", "x.md", "--head", "logits"], 2, "--head"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    words: list[str], status: int, cause: str, capsys: pytest.CaptureFixture[str], in_a_folder: Path
) -> None:
    assert cli.main(["report", *words]) == status
    error = capsys.readouterr().err
    assert cause in error
    assert error.count("\n") == 1
    assert list(in_a_folder.iterdir()) == []


def test_every_option_of_training_is_refused_without_run(capsys: pytest.CaptureFixture[str]) -> None:
    parser = parser_of("report")
    options = parser.get_default("training")
    assert {"dataset", "l2", "lr", "seed", "epochs", "step_size", "device", "name"} <= set(options)
    values = {"dataset": "digits", "pixels": "raw", "device": "cpu", "engine": "auto"}
    values |= {"fill": "mean", "test_share": "0.5"}
    for name, (option, default) in options.items():
        value = [] if default is False else [values.get(name, "1")]
        assert cli.main(["report", "a", "-o", "x.md", option, *value]) == 2
        assert f"{option} belongs to --run" in capsys.readouterr().err


def test_figures_that_cannot_be_drawn_are_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_a_folder: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(in_a_folder)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert cli.main([*RUN, "-o", "x.md"]) == 1
    assert "pip install matplotlib" in capsys.readouterr().err
    assert list(in_a_folder.iterdir()) == []


def test_run_trains_both_heads_and_reports(capsys: pytest.CaptureFixture[str], in_a_folder: Path) -> None:
    short = ["--epochs", "40", "--step-size", "10", "--report-every", "20", "--seed", "3", "--name", "short"]
    assert cli.main([*RUN, *short, "-o", "r.md"]) == 0
    (directory,) = (in_a_folder / "runs").iterdir()
    settings = read_config(directory).settings
    assert settings.runs == (
        RunSettings("sigmoid", seed=3, schedule=Schedule(period=40)),
        RunSettings("logits", seed=3, schedule=Schedule("step", 10, 0.1, 40)),
    )
    text = (in_a_folder / "r.md").read_text()
    assert "schedule (constant with the sigmoid, x0.1 every 10 without it)" in text
    assert text.count("|    20 |") == 2
    assert sorted(path.name for path in in_a_folder.glob("r*")) == [
        "r-loss.png", "r-weights-1.png", "r-weights-2.png", "r.md", "runs",
    ]  # fmt: skip
    assert "report in" in capsys.readouterr().err
    command = next(line for line in text.splitlines() if line.startswith("logreg-tui report --run"))
    again = settings_of(parser_of("report").parse_args(shlex.split(command)[2:]))
    assert again == replace(settings, runs_dir="runs")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_tells_how_to_go_on(
    number: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_a_folder: Path,
) -> None:
    train = session.run_experiment

    def interrupted(*words: Any, **options: Any) -> Iterator[object]:  # noqa: ANN401
        is_first = True
        for event in train(*words, **options):
            yield event
            if isinstance(event, RowLogged) and is_first:
                is_first = False
                os.kill(os.getpid(), number)

    monkeypatch.setattr(session, "run_experiment", interrupted)
    assert cli.main([*RUN, "--epochs", "1000000", "-o", "r.md"]) == status
    (directory,) = (in_a_folder / "runs").iterdir()
    place = f"runs/{directory.name}"
    said = capsys.readouterr().out
    assert f"logreg-tui resume {place} --no-screen, then logreg-tui report {place} -o r.md" in said
    assert not (in_a_folder / "r.md").exists()


# How to repeat it


def trained(runs: tuple[RunSettings, ...], **settings: Any) -> Path:  # noqa: ANN401
    return experiments.trained(None, runs, **{"epochs": 3, "log_every": 7, **settings})


def words_again(directory: Path) -> list[str]:
    (runs,) = read_experiments([directory])
    return shlex.split(command_again(runs[0].experiment, runs))[1:]


GRIDS: dict[str, Callable[[], ExperimentSettings]] = {
    "one": lambda: ExperimentSettings(grid(["logits"], [0.0], [0.1], [-3], Schedule(period=3))),
    "grid": lambda: ExperimentSettings(
        grid(["logits", "sigmoid"], [1e-05, 0.0], [0.01, 2.5], [1, 0], Schedule("exponential", 1000, 0.5, 3)),
        pixels="standardized",
        threads=2,
        engine="eager",
        name="a.b",
    ),
    "optimizers": lambda: ExperimentSettings(
        grid(
            ["logits"],
            [0.0],
            [0.01],
            [0],
            Schedule(period=3),
            [Optimizer("nesterov", 0.7), Optimizer(), Optimizer("adam", betas=(0.5, 0.99))],
        )
    ),
    "goals": lambda: ExperimentSettings(
        grid(
            ["logits"],
            [0.0],
            [0.01, 0.02],
            [0],
            Schedule(period=3),
            stop_at=parse_goal("test_accuracy >= 0.99"),
            patience=9,
        )
    ),
    "step": lambda: ExperimentSettings(
        grid(["sigmoid"], [0.001], [0.01], [0], Schedule("step", 7, 0.25, 3)), report_every=2
    ),
    "cosine": lambda: ExperimentSettings(
        grid(["sigmoid"], [0.001], [0.01], [0], Schedule("cosine", 1000, 1.0, 3))
    ),
}


@pytest.mark.parametrize("case", GRIDS)
def test_the_command_of_a_grid_asks_for_the_same_settings(case: str) -> None:
    asked = GRIDS[case]()
    fields = {name: getattr(asked, name) for name in ("pixels", "threads", "engine", "name", "report_every")}
    directory = trained(asked.runs, **fields)
    words = words_again(directory)
    assert words[0] == "train"
    assert to_settings(parser_of("train").parse_args(words[1:])) == read_config(directory).settings


@pytest.mark.parametrize(
    "runs",
    [
        (RunSettings(seed=1), RunSettings(l2=0.5)),
        (RunSettings(schedule=Schedule("cosine", 1000, 1.0, 77)),),
        (
            RunSettings(schedule=Schedule(period=3)),
            RunSettings("logits", schedule=Schedule("step", 9, 0.5, 3)),
        ),
        (
            RunSettings(optimizer=Optimizer("momentum", 0.5), schedule=Schedule(period=3)),
            RunSettings(optimizer=Optimizer("momentum", 0.6), schedule=Schedule(period=3)),
        ),
    ],
)
def test_what_no_options_say_is_repeated_from_its_directory(runs: tuple[RunSettings, ...]) -> None:
    directory = trained(runs)
    assert words_again(directory) == ["repeat", str(directory)]


def test_a_longer_experiment_is_repeated_from_its_directory(in_a_folder: Path) -> None:
    directory = trained(grid(["sigmoid"], [0.001], [0.01], [0], Schedule(period=3)))
    path = directory / "events.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    extended = {"time": "", "event": "run_extended", "step": 3, "run": 1, "epoch": 3, "epochs": 9}
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, extended]))
    assert words_again(directory)[0] == "repeat"


def test_the_command_for_both_heads_differs_in_the_heads_alone() -> None:
    run = RunSettings("logits", 0.25, 0.5, 9, Schedule("step", 11, 0.125, 3))
    directory = trained((run,), name="mine")
    (runs,) = read_experiments([directory])
    words = shlex.split(command_for_both_heads(runs[0].experiment, run))[1:]
    settings = to_settings(parser_of("train").parse_args(words[1:]))
    assert settings.runs == (replace(run, head="sigmoid"), run)
    assert replace(settings, runs=(run,), name="mine") == read_config(directory).settings
