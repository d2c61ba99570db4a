"""The chart of train and test losses of every run, redrawn by itself on resize and theme change.

`draw` belongs to the UI thread: plotext has one figure for the whole process.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from textual import events
from textual.reactive import reactive

from logreg_tui.tui.widgets.chart_colors import BLACK, WHITE
from logreg_tui.tui.widgets.chart_frame import View, draw_frame
from logreg_tui.tui.widgets.chart_legend import Losses, newest_losses
from logreg_tui.tui.widgets.chart_look import Look
from logreg_tui.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from logreg_tui.core.history import History


class LossChart(LineView):
    """Shows the losses of a history as curves over the epochs."""

    DEFAULT_CSS = "LossChart { width: 1fr; height: 1fr; }"

    log_x: reactive[bool] = reactive(False, repaint=False)
    """Whether the epochs stand on a log axis; epoch 0 is left out then."""
    log_y: reactive[bool] = reactive(False, repaint=False)
    """Whether the losses stand on a log axis."""

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.last_draw_s = 0.0
        """Seconds that the last `draw` took, for a redraw interval that follows the cost."""
        self._ascii_only = ascii_only
        self._history: History | None = None
        self._selected: int | None = None
        self._losses: dict[int, Losses] = {}

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._redraw())

    # Textual calls the handlers of the base classes too.
    def on_resize(self, _: events.Resize) -> None:
        self._redraw()

    def watch_log_x(self) -> None:
        self._redraw()

    def watch_log_y(self) -> None:
        self._redraw()

    def draw(self, history: History, selected: int | None, *, keeps_legend: bool = False) -> None:
        """Show the history as it is now, run number `selected` on top.

        With `keeps_legend` the losses in the legend stay: digits that change in every frame cannot be read.
        """
        self._history, self._selected = history, selected
        if not keeps_legend:
            self._losses = newest_losses(history.runs.values())
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.content_size if self.is_mounted else (0, 0)
        if self._history is None or not width or not height:
            return
        start = perf_counter()
        view = View(width, height, self._selected, self.log_x, self.log_y, self._losses)
        self.show_lines(draw_frame(self._history, view, self._look()))
        self.last_draw_s = perf_counter() - start

    def _look(self) -> Look:
        dark = self.app.current_theme.dark
        color = self.background_colors[1]
        # A theme that leaves the background to the terminal says nothing about its colour.
        background = color.rgb if color.ansi is None and color.a == 1 else (BLACK if dark else WHITE)
        return Look(dark, self.app.no_color, self._ascii_only, background)
