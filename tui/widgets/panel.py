"""A tab of the main screen: its part in the painter's work, and the help that the tabs share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.graphics import ImageSheet
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.few_colors import system_of
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.palette import BLACK, WHITE
from logreg_tui.tui.widgets.spans import strip_of


class Panel(Widget):
    """One view of the experiment; only the one that is shown is drawn."""

    NEEDS_PARAMETERS: ClassVar[bool] = False
    """True if the painter is to keep `history.parameters` of the selected run fresh."""
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Its own keys and what they do, for the help."""
    last_draw_s = 0.0
    """Seconds that drawing takes on the UI thread, by the newest ones: the painter rests in proportion."""

    @property
    def rest_s(self) -> float:
        """Seconds at least between two drawings of what is being trained."""
        return 0.0

    @dataclass
    class Analysed(Message):
        """Work that was given to `analyse` is done."""

        result: object

    def draw(self, history: History, selected: int | None) -> None:
        """Show the history as it is now, run number `selected` being the one that is looked at."""
        raise NotImplementedError

    def signature(self, history: History, selected: int | None) -> object:
        """Return what `draw` depends on: while it compares equal, nothing is drawn again."""
        raise NotImplementedError

    def analyse(self, work: Callable[[], object]) -> None:
        """Do something that takes long on another thread; `Analysed` brings its result.

        Of what is asked for while one is at work only the newest is done.
        """

        def run() -> None:
            self.post_message(self.Analysed(work()))

        self.run_worker(run, thread=True, exclusive=True, group="analysis", exit_on_error=False)


class LinePanel(LineView, Panel, can_focus=True):
    """A tab drawn as lines, anew after its size, its focus or the theme changed."""

    _took_s = 0.0
    """Seconds that the last drawing took."""

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw the lines, once there is room for them, and measure how long that takes."""
        if self.is_mounted and self.content_size.width and self.content_size.height:
            start = perf_counter()
            self.show_lines(self.lines(*self.content_size))
            took_s = perf_counter() - start
            # The first drawing loads what it needs: a rest in proportion would show old rows for seconds.
            self.last_draw_s, self._took_s = min(took_s, self._took_s), took_s

    def lines(self, width: int, height: int) -> Sequence[Strip]:
        """Return the panel's content: at most `height` lines of at most `width` cells."""
        raise NotImplementedError


class ParametersPanel(LinePanel):
    """A tab about the parameters of the selected run, or what they wait for."""

    NEEDS_PARAMETERS = True
    is_watching = False
    """True if another process trains."""
    images: ImageSheet | None = None
    """The images that it may show, if the terminal has a protocol for them."""
    _parameters: ParametersSnapshot | None = None
    """The newest of the selected run."""
    _waiting = ""
    """The reason why there are none."""

    def signature(self, history: History, selected: int | None) -> tuple[object, ...]:
        return self.newest(history, selected)

    def draw(self, history: History, selected: int | None) -> None:
        self._parameters, self._waiting = self.newest(history, selected)
        self.redraw()

    def sheet(self, style: ChartStyle, *, changes_often: bool) -> ImageSheet | None:
        """Return the place for the images of a drawing; None if they are to be drawn with characters."""
        if self.images is None or style.ascii_only or style.monochrome:
            return None
        return self.images if self.images.takes_changes or not changes_often else None

    def redraw(self) -> None:
        if self.images is None:
            super().redraw()
            return
        self.images.begin()
        super().redraw()
        self.images.end()

    def newest(self, history: History, selected: int | None) -> tuple[ParametersSnapshot | None, str]:
        """Return the newest parameters of the selected run, and the line that is shown without them."""
        if history.experiment is None or selected is None:
            return None, "Waiting for the training to begin."
        waiting = f"Waiting for the parameters of run {selected}."
        if self.is_watching:
            waiting = f"Reading run {selected} from the newest checkpoint: the first time takes some seconds."
        return history.parameters.get(selected), waiting


def chart_style_of(widget: LineView) -> ChartStyle:
    """Return what the terminal and the theme allow a widget."""
    dark = widget.app.current_theme.dark
    color = widget.background_colors[1]
    # A theme that leaves the background to the terminal says nothing about its colour.
    background = color.rgb if color.ansi is None and color.a == 1 else (BLACK if dark else WHITE)
    return ChartStyle(dark, widget.app.no_color, widget.glyphs.is_ascii, background, system_of(widget.app))


def text_lines(text: str, width: int, style: ChartStyle) -> list[Strip]:
    """Return a text as lines of at most `width` cells."""
    return [strip_of([(line, style.muted)]) for line in textwrap.wrap(text, max(1, width))]
