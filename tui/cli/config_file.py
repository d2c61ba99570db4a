"""The user's defaults: `logreg-tui/config.toml`, whose keys are the long names of options.

What the command line says goes before it. A key or value that makes no sense is an error, since what it was
to change would be looked for elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import PROGRAM
from logreg_tui.tui.cli.options import add_app_options, add_training_options
from logreg_tui.tui.cli.parser import Parser, path_text

FILE_NAME = "config.toml"
MOST_BYTES = 65_536
VARIABLE = "LOGREG_TUI_CONFIG"
"""Names another file in the environment, or as an empty text none."""
OWN_MEANING = {
    "resume": {"epochs", "engine"},
    "attach": {"epochs", "engine"},
    "bench": {"epochs"},
    "repeat": {"runs-dir"},
}
"""Options of commands that have a meaning of their own there, which no file decides."""
OF_ORIGINAL = {"data-dir", "device", "threads", "engine", "runs-dir"}
"""Keys that `report --run` heeds: the original experiment's own numbers are not a matter of taste."""


def config_path() -> str:
    """Return the path of the file, of which there may be none; empty if none is to be used."""
    if VARIABLE in os.environ:
        return path_text(os.environ[VARIABLE])
    if sys.platform == "linux":
        # What platformdirs says there: loading it takes a tenth of the time of `--help`.
        folder = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.expanduser("~/.config")
        # Without HOME there is none.
        return "" if folder[0] == "~" else os.path.join(folder, PROGRAM, FILE_NAME)
    from platformdirs import user_config_dir

    return os.path.join(user_config_dir(PROGRAM, appauthor=False), FILE_NAME)


def read_config_file() -> dict[str, Any]:
    """Return the keys and values of the file, none if there is no file. Raises UsageError."""
    path = config_path()
    try:
        os.stat(path)
    except OSError as error:
        if path and VARIABLE in os.environ:
            raise UsageError(f"{VARIABLE} names {path!r}: {error.strerror}") from error
        return {}
    import tomllib
    from pathlib import Path

    from logreg_tui.core.files import read_regular, reason

    try:
        return tomllib.loads(read_regular(Path(path), MOST_BYTES).decode())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason(error)}; move it away or mend it") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error


def keys() -> list[str]:
    """Return the keys that the file may have: the long names of the options of the app."""
    parser = Parser(PROGRAM)
    add_training_options(parser)
    add_app_options(parser)
    names = [action.option_strings[-1].removeprefix("--") for action in parser._actions]
    return [name for name in names if name != "help"]


def parse(parser: Parser, words: Sequence[str], command: str = "") -> argparse.Namespace:
    """Parse the words of a command line, of a command or of the app, with the defaults of the file.

    The attribute `from_file` has the names of those that stand in the file, `newest_in` the folder where the
    newest experiment is looked for, `command` the name of the command. Raises UsageError.
    """
    asks_for_help = not {"-h", "--help", "--version"}.isdisjoint(words)
    content = {} if asks_for_help else read_config_file()
    found = _defaults(content, parser, command)
    newest_in = path_text(str(content.get("runs-dir", "runs")))
    values = argparse.Namespace(**found, from_file=frozenset(found), newest_in=newest_in, command=command)
    return parser.parse_args(words, values)


def _defaults(content: Mapping[str, Any], parser: argparse.ArgumentParser, command: str) -> dict[str, Any]:
    """Return the attributes that the content of the file gives the options of a command."""
    path, found = config_path(), {}
    known = keys() if content else []
    for key, value in content.items():
        if key not in known:
            raise UsageError(f"{path}: {key!r} is no key: use {_suggested(key, known)}")
        action = parser._option_string_actions.get(f"--{key}")
        if action is None or key in OWN_MEANING.get(command, ()):
            continue
        if command == "report" and key not in OF_ORIGINAL:
            continue
        if key == "data-dir" and os.environ.get("LOGREG_TUI_DATA_DIR"):
            continue
        try:
            found[action.dest] = _value(parser, action, key, value)
        except argparse.ArgumentError as error:
            raise UsageError(f"{path}: {key}: {error.message}") from error
    return found


def _suggested(key: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    return " or ".join(get_close_matches(key, known, 2)) or ", ".join(known)


def _value(parser: argparse.ArgumentParser, action: argparse.Action, key: str, value: object) -> object:
    """Return the attribute that an option of the command line with this value would give."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise argparse.ArgumentError(action, f"{value!r} is neither true nor false")
        return value
    values = value if isinstance(value, list) else [value]
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str | int | float):
            raise argparse.ArgumentError(action, f"{each!r} is no text and no number")
    if action.nargs is None and isinstance(value, list):
        raise argparse.ArgumentError(action, "takes one value, not a list")
    if not values:
        raise argparse.ArgumentError(action, "the list is empty")
    result: object = parser._get_values(action, [str(each) for each in values])
    return result


def is_given(values: argparse.Namespace, name: str) -> bool:
    """Return whether an option that is off or missing by default stands on the command line."""
    return bool(getattr(values, name)) and name not in getattr(values, "from_file", ())


def about() -> str:
    """Return the part of the manual page on the file, with what it says now."""
    try:
        content = read_config_file()
    except UsageError as error:
        now = f"Now it cannot be used: {error}."
    else:
        now = f"Now it says: {', '.join(f'{key} = {_shown(value)}' for key, value in content.items())}."
        if not content:
            now = "Now there is none, or an empty one."
    return (
        "Defaults for the options above and for the same options of the commands, in TOML. Keys are the long "
        f"names: {', '.join(keys())}. For example: lr = [0.1, 0.01]. The command line goes before it. {now}"
    )


def _shown(value: object) -> str:
    """Return a value as TOML writes it, on one line."""
    from logreg_tui.core.text import escape_control_chars

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f'"{escape_control_chars(value)}"' if isinstance(value, str) else escape_control_chars(value)
