"""Words of the command line to settings: data, memory, numbers and paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.tui.cli import config_file
from logreg_tui.tui.cli.options import add_training_options, to_settings
from logreg_tui.tui.cli.parser import COMMANDS, Parser, parser_of


def parsed(*words: str) -> ExperimentSettings:
    parser = Parser("logreg-tui", "")
    add_training_options(parser)
    return to_settings(parser.parse_args(words))


@pytest.mark.parametrize(("words", "limit"), [((), None), (("2G",), 2 << 30), (("1.5GB",), 3 << 29)])
def test_the_memory_limit_is_given_as_a_size(words: tuple[str, ...], limit: int | None) -> None:
    assert parsed(*(["--memory-limit", *words] if words else [])).memory_limit == limit


@pytest.mark.parametrize("text", ["0", "2X", "much"])
def test_a_bad_memory_limit_names_the_option_and_what_would_be_right(text: str) -> None:
    with pytest.raises(UsageError, match=f"--memory-limit: '{text}' is not a size: give bytes") as caught:
        parsed("--memory-limit", text)
    assert "\n" not in str(caught.value)


def test_names_files_and_folders_are_taken_for_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "own.npz").touch()
    for name in ("digits", "mine", "./mine", str(tmp_path), "own.npz"):
        assert parsed("--dataset", name).dataset == name


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("letters", "is unknown: use auto, mnist, .*npz or of a folder of IDX files or .npy shards"),
        ("", "is unknown"),
        ("table.txt", "does not begin with a sample"),
        ("gone.npz", "there is no such .npz file, table .* or folder"),
        ("gone.csv", "there is no such .npz file, table .* or folder"),
        ("some/folder", "there is no such .npz file, table .* or folder"),
        ("a\0b", "is unknown"),
    ],
)
def test_what_is_no_dataset_is_refused(
    name: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.txt").touch()
    with pytest.raises(UsageError, match=part):
        parsed("--dataset", name)


@pytest.mark.parametrize("text", ["1000000", "1_000_000", "1e6", "1.0E6", "1000000.0"])
def test_a_whole_number_may_be_written_in_every_usual_way(text: str) -> None:
    settings = parsed("--epochs", text, "--log-every", text, "--seed", text, "--threads", text)
    numbers = settings.epochs, settings.log_every, settings.runs[0].seed, settings.threads
    assert numbers == (10**6,) * 4
    assert all(type(number) is int for number in numbers)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epochs", "1.5"), "'1.5' is not a whole number"),
        (("--epochs", "ten"), "'ten' is not a number"),
        (("--epochs", "nan"), "'nan' is not a whole number"),
        (("--epochs", "inf"), "'inf' is not a whole number"),
        (("--epochs", "-1e3"), "-1000 is not a positive integer|give a positive integer"),
        (("--epochs", "2e12"), "1,000,000,000,000 at most"),
        (("--seed", "1e30"), "does not fit 64 bits"),
        (("--seed", "9" * 5000), "is not a whole number|does not fit 64 bits"),
        (("--log-every", "9223372036854775807"), "1,000,000,000,000 at most"),
        (("--l2", "-1e-3"), "lambda is -0.001: give a finite number that is 0 or more"),
        (("--l2", "-inf"), "lambda is -inf"),
        (("--lr", "0.1", "-2E5"), "learning rate is -200000"),
        (("--gamma", "-.5e-1"), "-0.05 is not a finite number above 0"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_words_that_fit(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parsed(*words)


def test_an_option_of_several_values_adds_them_up_each_time_it_is_given() -> None:
    words = ["--lr", "0.1", "--head", "logits", "--lr", "0.01", "0.001", "--seed", "1", "--seed", "2"]
    runs = parsed(*words).runs
    assert {run.learning_rate for run in runs} == {0.1, 0.01, 0.001}
    assert {run.head for run in runs} == {"logits"}
    assert {run.seed for run in runs} == {1, 2}
    assert [run.learning_rate for run in parsed().runs] == [0.01]
    with pytest.raises(UsageError, match="--lr 0.1 is given twice"):
        parsed("--lr", "0.1", "--lr", "0.1")


def test_a_tilde_is_the_home_folder_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGREG_TUI_DATA_DIR", "~/data")
    (tmp_path / "own.npz").touch()
    settings = parsed("--runs-dir=~/runs", "--dataset=~/own.npz")
    paths = settings.runs_dir, settings.dataset, settings.data_dir
    assert paths == (f"{tmp_path}/runs", f"{tmp_path}/own.npz", f"{tmp_path}/data")
    for name in COMMANDS:
        for action in parser_of(name)._actions:
            if action.metavar in ("DIR", "FILE", "IMAGE"):
                convert = cast("Callable[[str], object]", action.type)
                assert str(convert("~/x")) == f"{tmp_path}/x", (name, action.dest)


def test_optimizers_are_the_outermost_of_the_grid_and_take_what_belongs_to_them() -> None:
    words = ("--optimizer", "sgd", "momentum", "adam", "--momentum", "0.8", "--betas", "0.5", "0.9")
    runs = parsed(*words, "--lr", "0.1", "0.2").runs
    assert [run.learning_rate for run in runs] == [0.1, 0.2] * 3
    expected = Optimizer(), Optimizer("momentum", 0.8), Optimizer("adam", betas=(0.5, 0.9))
    assert tuple(run.optimizer for run in runs[::2]) == expected
    assert {run.optimizer for run in parsed().runs} == {Optimizer()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--optimizer lion", "invalid choice: 'lion'"),
        ("--optimizer adam adam", "--optimizer adam is given twice"),
        ("--momentum 0.5", "--momentum belongs to --optimizer momentum or nesterov, not to sgd"),
        ("--optimizer adam sgd --momentum 0.5", "not to adam sgd"),
        ("--optimizer nesterov --betas 0.9 0.99", "--betas belongs to --optimizer adam, not to nesterov"),
        ("--optimizer momentum --momentum 1", "momentum is 1.0: give a number from 0 to below 1"),
        ("--optimizer momentum --momentum nan", "momentum is nan"),
        ("--optimizer adam --betas 0.9", "expected 2 arguments"),
        ("--optimizer adam --betas 0.9 -1", "beta is -1.0: give a number from 0 to below 1"),
    ],
)
def test_what_an_optimizer_cannot_be_is_refused_in_one_line(words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parsed(*words.split())
    assert "\n" not in str(caught.value)


def test_without_a_home_folder_a_tilde_is_refused_and_no_folder_of_that_name_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(UsageError, match="there is no home folder; set HOME"):
        parsed("--runs-dir=~/runs")
    assert parsed("--runs-dir", "./~/runs").runs_dir == "./~/runs"
    monkeypatch.delenv(config_file.VARIABLE, raising=False)
    assert config_file.config_path() == ""
    assert config_file.read_config_file() == {}


def test_goals_hold_for_every_run_of_the_grid() -> None:
    runs = parsed("--lr", "0.1", "0.2", "--stop-at", "test_accuracy >= 92%", "--patience", "20").runs
    assert {(str(run.stop_at), run.patience) for run in runs} == {("test_accuracy >= 0.92", 20)}
    for words, said in (("--stop-at test_accuracy", "in quotes"), ("--patience 0", "not a positive integer")):
        with pytest.raises(UsageError, match=said):
            parsed(*words.split())


def test_ranges_stand_beside_lists_in_words_or_in_quotes() -> None:
    for words in (("1e-3..1", "log", "4"), ("1e-3..1 log 4",), ("1e-3", "--lr", "0.01..1 log 3")):
        runs = parsed("--lr", *words, "--seed", "-1..1", "--l2", "0", "0.1..0.3 lin 3").runs
        assert len(runs) == 4 * 4 * 3
        assert sorted({run.learning_rate for run in runs}) == [0.001, 0.01, 0.1, 1]
        assert sorted({run.l2 for run in runs}) == [0, 0.1, 0.2, 0.3]
        assert sorted({run.seed for run in runs}) == [-1, 0, 1]


def test_a_range_is_refused_with_its_option_and_a_value_of_it_may_not_come_again() -> None:
    with pytest.raises(UsageError, match="argument --l2: 0..1 log 3: a log range has no 0"):
        parsed("--l2", "0..1", "log", "3")
    with pytest.raises(UsageError, match="--seed 3 is given twice"):
        parsed("--seed", "0..9", "3")
