"""The tab that shows the weights of the selected run: a picture per class, one enlarged on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from logreg_tui.tui.widgets.panel import ParametersPanel, chart_style_of, text_lines

if TYPE_CHECKING:
    from logreg_tui.core.training.history import History
    from logreg_tui.tui.widgets.weights.view import Grid


IMAGES_REST_S = 3.0
"""Seconds between two drawings as images, which are sent anew as wholes: as many bytes as of half blocks."""


class WeightsPanel(ParametersPanel):
    """Draws the newest parameters that were shown; costs nothing until `draw` is called."""

    DEFAULT_CSS = "WeightsPanel { width: 1fr; height: 1fr; }"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("arrows", "Choose a class"),
        ("pageup pagedown", "Other classes, if not all fit"),
        ("enter click", "Enlarge the class, or show all again"),
        ("escape", "Show all classes again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Class before", show=False),
        Binding("right", "move(1)", "Next class", show=False),
        Binding("up", "move_lines(-1)", "Class above", show=False),
        Binding("down", "move_lines(1)", "Class below", show=False),
        Binding("pageup", "move_pages(-1)", "Classes before", show=False),
        Binding("pagedown", "move_pages(1)", "Next classes", show=False),
        Binding("home", "choose(0)", "First class", show=False),
        Binding("enter", "enlarge", "Enlarge", show=False),
        Binding("escape", "show_all", "All classes", show=False),
    ]

    _shape: tuple[int, int] | None = None
    _names: tuple[Sequence[str], Sequence[str]] = (), ()
    """Of the classes and of the features."""
    _chosen = 0
    """The class that the cursor is on."""
    _is_enlarged = False

    @property
    def rest_s(self) -> float:
        return IMAGES_REST_S if self.sheet(chart_style_of(self), changes_often=True) else 0.0

    def draw(self, history: History, selected: int | None) -> None:
        experiment = history.experiment
        if experiment is not None:
            self._shape, self._names = (
                experiment.image_shape,
                (experiment.class_names, experiment.feature_names),
            )
        super().draw(history, selected)

    def lines(self, width: int, height: int) -> list[Strip]:
        """Return the pictures, or why there are none."""
        style = chart_style_of(self)
        if self._parameters is None:
            return text_lines(self._waiting, width, style)
        # Loads numpy, for which the first frame does not wait.
        from logreg_tui.tui.widgets.weights.view import WeightsView, draw_weights

        self._chosen = min(self._chosen, len(self._parameters.bias) - 1)
        view = WeightsView(width, height, self._chosen, self._is_enlarged, self.has_focus)
        sheet = self.sheet(style, changes_often=True)
        return draw_weights(self._parameters, self._image_shape, view, style, *self._names, sheet=sheet)

    @property
    def _image_shape(self) -> tuple[int, int] | None:
        """The shape of the pictures, if the weights of a class fill it."""
        if self._shape is None or self._parameters is None:
            return None
        return self._shape if self._shape[0] * self._shape[1] == self._parameters.weight.shape[1] else None

    # Keys and mouse

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen if it has nothing to do here."""
        return self._is_enlarged if action == "show_all" else True

    def action_choose(self, number: int) -> None:
        """Choose a class, or the last one if there are fewer."""
        last = len(self._parameters.bias) - 1 if self._parameters is not None else 0
        self._chosen = max(0, min(number, last))
        self.redraw()

    def action_move(self, steps: int) -> None:
        """Choose a class some steps further on."""
        self.action_choose(self._chosen + steps)

    def action_move_lines(self, lines: int) -> None:
        """Choose the class below or above; of one that is enlarged, the next or the one before."""
        grid = self._grid()
        self.action_move(lines * (grid.across if grid is not None and not self._is_enlarged else 1))

    def action_move_pages(self, pages: int) -> None:
        """Choose a class a page further on."""
        grid = self._grid()
        self.action_move(pages * (grid.page if grid is not None else 10))

    def action_enlarge(self) -> None:
        """Show the chosen class alone, or all again."""
        self._is_enlarged = not self._is_enlarged
        self.redraw()

    def action_show_all(self) -> None:
        self._is_enlarged = False
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Enlarge the class under the mouse, or show all again."""
        grid, at = self._grid(), event.get_content_offset(self)
        if self._is_enlarged:
            self.action_enlarge()
        elif self._parameters is not None and grid is not None and at is not None:
            number = grid.class_at(at.x, at.y - 1, self._chosen)
            if number is not None and number < len(self._parameters.bias):
                self._chosen = number
                self.action_enlarge()

    def turn_wheel(self, direction: int) -> None:
        self.action_move_lines(direction)

    def _grid(self) -> Grid | None:
        """Return the places of the pictures, or None if there are none."""
        if self._parameters is None or self._image_shape is None:
            return None
        from logreg_tui.tui.widgets.weights.view import arrange, grid_height

        width, height = self.content_size
        return arrange(self._image_shape, len(self._parameters.bias), width, grid_height(height))
