"""Words of the command line to settings: data and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.tui.cli.options import add_training_options, to_settings
from logreg_tui.tui.cli.parser import Parser


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
        ("letters", "is unknown: use auto, mnist, .*npz or of a folder of .npy shards"),
        ("", "is unknown"),
        ("table.csv", "is unknown"),
        ("gone.npz", "there is no such .npz file or folder"),
        ("some/folder", "there is no such .npz file or folder"),
        ("a\0b", "is unknown"),
    ],
)
def test_what_is_no_dataset_is_refused(
    name: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").touch()
    with pytest.raises(UsageError, match=part):
        parsed("--dataset", name)
