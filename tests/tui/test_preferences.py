"""Choices of view on disk: what comes back, and what damaged or forbidden files do."""

from __future__ import annotations

from pathlib import Path

import pytest

from logreg_tui.tui.preferences import Preferences, load, preferences_path, save

CHOSEN = Preferences("textual-light", 5, True, True, True, True, 40, 12)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "view.json"
    save(CHOSEN, path)
    assert load(path) == CHOSEN
    assert [file.name for file in path.parent.iterdir()] == ["view.json"]


def test_they_are_kept_in_the_users_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if not preferences_path().is_relative_to(tmp_path):
        pytest.skip("this system's configuration folder follows no variable")
    save(CHOSEN)
    assert load() == CHOSEN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"null",
        b"[" * 60_000,
        b'{"theme": 3, "tab": 9}',
        b" " * 100_000 + b"{}",
    ],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "view.json"
    path.write_bytes(content)
    assert load(path) == Preferences()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"log_x": true, "log_y": 1, "tab": true, "wheels": 4}', Preferences(log_x=True)),
        ('{"theme": "\\u001b[2J", "tab": 4}', Preferences(tab=4)),
        ('{"theme": "", "side_width": 1000000, "log_height": -1}', Preferences()),
        ('{"side_width": 40.0, "log_height": null, "accuracy": true}', Preferences(accuracy=True)),
        ('{"theme": "nord", "side_width": 40}', Preferences("nord", side_width=40)),
    ],
)
def test_only_what_is_possible_is_taken(tmp_path: Path, content: str, expected: Preferences) -> None:
    path = tmp_path / "view.json"
    path.write_text(content)
    assert load(path) == expected


def test_a_folder_that_cannot_be_written_to_is_tolerated(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    save(CHOSEN, blocked / "view.json")
    assert load(blocked / "view.json") == Preferences()
    save(CHOSEN, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
