"""What the terminal around the screen is told: a title, and news for somebody who looks elsewhere."""

from __future__ import annotations

from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training.history import History

PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b]2;\x07\x1b[23;2t"
"""Keep the title that the terminal has; give it back. Emptied first, where there is no stack of titles."""
ENDED = ("idle", "finished")
BLOCKED = "blocked"


class Announcer:
    """Reads the history from time to time, and says what is new since the last time."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._told: dict[str, str] = {}

    def title(self) -> str:
        """Return the title of the window: state, share of the epochs, accuracy, data."""
        history, experiment = self._history, self._history.experiment
        if experiment is None:
            return PROGRAM
        ends = [run.joined_at + run.epochs for run in history.runs.values()]
        share = f"{100 * history.step // max(ends)}%" if ends and history.state not in ENDED else ""
        state = "done" if history.state in ENDED else "" if history.is_moving else history.state
        dataset = escape_control_chars(experiment.dataset)
        words = [word for word in (state, share, self._accuracy(), dataset, f"- {PROGRAM}") if word]
        return " ".join(words).encode("ascii", "replace").decode()

    def news(self, failure: str | None = None) -> list[str]:
        """Return what has happened since the last call, a line each; `failure` ended the training."""
        now = self._now(failure)
        fresh = [text for name, text in now.items() if name not in self._told]
        self._told = now
        return fresh

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
