"""A directory from somebody else: texts that a terminal would obey, and edits of its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import CONFIG
from logreg_tui.core.experiment.directory import CHECKPOINT, PREVIOUS_CHECKPOINT
from logreg_tui.core.experiment.event_log import EVENTS
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.training.requests import Control

ESCAPES = "\x1b[31mred\x1b]0;title\x07\r\x9b2J\n\u202e\u2028[bold]b[/bold][@click=app.quit]"
"""Colours, a title, a carriage return, C1, a new line, reversed text, Rich's and Textual's markup."""


def is_inert(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def edit_config(directory: Path, *keys: str, to: object) -> None:
    path = directory / CONFIG
    config = json.loads(path.read_text())
    place: dict[str, Any] = config
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    path.write_text(json.dumps(config))


def edit_checkpoint(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = torch.load(directory / CHECKPOINT, weights_only=True)
    change(record)
    torch.save(record, directory / CHECKPOINT)
    (directory / PREVIOUS_CHECKPOINT).unlink(missing_ok=True)


def add_event(directory: Path, event: str, **values: object) -> None:
    with (directory / EVENTS).open("a") as file:
        file.write(json.dumps({"time": ESCAPES, "event": event, **values}) + "\n")


def refusal(directory: Path) -> str:
    """Return what resuming is refused with, which must be one inert line."""
    with pytest.raises(UserError) as caught:
        list(resume_experiment(directory, Control(), print))
    text = str(caught.value)
    assert text.isprintable()
    return text
