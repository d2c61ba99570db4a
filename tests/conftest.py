"""Fixtures and hooks of all tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

TEST_DATA_VARIABLE = "LOGREG_TUI_TEST_DATA"


def pytest_sessionstart() -> None:
    """Collect no garbage while modules are loaded: there is none. Let apps have all colours."""
    gc.disable()
    os.environ["COLORTERM"] = "truecolor"


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through all of torch again and again, as the program does."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def mnist_dir() -> str:
    """A data directory in torchvision's layout that holds the real MNIST."""
    beside_the_repository = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(TEST_DATA_VARIABLE) or beside_the_repository)
    if not (folder / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip(
            f"needs the real MNIST: {TEST_DATA_VARIABLE} names no folder with MNIST/raw/*-ubyte in it"
        )
    return str(folder)


@pytest.fixture(autouse=True)
def no_config_file(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no test read the defaults or the choices of view of whoever runs it."""
    monkeypatch.delenv("LOGREG_TUI_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
