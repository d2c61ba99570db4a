"""The selected run's knobs: controls that post the user's request, and change nothing themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Checkbox, Input, Label, Static

from logreg_tui.core.errors import UsageError
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import RunSettings, check_l2, check_learning_rate
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.controls import Choice, NumberInput, PlainCheckbox


class Knobs(Vertical):
    """Head, lambda and learning rate of one run; schedule and seed to read."""

    @dataclass
    class HeadChosen(Message):
        """The user wants this head."""

        run: int
        head: str

    @dataclass
    class L2Toggled(Message):
        """The user wants the L2 term on or off."""

        run: int
        on: bool

    @dataclass
    class L2Entered(Message):
        """The user wants this lambda, which has been checked."""

        run: int
        l2: float

    @dataclass
    class LearningRateEntered(Message):
        """The user wants this learning rate, which has been checked."""

        run: int
        rate: float

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._shown: RunSettings | None = None
        self._run = 0
        self.disabled = True

    def compose(self) -> ComposeResult:
        """Yield one row per knob."""
        with Horizontal(classes="knob"):
            yield Label("Head", classes="knob-label wide-only")
            yield Choice(HEADS, HEADS[0], glyphs=self._glyphs, id="head")
        with Horizontal(classes="knob"):
            yield Label(
                f"L2 {self._glyphs.lambda_}" if len(self._glyphs.lambda_) == 1 else "L2", classes="knob-label"
            )
            yield PlainCheckbox(glyphs=self._glyphs, id="l2-on")
            yield NumberInput(id="l2")
        with Horizontal(classes="knob"):
            yield Label("lr", classes="knob-label")
            yield NumberInput(id="learning-rate")
            yield Static(id="rate-now", classes="note", markup=False)
        with Horizontal(classes="knob"):
            yield Label("schedule", classes="knob-label wide-only")
            yield Static(id="schedule", classes="note", markup=False)
        with Horizontal(classes="knob"):
            yield Label("seed", classes="knob-label")
            yield Static(id="seed", classes="note", markup=False)
        yield Static(id="knob-error", classes="note", markup=False)

    def show(self, run: int, title: str, settings: RunSettings, can_turn: bool) -> None:
        """Show a run's settings; posts nothing."""
        self.border_title = Content(title)
        self.disabled = not can_turn
        if run != self._run:
            self._run = run
            self.undo_typing()
        if settings != self._shown:
            self._shown = settings
            self._show_settings(settings)

    def _show_settings(self, settings: RunSettings) -> None:
        self.query_one("#head", Choice).value = settings.head
        self.query_one("#l2-on", PlainCheckbox).show(settings.l2 > 0)
        self.query_one("#l2", NumberInput).show(f"{settings.l2:g}")
        self.query_one("#learning-rate", NumberInput).show(f"{settings.learning_rate:g}")
        self._update("#schedule", str(settings.schedule))
        self._update("#seed", str(settings.seed))

    def show_rate(self, rate: float) -> None:
        """Show the learning rate of now if it differs from the knob."""
        text = f"{rate:.3g}"
        is_same = self._shown is None or text == f"{self._shown.learning_rate:.3g}"
        self._update("#rate-now", "" if is_same else f"now {text}")

    def _update(self, selector: str, text: str) -> None:
        static = self.query_one(selector, Static)
        if static.content != text:
            static.update(text, layout=False)

    def show_error(self, text: str) -> None:
        """Show what is wrong with what was typed; an empty text clears it."""
        self._update("#knob-error", text)

    def undo_typing(self) -> None:
        """Put back the values that hold."""
        self.show_error("")
        for field in self.query(NumberInput):
            field.undo_typing()

    @on(Choice.Chosen, "#head")
    def ask_for_head(self, event: Choice.Chosen) -> None:
        event.stop()
        self.post_message(self.HeadChosen(self._run, event.value))

    @on(Checkbox.Changed, "#l2-on")
    def ask_for_l2_switch(self, event: Checkbox.Changed) -> None:
        event.stop()
        self.post_message(self.L2Toggled(self._run, event.value))

    @on(Input.Submitted, "#l2")
    @on(Input.Blurred, "#l2")
    def ask_for_l2(self, event: Input.Submitted | Input.Blurred) -> None:
        event.stop()
        value = self._parse(event.input, check_l2)
        if value is not None:
            self.post_message(self.L2Entered(self._run, value))

    @on(Input.Submitted, "#learning-rate")
    @on(Input.Blurred, "#learning-rate")
    def ask_for_learning_rate(self, event: Input.Submitted | Input.Blurred) -> None:
        event.stop()
        value = self._parse(event.input, check_learning_rate)
        if value is not None:
            self.post_message(self.LearningRateEntered(self._run, value))

    def _parse(self, field: Input, check: Callable[[float], float]) -> float | None:
        """Return the number newly typed into a field, or None if there is none or it is refused."""
        assert isinstance(field, NumberInput)
        if field.value == field.shown:
            self.show_error("")
            return None
        try:
            value = check(parse_number(field.value))
        except UsageError as error:
            self.show_error(str(error))
            return None
        self.show_error("")
        return value


def parse_number(text: str) -> float:
    """Return the number that a text says. Raises UsageError, naming the text."""
    try:
        # Adding 0 turns -0 into 0.
        return float(text) + 0.0
    except ValueError as error:
        raise UsageError(f"{text!r} is not a number") from error
