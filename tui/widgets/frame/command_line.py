"""The line in which commands and filters are typed; it takes one line of the screen while it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

COMMAND, FILTER = ":", "/"
"""The prompts: `:` takes what is typed once it is entered, `/` with every key."""


class CommandLine(Horizontal):
    """A prompt, a field and a note on what is being typed."""

    DEFAULT_CSS = """
    CommandLine { height: 1; display: none; }
    CommandLine.-open { display: block; }
    CommandLine > #prompt { width: 1; }
    CommandLine > #typed { width: 1fr; min-width: 12; border: none; height: 1; padding: 0; }
    CommandLine > #remark { width: auto; max-width: 70%; margin: 0 0 0 2; }
    """

    @dataclass
    class Entered(Message):
        """The user entered a command, or a filter that is to stay."""

        prompt: str
        text: str

    @dataclass
    class Typed(Message):
        """The text has changed, and with it what can be said about it."""

        prompt: str
        text: str

    @dataclass
    class Left(Message):
        """The user gave up what was being typed."""

        prompt: str

    def __init__(self, completed: Callable[[str], str | None], *, id: str | None = None) -> None:  # noqa: A002
        """`completed` returns a command with its last word completed, or None."""
        super().__init__(id=id)
        self._completed = completed
        self._entered: list[str] = []
        """The commands of before, the newest last."""
        self._recalled = 0
        """The number of commands back to the text that is shown; 0 is that being typed."""
        self._before: Widget | None = None
        """The widget that had the focus."""
        self.prompt = COMMAND

    def compose(self) -> ComposeResult:
        yield Static(COMMAND, id="prompt", markup=False)
        yield CommandInput(_Completion(self._completed), id="typed")
        yield Static(id="remark", markup=False)

    @property
    def is_open(self) -> bool:
        """True while something is typed."""
        return self.has_class("-open")

    def open(self, prompt: str, text: str = "") -> None:
        """Let the user type behind a prompt, beginning with a text."""
        if not self.is_open:
            self._before = self.screen.focused
        self.prompt, self._recalled = prompt, 0
        self.query_one("#prompt", Static).update(prompt)
        field = self.query_one(CommandInput)
        field.takes_commands = prompt == COMMAND
        with self.prevent(Input.Changed):
            field.replace_text(text)
        self.add_class("-open")
        field.focus()
        self.post_message(self.Typed(prompt, text))

    def close(self) -> None:
        """Give the focus back to what had it."""
        self.remove_class("-open")
        if self.screen.focused is self.query_one(CommandInput):
            before = self._before
            self.screen.set_focus(before if before is not None and before.focusable else None)

    def remark(self, text: str, *, is_wrong: bool = False) -> None:
        """Say something about what is typed."""
        line = self.query_one("#remark", Static)
        line.update(text)
        line.set_class(is_wrong, "-wrong")

    @on(Input.Changed)
    def tell_text(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.prompt, event.value))

    @on(Input.Submitted)
    def enter(self, event: Input.Submitted) -> None:
        event.stop()
        if self.prompt == COMMAND and event.value.strip() and event.value not in self._entered[-1:]:
            self._entered.append(event.value)
        self.post_message(self.Entered(self.prompt, event.value))

    def on_command_input_recalled(self, message: CommandInput.Recalled) -> None:
        """Show the command before, or the one after it."""
        self._recalled = max(0, min(len(self._entered), self._recalled + message.back))
        shown = self._entered[-self._recalled] if self._recalled else ""
        self.query_one(CommandInput).replace_text(shown)

    def on_command_input_left(self) -> None:
        """Give up, at escape."""
        self.close()
        self.post_message(self.Left(self.prompt))

    @on(Input.Blurred)
    def end_typing(self, event: Input.Blurred) -> None:
        """Close if the focus went elsewhere; a filter stays as it was typed."""
        event.stop()
        # Of a window that loses the focus the field has it again afterwards.
        if self.is_open and self.app.app_focus:
            self.close()
            is_filter = self.prompt == FILTER
            self.post_message(self.Entered(FILTER, event.value) if is_filter else self.Left(self.prompt))


class CommandInput(Input):
    """The field: tab completes, escape leaves."""

    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "Do what was typed"),
        ("tab", "Complete the word"),
        ("up down", "Bring back the command before, the one after it"),
        ("escape", "Leave without doing it"),
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Take over", key_display="enter"),
        Binding("tab", "complete", "Complete"),
        Binding("escape", "leave", "Cancel"),
        Binding("up", "recall(1)", "Command before", show=False),
        Binding("down", "recall(-1)", "Command after", show=False),
    ]

    @dataclass
    class Left(Message):
        """The user gave up."""

    @dataclass
    class Recalled(Message):
        """The user wants a command of before."""

        back: int
        """1 is the one before, -1 the one after."""

    takes_commands = True

    def __init__(self, completion: _Completion, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(suggester=completion, select_on_focus=False, id=id)
        self.cursor_blink = False
        self._completion = completion

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer completion where there is any."""
        return self.takes_commands if action in ("complete", "recall") else True

    def action_complete(self) -> None:
        if (text := self._completion.of(self.value)) is not None:
            self.replace_text(text)

    def replace_text(self, text: str) -> None:
        """Put another text in place of what was typed."""
        self.value = text
        self.cursor_position = len(text)

    def action_recall(self, back: int) -> None:
        self.post_message(self.Recalled(back))

    def action_leave(self) -> None:
        self.post_message(self.Left())


class _Completion(Suggester):
    def __init__(self, completed: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.of = completed

    async def get_suggestion(self, value: str) -> str | None:
        return self.of(value)
