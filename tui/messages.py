"""Messages of the training thread to the app; rows are not among them, History has those."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass
class TrainingEvent(Message):
    """Something other than a row happened; History has taken it in already."""

    event: Event


@dataclass
class TrainingEnded(Message):
    """The training thread is done: the last message it sends."""

    outcome: Outcome
