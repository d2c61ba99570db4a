"""The commands behind `:`: exact values for knobs, epochs, filter and selected run; their completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.errors import UsageError
from logreg_tui.core.goals import ENDED_EARLY, said_of
from logreg_tui.core.heads import HEADS, check_head
from logreg_tui.core.settings import (
    MOST_EPOCHS,
    check_l2,
    check_learning_rate,
    check_positive,
    parse_integer,
    parse_number,
)
from logreg_tui.core.training.requests import Extend

if TYPE_CHECKING:
    from logreg_tui.core.training.history import RunHistory
    from logreg_tui.tui.screens.main_actions import MainActions


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, its value in a word, and what is said of it while it is typed."""

    name: str
    value: str
    help: str
    run: Callable[[MainActions, str], None]
    """Carries it out. Raises UsageError, in one line."""
    choices: Sequence[str] = ()
    """All values that it takes, if these are few."""
    knob: str = ""
    """The setting of the selected run that it sets, if it does."""


def execute(screen: MainActions, text: str) -> None:
    """Carry out a command as it was typed. Raises UsageError."""
    name, _, value = text.strip().partition(" ")
    if not name:
        return
    command = COMMANDS.get(ALIASES.get(name.lower(), name.lower()))
    if command is None:
        raise UsageError(f"no command {name!r}: there are {', '.join(COMMANDS)}")
    value = value.strip()
    if not value and command.value and command.name != "filter":
        raise UsageError(f":{command.name} takes {command.value}")
    command.run(screen, value)


def completed(text: str) -> str | None:
    """Return a command with the word at its end completed; None if nothing, or too much, begins like it."""
    name, blank, value = text.partition(" ")
    command = COMMANDS.get(ALIASES.get(name.lower(), name.lower()))
    if not blank:
        # A name that is typed to its end gets the blank behind it.
        found = [f"{each} " if COMMANDS[each].value else each for each in COMMANDS if each.startswith(name)]
        return found[0] if name and found and found[0] != text else None
    if command is None or not value:
        return None
    found = [each for each in command.choices if each.startswith(value.lower()) and each != value]
    return f"{name} {found[0]}" if found else None


def remark(screen: MainActions, text: str) -> str:
    """Return what is said of a command while it is typed."""
    name = text.strip().partition(" ")[0].lower()
    command, run = COMMANDS.get(ALIASES.get(name, name)), screen.selected
    if command is not None:
        value = (
            None if run is None or not command.knob else getattr(screen.pending.settings(run), command.knob)
        )
        return (
            command.help if value is None or run is None else f"{command.help}; run {run.number} has {value}"
        )
    found = [each for each in COMMANDS if each.startswith(name)]
    return "  ".join(found or [f"no command {name!r}"])


def epochs_to_add(screen: MainActions) -> int:
    """Return a number of epochs to propose: where an ended run was to end, or as many again as planned."""
    run, experiment = screen.selected, screen.context.history.experiment
    if (
        run is not None
        and run.status in ENDED_EARLY
        and run.ended_at is not None
        and run.ended_at < run.epochs
    ):
        return run.epochs
    planned = max((each.epochs for each in screen.context.history.runs.values()), default=0)
    return planned + (experiment.epochs if experiment is not None else 0)


def _knob(name: str, check: Callable[[str], str | float]) -> Callable[[MainActions, str], None]:
    def turn(screen: MainActions, value: str) -> None:
        run = screen.selected
        checked = check(value)
        if run is None or not screen.can("switch_head"):
            raise UsageError(_why_not(screen, run))
        if checked == getattr(screen.pending.settings(run), name):
            raise UsageError(f"run {run.number} has that already")
        screen.change(run, name, checked)

    return turn


def _why_not(screen: MainActions, run: RunHistory | None) -> str:
    """Return why the knobs of a run cannot be turned."""
    if screen.context.is_watching:
        return "another process trains: this screen only watches"
    if run is None or not screen.can("new_run"):
        return "nothing trains here"
    remedy = "r starts it again" if run.status == "diverged" else "m lets it go on"
    return f"run {run.number} {said_of(run.status)}: {remedy}"


def _extend(screen: MainActions, value: str) -> None:
    epochs = _whole_number(value)
    if not screen.can("new_run"):
        raise UsageError(_why_not(screen, None))
    able = []
    for run in screen.context.history.runs.values():
        is_ended = run.status in ENDED_EARLY
        reached = run.ended_at or 0 if is_ended else run.epochs
        # Of runs that ended early the selected one is meant, and no other.
        is_meant = run is screen.selected if is_ended else run.status != "diverged"
        if is_meant and epochs > reached:
            able.append(run.number)
    if not able:
        raise UsageError(f"no run goes on to epoch {epochs:,}: each is planned to it or beyond, or has left")
    screen.pending.send(Extend(epochs, tuple(able)))


def _select(screen: MainActions, value: str) -> None:
    number = _whole_number(value)
    if number not in screen.context.history.runs:
        raise UsageError(f"there is no run {number}")
    screen.selected_number = number


def _whole_number(text: str) -> int:
    # With the commas that the screen writes.
    return check_positive("the number", parse_integer(text.replace(",", "")), MOST_EPOCHS)


def _number(check: Callable[[float], float]) -> Callable[[str], float]:
    return lambda text: check(parse_number(text))


def _filter(screen: MainActions, value: str) -> None:
    screen.set_filter(value)


def _quit(screen: MainActions, _: str) -> None:
    screen.app.call_later(screen.app.action_quit)


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "lr", "a number above 0", "learning rate, above 0: lr 0.05",
            _knob("learning_rate", _number(check_learning_rate)), knob="learning_rate",
        ),
        Command(
            "l2", "a number, 0 or more", "lambda, 0 or more: l2 1e-4",
            _knob("l2", _number(check_l2)), knob="l2",
        ),
        Command("head", " or ".join(HEADS), " or ".join(HEADS), _knob("head", check_head), HEADS, "head"),
        Command("epochs", "a whole number", "lets the runs train on to this epoch: epochs 20000", _extend),
        Command("run", "the number of a run", "selects a run: run 2", _select),
        Command("filter", "words", "shows some runs only: filter seed 1 or not sigmoid", _filter),
        Command("quit", "", "ends; everything is on disk", _quit),
    )
}  # fmt: skip
ALIASES = {"λ": "l2", "lambda": "l2", "learning_rate": "lr", "q": "quit"}
