"""Hints for newcomers: one at a time, where it applies, gone for good once followed or dismissed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logreg_tui.core.analysis.diagnostics import STALLS
from logreg_tui.core.analysis.trends import is_near_floor
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import first_fitting

HEAD = "head"
SEEN_ROWS = 10
"""Rows of a run from which there is something to say about it."""


@dataclass(slots=True)
class Hints:
    """The hint that applies now; those that are gone are names with commas between them."""

    gone: str = ""
    _name: str = ""

    def text(
        self, history: History, selected: int | None, verdicts: Mapping[int, str], tab: int, width: int
    ) -> str:
        """Return the hint to show in `width` cells, empty if there is none.

        `verdicts` are the kinds of the alarms by run, `tab` counts from 0. A hint that applies no more
        was followed, and is gone.
        """
        texts = _texts(history, selected, verdicts, tab)
        if self._name and self._name not in texts:
            self.dismiss()
        left = [name for name in texts if self.is_due(name)]
        self._name = left[0] if left else ""
        if not self._name:
            return ""
        long, short = texts[self._name]
        return first_fitting([f"{long}, escape hides this", long, short], width)

    @property
    def advises_on_a_plateau(self) -> bool:
        """True if the hint that is shown is about a run on a plateau."""
        return self._name == HEAD

    def is_due(self, name: str) -> bool:
        """Return True if a hint was neither followed nor dismissed."""
        return name not in self.gone.split(",")

    def dismiss(self) -> bool:
        """Let the hint that is shown be gone; return whether there was one."""
        was_shown = bool(self._name)
        if was_shown:
            self.gone = ",".join(filter(None, (self.gone, self._name)))
            self._name = ""
        return was_shown


def _texts(
    history: History, selected: int | None, verdicts: Mapping[int, str], tab: int
) -> dict[str, tuple[str, str]]:
    """Return the hints that apply, long and short, by their names, the most important first."""
    runs = list(history.runs.values())
    live = [run for run in runs if run.is_training and len(run.columns) >= SEEN_ROWS]
    texts: dict[str, tuple[str, str]] = {}
    if (at_floor := _at_floor(history, live, selected, verdicts)) is not None:
        begin = f"run {at_floor} stalls at the dotted line: "
        # The key is that of the selected run.
        key = "h" if at_floor == selected else "select it, and h"
        texts[HEAD] = (f"{begin}{key} takes the sigmoid away", f"{begin}{key} takes it away")
    if len(runs) == 1 and live:
        texts["other"] = (
            "c trains the other head beside this run: two cost far less than twice one",
            "c trains the other head beside this run",
        )
    if len(runs) > 1 and live and tab == 0:
        texts["tabs"] = (
            "2 shows what each class looks for, 3 the mistakes, 5 why a run is where it is",
            "2 shows the weights, 3 the mistakes, 5 says why",
        )
    if runs and not any(run.is_training for run in runs) and history.state == "idle":
        texts["done"] = (
            "all runs are done: 4 compares them, e exports their rows, m trains on",
            "all done: 4 compares, e exports, m trains on",
        )
    return texts


def _at_floor(
    history: History, live: Sequence[RunHistory], selected: int | None, verdicts: Mapping[int, str]
) -> int | None:
    """Return the run that only its sigmoid holds back, the selected one if it is one of them."""
    if history.experiment is None:
        return None
    stalled = [run for run in live if verdicts.get(run.number) == STALLS]
    stalled.sort(key=lambda run: run.number != selected)
    return next((run.number for run in stalled if is_near_floor(run, history.experiment.classes)), None)
