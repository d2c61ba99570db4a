"""Shared by the tests of the report: experiments to report on, and figures that cost nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import experiments
from logreg_tui.core.report import figures
from logreg_tui.core.report.write import write_report
from logreg_tui.core.settings import RunSettings, Schedule, grid

HEADINGS = [
    "# Logistic regression on digits: what a sigmoid before the cross entropy does",
    "## Settings and model",
    "## Log",
    "### Run 1, sigmoid",
    "### Run 2, logits",
    "## Loss comparison",
    "## Weights",
    "## What removing the sigmoid changed, and why",
    "## Is code without the sigmoid right?",
    "## How to repeat it",
]


def trained(runs_dir: Path, runs: tuple[RunSettings, ...], **settings: Any) -> Path:  # noqa: ANN401
    return experiments.trained(runs_dir, runs, **{"epochs": 30, "report_every": 10, **settings})


def both_heads(runs_dir: Path) -> Path:
    """Train both heads, everything else the same."""
    return trained(runs_dir, grid(["sigmoid", "logits"], [0.001], [0.01], [0], Schedule(period=30)))


def draw_nothing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let figures be files that only name what would be drawn; return their titles, filled as they come."""
    drawn: list[str] = []

    def curves(curves: list[Any], target: Path) -> None:
        drawn.append(", ".join(curve.label for curve in curves))
        target.write_text(drawn[-1])

    def weights(weight: object, shape: object, title: str, target: Path, *_: object) -> None:
        drawn.append(title)
        target.write_text(title)

    monkeypatch.setattr(figures, "draw_curves", curves)
    monkeypatch.setattr(figures, "draw_weights", weights)
    return drawn


def written(target: Path, *directories: Path) -> str:
    write_report(directories, target)
    return target.read_text()


def rows_of_table(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    lines = text[text.index(f"\n{heading}\n") :].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    table = lines[start : lines.index("", start)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def rewritten(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / "config.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
