"""One or two lines over the panels that cannot be overlooked: runs that fail.

Plateaus come and go: each change of the banner would move all that is below it, so they are told in the
status line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from logreg_tui.core.analysis.diagnostics import CONVERGED, DIVERGED, EXPLODED, Alarm, alarms
from logreg_tui.core.analysis.trends import LEAST_FALL
from logreg_tui.core.training.history import History
from logreg_tui.tui.number_format import first_fitting, shorten
from logreg_tui.tui.widgets.line_view import LineView

MOST_LINES = 2
HINT = ", escape hides this"
FAILURES = (DIVERGED, EXPLODED)
"""Kinds of alarms that the banner tells, in this order."""


class Banner(LineView):
    """Divergences, then explosions, newest first; what was dismissed does not come back."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"banner--failure"}
    DEFAULT_CSS = """
    Banner { display: none; width: 100%; height: 1; padding: 0 1; }
    Banner > .banner--failure { text-style: bold; color: $text; background: $error; }
    Banner:nocolor > .banner--failure { text-style: bold reverse; }
    """

    kinds: Mapping[int, str] = {}  # noqa: RUF012  replaced, never changed in place
    """The kind of the alarm of each run that has one, also of those that were dismissed."""
    _failures: Sequence[Alarm] = ()
    _plateaus: Sequence[Alarm] = ()
    _dismissed: frozenset[tuple[int, str, int]] = frozenset()

    def failed_run(self, selected: int | None) -> int | None:
        """Return the run that R restarts: the selected one if that has failed, else one told of here."""
        if selected is not None and self.kinds.get(selected) in FAILURES:
            return selected
        return self._failures[0].run if self._failures else None

    @property
    def plateau_kind(self) -> str:
        """The kind of the plateau that `plateau` tells, empty if there is none."""
        return self._plateaus[0].kind if self._plateaus else ""

    def plateau(self, width: int) -> str:
        """Return what to tell of the newest plateau in `width` cells, empty if there is none.

        The others it counts are of its kind: a run that stalls is not one more that has converged.
        """
        if not self._plateaus:
            return ""
        tail = _tail(len(self._told_plateaus()) - 1)
        return first_fitting([text + tail for text in _plateau_texts(self._plateaus[0])], width)

    def show(self, history: History, selected: int | None = None, *, can_restart: bool = True) -> None:
        """Show what needs attention now; the key R is named only if `can_restart`."""
        every = alarms(history)
        self.kinds = {alarm.run: alarm.kind for alarm in every}
        found = [alarm for alarm in every if alarm.key not in self._dismissed]
        self._failures = [alarm for kind in FAILURES for alarm in found if alarm.kind == kind]
        self._plateaus = [alarm for alarm in found if alarm.kind not in FAILURES]
        self.display = bool(self._failures)
        if not self._failures:
            return
        shown = self._failures[:MOST_LINES]
        self.styles.height = len(shown)
        # The padding is there before the first layout.
        width = (self.size.width or self.app.size.width - 2) if self.is_attached else 0
        more = len(self._failures) - len(shown)
        style = self.get_component_rich_style("banner--failure")
        lines = []
        for number, alarm in enumerate(shown):
            offers_restart = can_restart and alarm.run == self.failed_run(selected)
            rate = slower(history.runs[alarm.run].settings.learning_rate) if offers_restart else None
            tail = _tail(more) if number == len(shown) - 1 else ""
            text = first_fitting([text + tail for text in _failure_texts(alarm, rate)], width)
            lines.append(self.strip([(shorten(text, width, ".."), style)]).adjust_cell_length(width, style))
        self.show_lines(lines)

    def dismiss(self, run: int | None = None) -> bool:
        """Hide the failures that are shown, or those of one run; return whether there were any."""
        gone = [alarm for alarm in self._failures if run in (None, alarm.run)]
        self._failures = [alarm for alarm in self._failures if alarm not in gone]
        self._dismissed |= {alarm.key for alarm in gone}
        self.display = bool(self._failures)
        return bool(gone)

    def dismiss_plateaus(self) -> bool:
        """Tell no more of the plateaus of the kind that is told now; return whether there were any."""
        gone = self._told_plateaus()
        self._dismissed |= {alarm.key for alarm in gone}
        self._plateaus = [alarm for alarm in self._plateaus if alarm not in gone]
        return bool(gone)

    def _told_plateaus(self) -> list[Alarm]:
        return [alarm for alarm in self._plateaus if alarm.kind == self.plateau_kind]

    def on_click(self) -> None:
        self.dismiss()


def slower(rate: float) -> float:
    """Return a tenth of a learning rate, rounded so that it reads as one."""
    return float(f"{rate / 10:.12g}")


def _tail(more: int) -> str:
    return f" (and {more} more)" if more else ""


def _plateau_texts(alarm: Alarm) -> Iterator[str]:
    """Yield the texts of a plateau, the longest first."""
    is_converged = alarm.kind == CONVERGED
    begin = f"run {alarm.run} {'has converged' if is_converged else 'stalls'} since epoch {alarm.epoch:,}"
    cause = f"the loss fell by less than {100 * LEAST_FALL:.2f} % in {alarm.epochs:,} epochs"
    if is_converged:
        cause += ", loss and gradient are small"
    yield f"{begin}: {cause} - tab 5 says why{HINT}"
    yield f"{begin}: {cause} - tab 5 says why"
    yield f"{begin} - tab 5 says why"
    yield begin
    yield begin.split(" since")[0]


def _failure_texts(alarm: Alarm, rate: float | None) -> Iterator[str]:
    """Yield the texts of a failure, the longest first; `rate` is the one to restart with."""
    verb = f"{'diverged at' if alarm.kind == DIVERGED else 'exploded, since'} epoch {alarm.epoch:,}"
    begin = f"run {alarm.run} {verb}"
    if rate is not None:
        offer = f"press R to restart it with a tenth of the learning rate ({rate:g})"
        yield f"{begin}: {alarm.cause} - {offer}{HINT}"
        yield f"{begin}: {alarm.cause} - {offer}"
        yield f"{begin}: {alarm.cause} - R restarts it with lr {rate:g}"
        yield f"{begin} - {offer}"
        yield f"{begin} - R restarts it with lr {rate:g}"
        yield f"{begin} - R restarts it"
    else:
        yield f"{begin}: {alarm.cause}"
    yield begin
    yield f"run {alarm.run} {alarm.kind}"
