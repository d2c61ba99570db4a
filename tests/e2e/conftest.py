"""The installed command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from helpers.running import COMMAND, Command, Uninterrupted, experiments, figures
from helpers.small_data import write_data


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the dataset that most trainings here are about."""
    folder = tmp_path_factory.mktemp("small")
    write_data(folder)
    return str(folder)


@pytest.fixture
def environment(tmp_path: Path, data_dir: str) -> dict[str, str]:
    """An environment in which nothing of the user's is read or written."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGREG_TUI")}
    return {
        **kept,
        "HOME": str(tmp_path),
        "LOGREG_TUI_DATA_DIR": data_dir,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "TERM": "xterm-256color",
        "COLUMNS": "100",
    }


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Command:
    """Run `logreg-tui` with some words in a folder of its own and return what came of it."""

    def run(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *words],
            cwd=tmp_path,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Uninterrupted:
    """Return the figures of a training that nothing happens to; the same words are trained once."""
    known: dict[tuple[str, ...], list[str]] = {}
    environment = {**os.environ, "LOGREG_TUI_DATA_DIR": data_dir}

    def train(*words: str) -> list[str]:
        if words not in known:
            folder = tmp_path_factory.mktemp("uninterrupted")
            command = [COMMAND, "train", *words]
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
            known[words] = figures(experiments(folder)[0])
        return known[words]

    return train
