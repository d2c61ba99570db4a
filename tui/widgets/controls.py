"""Small controls whose state is visible without colour and in plain ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Checkbox, Input

from logreg_tui.tui.theme import Glyphs


class Choice(Widget, can_focus=True):
    """Radio buttons, in one line if there is room: left, right, space or a click choose.

    Setting `value` from code posts nothing; only the user's choice does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Choose the one before", show=False),
        Binding("right,space", "move(1)", "Choose the next one", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("left right", "Choose the one before, the next one"),
        ("space", "Choose the next one"),
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--on", "choice--off", "choice--focused"}

    value: reactive[str] = reactive("")

    @dataclass
    class Chosen(Message):
        """The user chose."""

        choice: Choice
        value: str

        @property
        def control(self) -> Choice:
            """The choice it was made in."""
            return self.choice

    def __init__(self, options: Sequence[str], value: str, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._options = tuple(options)
        self._glyphs = glyphs
        self.set_reactive(Choice.value, value)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return len(self._options) * 5 - 1 + sum(map(len, self._options))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(map(self._line, self._lines(self.content_size.width)))

    def _lines(self, width: int) -> list[list[str]]:
        """Return the options in lines of at most `width` cells, one at least in each."""
        lines: list[list[str]] = [[]]
        left = 0
        for option in self._options:
            if lines[-1] and left + 4 + len(option) > width:
                lines.append([])
                left = 0
            lines[-1].append(option)
            left += 5 + len(option)
        return lines

    def _line(self, options: Sequence[str]) -> Content:
        pieces = []
        for option in options:
            is_on = option == self.value
            button = f"({self._glyphs.radio_on if is_on else ' '}) "
            name = "focused" if is_on and self.has_focus else "on" if is_on else "off"
            label = (option, self.get_visual_style(f"choice--{name}"))
            pieces.append(Content.assemble(button, label))
        return Content(" ").join(pieces)

    def action_move(self, direction: int) -> None:
        """Choose a neighbour, wrapping around."""
        index = (self._options.index(self.value) + direction) % len(self._options)
        self._choose(self._options[index])

    def on_click(self, event: events.Click) -> None:
        left, (x, y) = 0, event.get_content_offset_capture(self)
        lines = self._lines(self.content_size.width)
        for option in lines[min(y, len(lines) - 1)]:
            right = left + len(option) + 5
            if left <= x < right:
                self._choose(option)
                return
            left = right

    def _choose(self, option: str) -> None:
        if option != self.value:
            self.value = option
            self.post_message(self.Chosen(self, option))


class PlainCheckbox(Checkbox):
    """A check box drawn as `[x]`; setting it with `show` posts nothing."""

    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (("enter space", "Switch it on or off"),)

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, compact=True)
        self._glyphs = glyphs

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return 3

    def render(self) -> Content:
        style = self.get_visual_style("toggle--label")
        return Content.styled(f"[{self._glyphs.check_on if self.value else ' '}]", style)

    def show(self, value: bool) -> None:
        """Set it from code."""
        with self.prevent(Checkbox.Changed):
            self.value = value


class NumberInput(Input):
    """A compact field for one number; escape undoes what was typed."""

    def __init__(self, value: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(value, id=id, compact=True)
        self.cursor_blink = False
        self.shown = value
        """The text as long as the user types nothing."""

    def show(self, value: str) -> None:
        """Set it from code; what the user is typing stays."""
        if not self.has_focus or self.value == self.shown:
            self.replace_value(value)
        self.shown = value

    def undo_typing(self) -> None:
        """Put back the text that was shown."""
        self.replace_value(self.shown)

    def replace_value(self, value: str) -> None:
        """Set the text without posting a change."""
        if self.value != value:
            with self.prevent(Input.Changed):
                self.value = value
