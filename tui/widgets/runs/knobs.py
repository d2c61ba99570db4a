"""The selected run's knobs: controls that post the user's request, and change nothing themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Checkbox, Input, Label, Static

from logreg_tui.core.errors import UsageError
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import RunSettings, check_l2, check_learning_rate, parse_number
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.controls import Choice, NumberInput, PlainCheckbox
from logreg_tui.tui.widgets.runs.card import RunCard


class KnobInput(NumberInput):
    """The field of a knob; the footer shows its keys."""

    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "Set the knob to what was typed; leaving the field does it too"),
        ("escape", "Put back the value that holds, and return to the list of runs"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Set", key_display="enter"),
        Binding("escape", "screen.focus_runs", "Undo"),
        Binding("tab", "app.focus_next", "Next"),
    ]


class Knobs(Vertical):
    """Head, lambda and learning rate of one run; schedule, seed and its figures to read."""

    @dataclass
    class L2Toggled(Message):
        """The user wants the L2 term on or off."""

        run: int
        on: bool

    @dataclass
    class Turned(Message):
        """The user wants another `head`, `l2` or `learning_rate`; the value has been checked."""

        run: int
        name: str
        value: str | float

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._shown: RunSettings | None = None
        self._run = 0
        self.disabled = True

    def compose(self) -> ComposeResult:
        with Horizontal(classes="knob"):
            yield Label("Head", classes="knob-label wide-only")
            yield Choice(HEADS, HEADS[0], glyphs=self._glyphs, id="head")
        with Horizontal(classes="knob"):
            yield Label("L2" if self._glyphs.is_ascii else f"L2 {self._glyphs.lambda_}", classes="knob-label")
            yield PlainCheckbox(glyphs=self._glyphs, id="l2-on")
            yield KnobInput(id="l2")
            yield Label("lr", id="rate-label")
            yield KnobInput(id="learning-rate")
        yield Static(id="schedule", classes="note", markup=False)
        yield Static(id="knob-error", classes="note", markup=False)
        yield RunCard(glyphs=self._glyphs, id="card")

    def show(self, run: int, title: str, settings: RunSettings, can_turn: bool) -> None:
        """Show a run's settings; posts nothing."""
        self.border_title = Content(title)
        self.disabled = not can_turn
        if run != self._run:
            self._run = run
            self.undo_typing()
        if settings != self._shown:
            self._shown = settings
            self.query_one("#head", Choice).value = settings.head
            self.query_one("#l2-on", PlainCheckbox).show(settings.l2 > 0)
            self.query_one("#l2", NumberInput).show(f"{settings.l2:g}")
            self.query_one("#learning-rate", NumberInput).show(f"{settings.learning_rate:g}")
            optimizer = "" if settings.optimizer.is_plain else f"{settings.optimizer}, "
            self._update("#schedule", f"{optimizer}{settings.schedule}, seed {settings.seed}")

    def _update(self, selector: str, text: str) -> None:
        static = self.query_one(selector, Static)
        if static.content != text:
            static.update(text, layout=False)

    def show_error(self, text: str) -> None:
        """Show what is wrong with what was typed; an empty text clears it."""
        self._update("#knob-error", text)
        self.query_one("#knob-error").set_class(bool(text), "-shown")

    def undo_typing(self) -> None:
        """Put back the values that hold."""
        self.show_error("")
        for field in self.query(NumberInput):
            field.undo_typing()

    @on(Choice.Chosen, "#head")
    def ask_for_head(self, event: Choice.Chosen) -> None:
        event.stop()
        self.post_message(self.Turned(self._run, "head", event.value))

    @on(Checkbox.Changed, "#l2-on")
    def ask_for_l2_switch(self, event: Checkbox.Changed) -> None:
        event.stop()
        self.post_message(self.L2Toggled(self._run, event.value))

    @on(Input.Submitted)
    @on(Input.Blurred)
    def ask_for_number(self, event: Input.Submitted | Input.Blurred) -> None:
        """Post a number that was newly typed, or show why it is refused."""
        event.stop()
        field, error = event.input, ""
        assert isinstance(field, NumberInput)
        if field.value != field.shown:
            name, check = ("l2", check_l2) if field.id == "l2" else ("learning_rate", check_learning_rate)
            try:
                self.post_message(self.Turned(self._run, name, check(parse_number(field.value))))
            except UsageError as refusal:
                error = str(refusal)
        self.show_error(error)
