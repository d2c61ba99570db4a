"""An experiment to report on, and figures that cost nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.reporting import both_heads, draw_nothing


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both heads; nobody may change it."""
    return both_heads(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def directory(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(kept, tmp_path / "runs" / "a"))


@pytest.fixture(autouse=True)
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of what would be drawn."""
    return draw_nothing(monkeypatch)
