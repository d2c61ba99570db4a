"""The user's defaults: config.toml, the command line above it, and one line for what is wrong in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_config_dir

from logreg_tui.core.errors import UsageError
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import ExperimentSettings, Schedule
from logreg_tui.tui.cli import config_file
from logreg_tui.tui.cli.commands import report
from logreg_tui.tui.cli.config_file import config_path, is_given, keys, parse
from logreg_tui.tui.cli.main import app_parser, main
from logreg_tui.tui.cli.options import AppOptions, to_settings
from logreg_tui.tui.cli.parser import parser_of

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the file, in a folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LOGREG_TUI_DATA_DIR", raising=False)
    path = Path(config_path())
    if not path.is_relative_to(tmp_path):
        pytest.skip("this system's configuration folder follows no variable")
    path.parent.mkdir()
    return lambda text: path.write_text(text) and None


def settings(*words: str) -> ExperimentSettings:
    return to_settings(parse(parser_of("train"), words, "train"))


@pytest.mark.parametrize("variable", ["/x/y", "", " "])
def test_the_file_is_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", variable)
    folder = user_config_dir("logreg-tui", appauthor=False)
    assert config_path() == os.path.join(folder, "config.toml")


def test_without_a_file_nothing_changes(write: Write) -> None:
    assert settings() == ExperimentSettings()
    write("")
    assert settings() == ExperimentSettings()


def test_its_values_are_defaults_and_the_command_line_goes_before_them(write: Write) -> None:
    write('head = ["sigmoid", "logits"]\nlr = 0.5\nepochs = 20\nruns-dir = "~/lab"\nl2 = [0, 1e-4]\n')
    found = settings()
    assert [(run.head, run.l2, run.learning_rate) for run in found.runs] == [
        ("sigmoid", 0.0, 0.5), ("sigmoid", 1e-4, 0.5), ("logits", 0.0, 0.5), ("logits", 1e-4, 0.5),
    ]  # fmt: skip
    assert (found.epochs, found.runs_dir) == (20, os.path.expanduser("~/lab"))
    found = settings("--lr", "0.1", "--head", "logits", "--epochs", "5")
    assert [(run.head, run.learning_rate) for run in found.runs] == [("logits", 0.1)] * 2
    assert found.epochs == 5


def test_options_of_the_screen_may_stand_in_it_too(write: Write) -> None:
    write('fps = 2\nascii = true\npaused = false\nepochs = 7\ngraphics = "sixel"\n')
    options = AppOptions.of(parse(app_parser(), ["--fps", "3"]))
    assert (options.fps, options.ascii_only, options.paused) == (3, True, False)
    assert options.graphics == "sixel"
    assert AppOptions.of(parse(app_parser(), ["--graphics", "blocks"])).graphics == "blocks"
    values = parse(parser_of("resume"), ["runs/a"], "resume")
    assert (values.fps, values.ascii, values.epochs) == (2, True, None)
    assert not is_given(values, "ascii")
    assert is_given(parse(parser_of("plot"), ["--ascii"], "repeat"), "metric")


def test_an_option_that_means_something_else_in_a_command_is_left_alone(write: Write) -> None:
    write('runs-dir = "lab"\nepochs = 7\n')
    values = parse(parser_of("repeat"), [], "repeat")
    assert (values.runs_dir, values.newest_in) == (None, "lab")
    assert parse(parser_of("bench"), [], "bench").epochs is None
    assert parse(parser_of("runs"), [], "runs").runs_dir == Path("lab")


def test_a_report_is_on_the_original_experiment_whatever_the_file_says(
    write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write('lr = 0.5\ndevice = "cpu"\nepochs = 3\n')
    found = report.settings_of(parse(parser_of("report"), ["--run", "-o", "x.md"], "report"))
    assert (found.runs[0].learning_rate, found.epochs, found.device) == (0.01, 10_000, "cpu")
    # A device of the file is no option given without --run.
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "x.md")]) == 1
    assert "is not an experiment directory" in capsys.readouterr().err


def test_numbers_of_a_schedule_wait_for_one_to_which_they_belong(write: Write) -> None:
    write('schedule = "step"\nstep-size = 50\ngamma = 0.5\n')
    assert settings().runs[0].schedule == Schedule("step", 50, 0.5)
    assert settings("--schedule", "cosine").runs[0].schedule == Schedule("cosine")
    assert settings("--schedule", "exponential").runs[0].schedule == Schedule("exponential", gamma=0.5)


def test_numbers_of_an_optimizer_wait_for_one_to_which_they_belong(write: Write) -> None:
    write("momentum = 0.5\nbetas = [0.8, 0.9]\n")
    assert settings().runs[0].optimizer == Optimizer()
    assert settings("--optimizer", "nesterov").runs[0].optimizer == Optimizer("nesterov", 0.5)
    assert settings("--optimizer", "adam").runs[0].optimizer == Optimizer("adam", betas=(0.8, 0.9))
    write("betas = [0.8]\n")
    with pytest.raises(UsageError, match=r"betas are 0\.8: give two"):
        settings("--optimizer", "adam")


def test_the_environment_names_another_file_or_none(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("epochs = 5")
    monkeypatch.setenv("LOGREG_TUI_CONFIG", "")
    assert settings().epochs == 10_000
    other = tmp_path / "other.toml"
    monkeypatch.setenv("LOGREG_TUI_CONFIG", str(other))
    with pytest.raises(UsageError, match=r"LOGREG_TUI_CONFIG names '.*other\.toml': No such file"):
        settings()
    other.write_text("epochs = 7")
    assert settings().epochs == 7


def test_the_environment_goes_before_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('data-dir = "/in/file"\n')
    assert settings().data_dir == "/in/file"
    monkeypatch.setenv("LOGREG_TUI_DATA_DIR", "/in/environment")
    assert settings().data_dir == "/in/environment"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lrr = 1", "'lrr' is no key: use lr"),
        ("version = true", "'version' is no key"),
        ('lr = "fast"', "lr: 'fast' is not a number"),
        ("lr = [0.1, 0]", "lr: learning rate is 0"),
        ("lr = []", "lr: the list is empty"),
        ('l2 = "0..1 log 3"', "l2: 0..1 log 3: a log range has no 0"),
        ('head = "relu"', "head: invalid choice: 'relu'"),
        ("epochs = [1, 2]", "epochs: takes one value, not a list"),
        ("epochs = 1.5", "epochs: '1.5' is not a whole number"),
        ("paused = 1", "paused: 1 is neither true nor false"),
        ("threads = true", "threads: True is no text and no number"),
        ("[train]\nlr = 1", "'train' is no key"),
        ("lr = ", "is no TOML: Invalid value (at end of document)"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_and_key(
    write: Write, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(text)
    assert main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert config_path() in line
    assert said in line


def test_what_is_no_file_is_not_opened(write: Write) -> None:
    os.mkfifo(config_path())
    with pytest.raises(UsageError, match="is no regular file"):
        config_file.read_config_file()


def test_help_shows_file_keys_and_values_also_if_they_are_wrong(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    def page() -> str:
        with pytest.raises(SystemExit):
            main(["--help"])
        text = capsys.readouterr().out
        return " ".join(text[text.index("FILES") :].split())

    assert config_path() in page()
    assert ", ".join(keys()) in page()
    write('lr = [0.1, 0.5]\nname = "mine"\nascii = true\n')
    assert 'Now it says: lr = [0.1, 0.5], name = "mine", ascii = true.' in page()
    write("lr = ")
    assert "Now it cannot be used" in page()
