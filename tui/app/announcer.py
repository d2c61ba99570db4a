"""News for the terminal around the screen: a title, a bell and notifications for who looks elsewhere."""

from __future__ import annotations

from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.text import escape_control_chars, shortened
from logreg_tui.core.training.history import History

PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b]2;\x07\x1b[23;2t"
"""Keep the title that the terminal has; give it back. Emptied first, where there is no stack of titles."""
LONGEST_NAME = 30
ENDED = ("idle", "finished")
BLOCKED = "blocked"


class Announcer:
    """Reads the history from time to time, and says what is new since the last time."""

    def __init__(self, history: History, *, joins_late: bool = False) -> None:
        """If it joins late, what the history tells first has happened long ago and is no news."""
        self._history = history
        self._joins_late = joins_late
        self._has_resumed = False
        self._told: dict[str, str] = {}

    def title(self) -> str:
        """Return the title of the window: state, share of the epochs, accuracy, data."""
        history, experiment = self._history, self._history.experiment
        if experiment is None:
            return PROGRAM
        ends = [run.joined_at + run.epochs for run in history.runs.values()]
        share = f"{100 * history.step // max(ends)}%" if ends and history.state not in ENDED else ""
        state = "done" if history.state in ENDED else "" if history.is_moving else history.state
        dataset = shortened(escape_control_chars(experiment.dataset), LONGEST_NAME)
        words = [word for word in (state, share, self._accuracy(), dataset, f"- {PROGRAM}") if word]
        return " ".join(words).encode("ascii", "replace").decode()

    def news(self, failure: str | None = None) -> list[str]:
        """Return what has happened since the last call, a line each; `failure` ended the training."""
        now = self._now(failure)
        fresh = [text for name, text in now.items() if name not in self._told]
        self._told = now
        return [] if self._is_past() else fresh

    def note_resume(self) -> None:
        """Take note that all of the past has been told: what comes now is news."""
        self._has_resumed = True
        self._told = self._now(None)

    def _is_past(self) -> bool:
        """Return whether the history still tells of what was before."""
        experiment = self._history.experiment
        if self._joins_late and experiment is not None:
            self._joins_late = False
            return True
        # A training that begins behind step 0 is one that was resumed, and tells of its past first.
        return experiment is not None and experiment.step > 0 and not self._has_resumed

    def _now(self, failure: str | None) -> dict[str, str]:
        """Return all that is worth a bell, by what tells it from the rest."""
        history = self._history
        now = {
            f"run {run.number}": f"run {run.number} diverged at epoch {run.ended_at:,}"
            for run in history.runs.values()
            if run.status == "diverged"
        }
        if history.runs and history.state in ENDED:
            now["ended"] = f"all runs are done, {self._accuracy()} of the test samples right"
        if history.state == BLOCKED:
            now[BLOCKED] = "writing was refused, training waits"
        if failure is not None:
            now["failure"] = "training failed"
        return now

    def _accuracy(self) -> str:
        """Return the best of the newest test accuracies, shortly: it is sent whenever it changes."""
        newest = [run.last.test_accuracy for run in self._history.runs.values() if run.last is not None]
        return f"{max(newest):.3f}" if newest else ""
