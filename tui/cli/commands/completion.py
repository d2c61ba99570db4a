"""Print a script that lets a shell complete commands, options and paths with the tab key.

For bash: eval "$(logreg-tui completion bash)" in ~/.bashrc. For zsh: logreg-tui completion zsh >
"${fpath[1]}/_logreg-tui". For fish: logreg-tui completion fish > ~/.config/fish/completions/logreg-tui.fish.
"""

from __future__ import annotations

import argparse
from typing import Any

from logreg_tui.tui.cli.parser import COMMANDS, Parser, load
from logreg_tui.tui.text.output import print_answer

EXAMPLE = "completion fish > ~/.config/fish/completions/logreg-tui.fish"
SHELLS = ("bash", "zsh", "fish")


def add_options(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def run(values: argparse.Namespace) -> int:
    import shtab

    print_answer(shtab.complete(whole_parser(), shell=values.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser of the app and all commands; paths are marked as such."""
    from logreg_tui.tui.cli.main import app_parser

    parser = app_parser()
    commands = parser.add_subparsers(dest="command")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        load(name).add_options(command)
        _mark_paths(command)
    _mark_paths(parser)
    return parser


def _mark_paths(parser: argparse.ArgumentParser) -> None:
    import shtab

    kinds: dict[Any, Any] = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "IMAGE": shtab.FILE}
    for action in parser._actions:
        # --dataset takes names and paths; of the two the shell can look up paths.
        if action.metavar in kinds or "--dataset" in action.option_strings:
            action.complete = kinds.get(action.metavar, shtab.FILE)  # type: ignore[attr-defined]
