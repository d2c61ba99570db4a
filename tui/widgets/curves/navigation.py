"""The keys and the mouse that choose a part of the curves, or the epoch at which values are read off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from logreg_tui.tui.theme import UNICODE, Glyphs
from logreg_tui.tui.widgets.curves import window as curve_window
from logreg_tui.tui.widgets.curves.cursor import LONG_STEP, moved
from logreg_tui.tui.widgets.curves.window import ALL, Window
from logreg_tui.tui.widgets.panel import LinePanel

if TYPE_CHECKING:
    from logreg_tui.core.training.history import RunHistory
    from logreg_tui.tui.widgets.curves.axes import Plot

LEAST_LINES = 8
"""Of a chart above or under another one."""
ZOOM = 0.8
"""Share of the span that a step of the mouse wheel leaves."""


class CurveNavigation(LinePanel):
    """Moves along the x axis of curves that a subclass draws."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move_cursor(-1)", "Read back", show=False),
        Binding("right", "move_cursor(1)", "Read on", show=False),
        Binding("shift+left", f"move_cursor({-LONG_STEP})", "Ten rows back", show=False),
        Binding("shift+right", f"move_cursor({LONG_STEP})", "Ten rows on", show=False),
        Binding("home", "cursor_to_first", "First row", show=False),
        Binding("end", "cursor_to_newest", "Newest row", show=False),
    ]

    @dataclass
    class Divided(Message):
        """The user dragged the border between the two charts."""

        lines: int
        """Of the second one."""

    window: reactive[Window] = reactive(ALL, repaint=False)
    """The part of the x axis that is shown."""
    cursor: reactive[int | None] = reactive(None, repaint=False)
    """The epoch of the selected run at which values are read off."""
    second_lines: reactive[int | None] = reactive(None, repaint=False)
    """The lines of a second chart under the first one; None is a share of the height."""

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002
        super().__init__(glyphs=glyphs, id=id)
        self.plot: Plot | None = None
        """The cells of the plot as it was drawn, and the values they stand for."""
        self.second: tuple[int, int] | None = None
        """The columns or the lines of the second chart, if there is one."""
        self._pressed: tuple[int, Plot] | None = None
        """The column in which the mouse button went down, and the plot as it was then."""
        self._was_dragged = False
        self._is_dividing = False

    @property
    def run(self) -> RunHistory | None:
        """The run of which values are read off, once it has rows."""
        raise NotImplementedError

    def watch_window(self) -> None:
        self.redraw()

    watch_cursor = watch_second_lines = watch_window

    def zoom(self, direction: int) -> None:
        """Show less (1) or more (-1): the next share, or half or twice as much around the cursor."""
        if self.cursor is None or (direction < 0 and self.window.limits is None):
            next_window = curve_window.narrower if direction > 0 else curve_window.wider
            self.window = next_window(self.window)
        elif self.plot is not None and (x := self._cursor_x) is not None:
            place = min(max(self.plot.x_axis.place(x), 0.0), 1.0)
            factor = 0.5 if direction > 0 else 2.0
            self.window = curve_window.zoomed(self.plot.x_axis, place, factor, self.plot.end)

    @property
    def _cursor_x(self) -> float | None:
        """Epochs or seconds of the cursor."""
        run, plot, cursor = self.run, self.plot, self.cursor
        return None if run is None or plot is None or cursor is None else plot.x_of_epoch(run, cursor)

    def action_move_cursor(self, rows: int) -> None:
        """Read values off `rows` further; the first time at the newest row."""
        if (run := self.run) is not None:
            self._read_at(moved(run, self.cursor, rows))

    def _read_at(self, epoch: int) -> None:
        self.cursor = epoch
        if self.plot is not None and (x := self._cursor_x) is not None:
            self.window = curve_window.holding(self.window, self.plot.x_axis, x, self.plot.end)

    def leave_cursor(self) -> bool:
        """Stop reading values off; return whether they were."""
        was_reading, self.cursor = self.cursor is not None, None
        return was_reading

    def action_cursor_to_first(self) -> None:
        if (run := self.run) is not None:
            self._read_at(moved(run, 0))

    def action_cursor_to_newest(self) -> None:
        if (run := self.run) is not None and run.last is not None:
            self._read_at(run.last.epoch)

    # Mouse

    def _column(self, event: events.MouseEvent) -> int:
        return event.x - self.gutter.left

    def _on_plot(self, event: events.MouseEvent) -> bool:
        """Return True if the pointer is on a plot; two above each other have the same columns."""
        if self.plot is None:
            return False
        column, y = self._column(event), event.y - self.gutter.top
        is_below = self.second is not None and not self.second[0] and y > self.plot.bottom
        return self.plot.holds(column, self.plot.top if is_below else y)

    def _on_border(self, event: events.MouseEvent) -> bool:
        """Return True if the pointer is on the first line of a chart under another one."""
        below = self.second[1] if self.second is not None else 0
        return bool(below) and event.y - self.gutter.top == self.content_size.height - below

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Show less, around the pointer."""
        self._zoom_at_pointer(event, ZOOM)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Show more, around the pointer."""
        self._zoom_at_pointer(event, 1 / ZOOM)

    def _zoom_at_pointer(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        if self.plot is not None and self._on_plot(event) and not (factor > 1 and self.window.is_all):
            place = self.plot.place(self._column(event))
            self.window = curve_window.zoomed(self.plot.x_axis, place, factor, self.plot.end)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag, or to click."""
        if event.button == 1 and self._on_border(event):
            self._is_dividing = True
            self.capture_mouse()
            return
        if event.button == 1 and self.plot is not None and self._on_plot(event):
            self._pressed, self._was_dragged = (self._column(event), self.plot), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the curves with the pointer, or the border between two charts."""
        if self._is_dividing:
            lines = self.content_size.height - (event.y - self.gutter.top)
            self.second_lines = max(LEAST_LINES, min(lines, self.content_size.height - LEAST_LINES))
            return
        if self._pressed is None:
            return
        column, plot = self._pressed
        if self._column(event) != column or self._was_dragged:
            self._was_dragged = True
            # Of the whole axis there is nothing more to see.
            if not self.window.is_all:
                places = plot.place(column) - plot.place(self._column(event))
                self.window = curve_window.panned(plot.x_axis, places, plot.end)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Read values off at the column in which the button was pressed, unless the mouse was dragged."""
        if self._is_dividing:
            self._is_dividing = False
            self.release_mouse()
            if self.second_lines is not None:
                self.post_message(self.Divided(self.second_lines))
            return
        if self._pressed is None:
            return
        (column, plot), self._pressed = self._pressed, None
        self.release_mouse()
        if not self._was_dragged and (run := self.run) is not None:
            self._read_at(moved(run, plot.epoch_at(run, column)))
