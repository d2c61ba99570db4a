"""The machine at a glance, in one line: how busy it is, with the last seconds as a small picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style

from logreg_tui.core.hardware import GPU, Sample
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, width_of
from logreg_tui.tui.widgets.sparkline import block

WIDE = 150
"""Cells from which a minute of use is shown rather than twenty seconds."""
WIDE_HISTORY, HISTORY, SMALL_HISTORY = 60, 20, 10
"""Cells, one per sample."""
GIB = 2**30
GAP: Span = ("  ", None)


class MachineLine(LineView):
    """Shows the newest sample and its history; takes no room while there are no samples."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"machine--label", "machine--history", "machine--value"}
    DEFAULT_CSS = """
    MachineLine { display: none; width: 100%; height: 1; padding: 0 1; }
    MachineLine > .machine--label { color: $text-muted; }
    MachineLine > .machine--history { color: $primary; }
    """
    _samples: Sequence[Sample] = ()

    def show(self, samples: Sequence[Sample]) -> None:
        """Show these samples, oldest first; what does not fit is left out from the right."""
        self._samples = samples
        self.redraw()

    def redraw(self) -> None:
        """Show the newest samples: while nothing trains no others come, also after a change of theme."""
        samples = self._samples
        self.display = bool(samples)
        if not samples:
            return
        room = self.content_size.width
        parts: list[Span] = []
        for more in self._blocks(samples):
            longer = [*parts, GAP, *more] if parts else more
            if width_of(longer) > room and parts:
                break
            parts = longer
        self.show_lines([self.strip(parts)])

    def _blocks(self, samples: Sequence[Sample]) -> list[list[Span]]:
        """Return the pieces that belong together, the most important first."""
        last = samples[-1]
        label, value = self._style("label"), self._style("value")
        blocks: list[list[Span]] = []
        if last.utilization is not None:
            width = WIDE_HISTORY if self.content_size.width >= WIDE else HISTORY
            busy = self._history(samples, lambda sample: sample.utilization, 1.0, width)
            blocks.append([(f"{last.kind} ", label), busy, (f" {last.utilization:>4.0%}", value)])
        if last.memory_used is not None and last.memory_total:
            used = self._history(samples, lambda sample: sample.memory_used, last.memory_total)
            name = "memory " if last.kind == GPU else "machine's memory "
            text = f" {last.memory_used / GIB:.1f} of {last.memory_total / GIB:.1f} GiB"
            blocks.append([(name, label), used, (text, value)])
        if last.own_memory is not None:
            blocks.append([("own ", label), (f"{last.own_memory / GIB:.2f} GiB", value)])
        if last.power_w is not None:
            watts = self._history(samples, lambda sample: sample.power_w, None)
            blocks.append([("power ", label), watts, (f" {last.power_w:>3.0f} W", value)])
        if last.temperature_c is not None:
            blocks.append([(f"{last.temperature_c:.0f} {'' if self.glyphs.is_ascii else '°'}C", value)])
        return blocks

    def _history(
        self,
        samples: Sequence[Sample],
        value: Callable[[Sample], float | None],
        most: float | None,
        width: int = SMALL_HISTORY,
    ) -> Span:
        """Return the newest values as blocks; `most` fills a cell, None stands for the largest of them."""
        values = [value(sample) for sample in samples[-width:]]
        scale = most if most is not None else max((each for each in values if each is not None), default=0.0)
        text = "".join(block(each, scale, self.glyphs.is_ascii) for each in values)
        return text.rjust(width), self._style("history")

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"machine--{name}")
