"""One or two lines over the panels that cannot be overlooked: runs that fail, stall or are done."""

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
ORDER = (DIVERGED, EXPLODED)
"""Kinds that come first; the others are told in the order in which they were found."""


class Banner(LineView):
    """Divergences, explosions, then plateaus, newest first; what was dismissed does not come back."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "banner--diverged",
        "banner--exploded",
        "banner--stalls",
        "banner--converged",
    }
    DEFAULT_CSS = """
    Banner { display: none; width: 100%; height: 1; padding: 0 1; }
    Banner > .banner--diverged, Banner > .banner--exploded {
        text-style: bold; color: $text; background: $error;
    }
    Banner > .banner--converged { color: $text-success; background: $success-muted; }
    Banner > .banner--stalls { color: $text-warning; background: $warning-muted; }
    Banner:nocolor > .banner--diverged, Banner:nocolor > .banner--exploded { text-style: bold reverse; }
    Banner:nocolor > .banner--stalls, Banner:nocolor > .banner--converged { text-style: reverse; }
    """

    kinds: Mapping[int, str] = {}  # noqa: RUF012  replaced, never changed in place
    """The kind of the alarm of each run that has one, also of those that were dismissed."""
    _alarms: Sequence[Alarm] = ()
    _dismissed: frozenset[tuple[int, str, int]] = frozenset()

    def failed_run(self, selected: int | None) -> int | None:
        """Return the run that R restarts: the selected one if that has failed, else one told of here."""
        if selected is not None and self.kinds.get(selected) in ORDER:
            return selected
        return next((alarm.run for alarm in self._alarms if alarm.kind in ORDER), None)

    def show(self, history: History, selected: int | None = None, *, can_restart: bool = True) -> None:
        """Show what needs attention now; the key R is named only if `can_restart`."""
        every = alarms(history)
        self.kinds = {alarm.run: alarm.kind for alarm in every}
        found = [alarm for alarm in every if alarm.key not in self._dismissed]
        # A stable sort: the newest first of each kind.
        self._alarms = sorted(found, key=lambda alarm: (*ORDER, alarm.kind).index(alarm.kind))
        self.display = bool(self._alarms)
        if not self._alarms:
            return
        shown = self._alarms[:MOST_LINES]
        self.styles.height = len(shown)
        # The padding is there before the first layout.
        width = (self.size.width or self.app.size.width - 2) if self.is_attached else 0
        more = len(self._alarms) - len(shown)
        lines = []
        for number, alarm in enumerate(shown):
            offers_restart = can_restart and alarm.run == self.failed_run(selected)
            rate = slower(history.runs[alarm.run].settings.learning_rate) if offers_restart else None
            tail = f" (and {more} more)" if more and number == len(shown) - 1 else ""
            text = first_fitting([text + tail for text in _texts(alarm, rate)], width)
            style = self.get_component_rich_style(f"banner--{alarm.kind}")
            lines.append(self.strip([(shorten(text, width, ".."), style)]).adjust_cell_length(width, style))
        self.show_lines(lines)

    def dismiss(self, run: int | None = None) -> bool:
        """Hide all that is shown, or all of one run; return whether there was anything."""
        gone = [alarm for alarm in self._alarms if run in (None, alarm.run)]
        self._dismissed |= {alarm.key for alarm in gone}
        self._alarms = [alarm for alarm in self._alarms if alarm not in gone]
        self.display = bool(self._alarms)
        return bool(gone)

    def on_click(self) -> None:
        self.dismiss()


def slower(rate: float) -> float:
    """Return a tenth of a learning rate, rounded so that it reads as one."""
    return float(f"{rate / 10:.12g}")


def _texts(alarm: Alarm, rate: float | None) -> Iterator[str]:
    """Yield the texts of an alarm, the longest first; `rate` is the one to restart with."""
    if alarm.kind not in ORDER:
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
        return
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
