"""The help: the keys of what has the focus, all other keys that are active now, and what the numbers mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.screens.dialog import Dialog
from logreg_tui.tui.theme import Glyphs

KEY_WIDTH = 11
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
EVERYWHERE = (
    ("tab", "To the next control or panel"),
    ("shift+tab", "To the one before"),
    ("ctrl+p", "Command palette: everything by name, and the themes"),
    ("ctrl+l", "Paint the screen again, after something else has written into it"),
    ("ctrl+z", "Stop everything until fg"),
    ("ctrl+c", "Pressed twice: quit, from a dialog too"),
    ("ctrl+q", "Quit"),
)
PLACES = {"runs": "the list of runs", "log": "the accuracy log", "typed": "the command line"}
"""Names of what has the focus by its id, if that is no name."""


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
    """Yield the lines: the keys of what has the focus, the others by group, each key once, the meanings."""
    own = keys_of(screen.focused)
    if screen.focused is not None and own:
        yield Content.styled(f"In {PLACES.get(screen.focused.id or '', f'the {screen.focused.id}')}", "bold")
        for keys, text in own:
            yield _key_line(keys, text, True)
    said = {key for keys, _ in own for key in keys.split()}
    if "arrows" in said:
        said |= {"up", "down", "left", "right"}
    owners = {active.binding.id: active for active in screen.active_bindings.values() if active.binding.id}
    for group, actions in groupby(ACTIONS, key=lambda action: action.group):
        others = [action for action in actions if action.key not in said]
        if others:
            yield Content.styled(group, "bold")
        for action in others:
            active = owners.get(action.action)
            yield _key_line(action.key, action.sentence, active is None or active.enabled)
    yield Content.styled("Everywhere", "bold")
    for keys, text in EVERYWHERE:
        if keys not in said:
            yield _key_line(keys, text, True)
    yield Content.styled("What the numbers mean", "bold")
    for term, meaning in MEANINGS:
        yield Content.assemble(("  " + term, "bold"), f": {meaning}")


def keys_of(widget: Widget | None) -> Sequence[tuple[str, str]]:
    """Return the keys of a widget's own and what they do."""
    keys: Sequence[tuple[str, str]] = getattr(widget, "KEYS", ())
    return keys


def _key_line(key: str, text: str, is_enabled: bool) -> Content:
    style = "" if is_enabled else "dim"
    return Content.assemble((f"  {key:<{KEY_WIDTH}}  ", "bold" if is_enabled else "dim"), (text, style))
