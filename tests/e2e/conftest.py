"""The installed command, run as a user runs it."""

from __future__ import annotations

import fcntl
import os
import subprocess
from hashlib import sha256
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
    """Return the figures of a training that nothing happens to.

    The same words are trained once, also where several workers of xdist ask for them.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    environment = {**os.environ, "LOGREG_TUI_DATA_DIR": data_dir}

    def train(*words: str) -> list[str]:
        folder = shared / f"uninterrupted-{sha256(repr(words).encode()).hexdigest()[:16]}"
        folder.mkdir(exist_ok=True)
        result = folder / "figures"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                command = [COMMAND, "train", *words]
                subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
                result.write_text("\n".join(figures(experiments(folder)[0])))
        return result.read_text().splitlines()

    return train
