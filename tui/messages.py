"""Messages of the training thread to the app; rows are not among them, History has those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from textual.message import Message

from logreg_tui.core.training.events import Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """The line that the command prints once the screen is gone, and its exit status."""

    status: int
    """0, or the `exit_status` of a UserError, or 1 for an error nobody foresaw."""
    error: str | None
    """One line for stderr, or None."""


@dataclass
class Preparing(Message):
    """A step of the preparation, in one line; a newer one takes its place."""

    text: str

    def can_replace(self, message: Message) -> bool:
        """Tell the queue that only the newest matters."""
        return isinstance(message, Preparing)


class TrainingEvents(Message):
    """Events other than rows, which History has taken in already.

    It gathers events until somebody takes them: a thousand runs that start are one message, not a thousand.
    """

    def __init__(self, first: Event) -> None:
        super().__init__()
        self._events = [first]
        self._is_taken = False
        self._lock = Lock()

    def add(self, event: Event) -> bool:
        """Add an event; return False if the others were taken already: it needs a new message then."""
        with self._lock:
            if not self._is_taken:
                self._events.append(event)
            return not self._is_taken

    def take(self) -> Sequence[Event]:
        """Return the events, oldest first, to which none is added any more."""
        with self._lock:
            self._is_taken = True
        return self._events


@dataclass
class TrainingEnded(Message):
    """The training thread is done: the last message it sends."""

    outcome: Outcome
