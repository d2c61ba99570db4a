"""Choices of view that are remembered between starts, in the user's configuration folder.

What is damaged, unknown or impossible is ignored value by value; a folder that cannot be written to
only means that nothing is remembered. Keys of a newer version are lost at the next save.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from logreg_tui.core.files import read_regular, replace_regular
from logreg_tui.core.settings import PROGRAM

FILE_NAME = "view.json"
MOST_BYTES = 65_536
"""No file of ours is larger."""
TAB_NUMBERS = range(1, 6)
SIDE_WIDTHS = range(24, 81)
LOG_HEIGHTS = range(3, 41)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choices of view; the defaults are those of the first start."""

    theme: str | None = None
    """Name of a theme, which this version may not have; None is the default one."""
    tab: int = 1
    """1 to 5."""
    log_x: bool = False
    log_y: bool | None = None
    """True if losses stand on a log axis; None is to let the chart choose."""
    by_seconds: bool = False
    """True if the x axis is in seconds rather than epochs."""
    accuracy: bool = False
    """True if accuracy rather than loss is drawn."""
    side_width: int | None = None
    """Cells of the column of runs and knobs, one of SIDE_WIDTHS; None is the style sheet's."""
    log_height: int | None = None
    """Lines of the accuracy log, one of LOG_HEIGHTS; None is the style sheet's."""
    runs_height: int | None = None
    """Lines of the list of runs, likewise."""
    second_height: int | None = None
    """Lines of the accuracies under the losses, likewise; None is a share of the tab."""
    hints_gone: str = ""
    """Names of the hints that were followed or dismissed, with commas between them."""


def preferences_path() -> Path:
    """Return the path of the file."""
    # Loaded when it is needed: it looks around in the system.
    from platformdirs import user_config_dir

    return Path(user_config_dir(PROGRAM, appauthor=False)) / FILE_NAME


def load(path: Path | None = None) -> Preferences:
    """Read the choices, with defaults in place of what is missing or impossible. Never raises."""
    try:
        record = json.loads(read_regular(path or preferences_path(), MOST_BYTES))
    # ValueError: not UTF-8 or not JSON; RecursionError: brackets without end.
    except (OSError, RuntimeError, ValueError):
        return Preferences()
    if not isinstance(record, dict):
        return Preferences()
    return Preferences(**{name: value for name, value in record.items() if _is_possible(name, value)})


def save(preferences: Preferences, path: Path | None = None) -> None:
    """Write them so that no other start meets half of a file; if that is refused, nothing happens."""
    text = json.dumps(asdict(preferences), indent=2) + "\n"
    with suppress(OSError, RuntimeError):
        target = path or preferences_path()
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_regular(Path(os.path.realpath(target)), lambda file: file.write(text.encode()))


def _is_possible(name: object, value: Any) -> bool:  # noqa: ANN401  whatever the file holds
    match name:
        case "log_y" if value is None:
            return True
        case "theme":
            return value is None or (isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable())
        case "tab":
            return _is_one_of(value, TAB_NUMBERS)
        case "hints_gone":
            return isinstance(value, str) and len(value) <= 1000
        case "side_width":
            return value is None or _is_one_of(value, SIDE_WIDTHS)
        case "log_height" | "runs_height" | "second_height":
            return value is None or _is_one_of(value, LOG_HEIGHTS)
    return isinstance(value, bool) and name in _NAMES


def _is_one_of(value: object, numbers: range) -> bool:
    # True is an int too.
    return type(value) is int and value in numbers


_NAMES = {field.name for field in fields(Preferences)}
