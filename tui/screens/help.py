"""The help: the keys of what has the focus, all other keys that are active now, and what the numbers mean."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from logreg_tui.tui.theme import UNICODE, Glyphs

INDENT, GAP = 2, 2
"""Cells before a key, and behind the longest one."""
ROOM = 88
"""Cells of a line, if nobody says how many there are."""
MEANINGS = (
    ("objective", "what is minimised: train loss + L2 penalty"),
    ("train, test loss", "cross entropy of the head's output, without the L2 term"),
    ("accuracy", "share of samples whose largest output is their label"),
    ("gap", "test minus train"),
    ("change", "of the train loss in the newest 1,000 epochs with this head"),
    ("epoch", "updates made: every update uses all training samples"),
    ("rows", "lines in metrics.csv: each is on disk before it is shown"),
    (
        "sigmoid head",
        "its outputs lie between 0 and 1, so the loss of ten classes cannot fall below 1.4612; "
        "CrossEntropyLoss expects unbounded logits",
    ),
)
SIGNS = (
    ("training", "trains"),
    ("paused", "waits"),
    ("finished", "done"),
    ("ended", "ended before"),
    ("exploded", "exploded"),
    ("diverged", "diverged"),
)
"""States of a run and what their symbols in the list mean."""
EVERYWHERE = (
    ("tab", "To the next control or panel"),
    ("shift+tab", "To the one before"),
    ("ctrl+p", "Command palette: everything by name, and the themes"),
    ("ctrl+l", "Paint the screen again, after something else has written into it"),
    ("ctrl+z", "Stop everything until fg"),
    ("ctrl+c", "Pressed twice: quit, from a dialog too"),
    ("ctrl+q", "Quit"),
)
PLACES = {
    "runs": "the list of runs",
    "log": "the accuracy log",
    "typed": "the command line",
    "compare": "the comparison",
    "why": "the explanation",
}
"""Names of what has the focus by its id, if that is no name."""


class HelpScreen(Dialog[None]):
    """Scrollable; closes with escape, enter, q or another question mark."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q,question_mark", "cancel", "Close", show=False)]
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, screen: Screen[None], *, glyphs: Glyphs) -> None:
        super().__init__(glyphs=glyphs)
        self._entries = list(help_entries(screen, glyphs))

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog -help") as box:
            box.border_title = "Help"
            box.border_subtitle = "escape closes"
            yield HelpText(self._entries)


class HelpText(Static):
    """Headings, and keys beside what they do, wrapped behind the keys at the width that there is."""

    def __init__(self, entries: Sequence[HelpEntry]) -> None:
        super().__init__()
        self._entries = entries
        self._wrapped_at = 0

    def on_resize(self) -> None:
        if self.size.width != self._wrapped_at:
            self._wrapped_at = self.size.width
            self.update(Content("\n").join(wrapped(self._entries, self.size.width)))


def wrapped(entries: Sequence[HelpEntry], width: int = ROOM) -> Iterator[Content]:
    """Yield the entries as lines of at most `width` cells; what goes on stands under its beginning."""
    keys = max(len(entry.key) for entry in entries if entry.text and not entry.is_meaning)
    for entry in entries:
        style = "" if entry.is_enabled else "dim"
        if not entry.text:
            yield Content.styled(entry.key, "bold")
            continue
        indent = INDENT + GAP + (len(entry.key) if entry.is_meaning else keys)
        first, *others = textwrap.wrap(entry.text, max(1, width - indent)) or [""]
        key = f"{'':{INDENT}}{entry.key}".ljust(indent)
        yield Content.assemble((key, style or "bold"), (first, style))
        for line in others:
            yield Content.styled(" " * indent + line, style)


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """A key and what it does, a term and what it means, or a heading, which has no text."""

    key: str
    text: str = ""
    is_enabled: bool = True
    is_meaning: bool = False


def help_entries(screen: Screen[None], glyphs: Glyphs = UNICODE) -> Iterator[HelpEntry]:
    """Yield the keys of what has the focus, the others by group, each key once, and the meanings."""
    own = keys_of(screen.focused)
    if screen.focused is not None and own:
        yield HelpEntry(f"In {PLACES.get(screen.focused.id or '', f'the {screen.focused.id}')}")
        for keys, text in own:
            yield HelpEntry(keys, text)
    said = {key for keys, _ in own for key in keys.split()}
    if "arrows" in said:
        said |= {"up", "down", "left", "right"}
    owners = {active.binding.id: active for active in screen.active_bindings.values() if active.binding.id}
    for group, actions in groupby(ACTIONS, key=lambda action: action.group):
        others = [action for action in actions if action.key not in said]
        if others:
            yield HelpEntry(group)
        for action in others:
            active = owners.get(action.action)
            yield HelpEntry(action.key, action.sentence, active is None or active.enabled)
    yield HelpEntry("Everywhere")
    for keys, text in EVERYWHERE:
        if keys not in said:
            yield HelpEntry(keys, text)
    yield HelpEntry("What the numbers mean")
    signs = ", ".join(f"{glyphs.symbol(state)} {meaning}" for state, meaning in SIGNS)
    signs += f"; {glyphs.ranks[2]} best test accuracy, {glyphs.ranks[1]} best of a group"
    for term, meaning in (*MEANINGS, ("signs of a run", signs)):
        yield HelpEntry(f"{term}:", meaning, is_meaning=True)


def keys_of(widget: Widget | None) -> Sequence[tuple[str, str]]:
    """Return the keys of a widget's own and what they do."""
    keys: Sequence[tuple[str, str]] = getattr(widget, "KEYS", ())
    return keys
