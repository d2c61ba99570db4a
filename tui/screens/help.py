"""The help: the keys that are active now, and what the numbers mean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.screens.dialog import Dialog
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.runs.run_list import RunList

KEY_WIDTH = 12
MEANINGS = (
    ("objective", "what is minimised: train loss + L2 penalty"),
    ("train, test loss", "cross entropy of the head's output, without the L2 term"),
    ("accuracy", "share of samples whose largest output is their label"),
    ("epoch", "updates made: every update uses all training samples"),
    ("rows", "lines in metrics.csv: each is on disk before it is shown"),
    (
        "sigmoid head",
        "its outputs lie between 0 and 1, so the loss of ten classes cannot fall below 1.4612; "
        "CrossEntropyLoss expects unbounded logits",
    ),
)
OTHER_KEYS = ("tab", "shift+tab", "ctrl+p", "ctrl+q", "ctrl+c")


class HelpScreen(Dialog[None]):
    """Scrollable; closes with escape, enter, q or another question mark."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q,question_mark", "cancel", "Close", show=False)]
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, screen: Screen[None], *, glyphs: Glyphs) -> None:
        super().__init__(glyphs=glyphs)
        self._text = Content("\n").join(help_lines(screen))

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog -help") as box:
            box.border_title = "Help"
            box.border_subtitle = "escape closes"
            yield Static(self._text)


def help_lines(screen: Screen[None]) -> Iterator[Content]:
    """Yield the lines: the actions by group, the focused control's own keys, the meanings."""
    bindings = screen.active_bindings
    owners = {active.binding.id: active for active in bindings.values() if active.binding.id}
    for group, actions in groupby(ACTIONS, key=lambda action: action.group):
        yield Content.styled(group, "bold")
        for action in actions:
            active = owners.get(action.action)
            yield _key_line(action.key, f"{action.title}: {action.help}", active is None or active.enabled)
    yield from _focused_lines(screen, bindings)
    yield Content.styled("What the numbers mean", "bold")
    for term, meaning in MEANINGS:
        yield Content.assemble(("  " + term, "bold"), f": {meaning}")


def _focused_lines(screen: Screen[None], bindings: dict[str, ActiveBinding]) -> Iterator[Content]:
    yield Content.styled("The control in focus, and everywhere", "bold")
    # A widget's own bindings only: those it inherits scroll what does not scroll.
    own = {
        binding.action for binding in getattr(screen.focused, "BINDINGS", ()) if isinstance(binding, Binding)
    }
    if isinstance(screen.focused, Panel | RunList):
        for keys, text in screen.focused.KEYS:
            yield _key_line(keys, text, True)
    for key, active in bindings.items():
        is_own = active.node is screen.focused and active.binding.action in own
        if active.binding.description and (is_own or key in OTHER_KEYS):
            yield _key_line(key, active.binding.description, active.enabled)


def _key_line(key: str, text: str, is_enabled: bool) -> Content:
    style = "" if is_enabled else "dim"
    return Content.assemble((f"  {key:<{KEY_WIDTH}}", "bold" if is_enabled else "dim"), (text, style))
