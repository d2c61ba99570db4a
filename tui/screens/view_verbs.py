"""The verbs that change what is looked at and nothing of the training: tabs, curves, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widgets import ContentSwitcher

from logreg_tui.tui.preferences import LOG_HEIGHTS, SIDE_WIDTHS
from logreg_tui.tui.screens.painter import Painter
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.tab_line import TabLine
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.runs.run_list import RunList

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp

TABS = (
    ("curves", "Curves"),
    ("weights", "Weights"),
    ("mistakes", "Mistakes"),
    ("compare", "Compare"),
    ("why", "Why"),
)
"""The panels, by id, and what their tabs say."""
WIDE = 104
"""Columns from which the runs stand beside the tabs."""


class ViewVerbs(Screen[None]):
    """One method per verb; a subclass puts the widgets on the screen and paints them."""

    app: LogRegApp
    painter: Painter

    def __init__(self) -> None:
        super().__init__()
        self.selected_number: int | None = None
        self.tab = 0
        """The tab that is shown, from 0."""

    def paint(self) -> None:
        """Show at once what changed."""
        raise NotImplementedError

    def show_tab(self, index: int) -> None:
        """Show one of TABS in place of the others."""
        name, _ = TABS[index]
        self.tab = index
        self.app.remember(tab=index + 1)
        self.query_one("#panels", ContentSwitcher).current = name
        self.query_one(TabLine).show(index)
        panel = self.query_one(f"#{name}", Panel)
        if panel.can_focus and not isinstance(panel, LossChart):
            panel.focus()
        else:
            self.query_one(RunList).focus()
        self.refresh_bindings()
        # Once it has its size.
        self.call_after_refresh(self.painter.show_panel, name, self.selected_number)

    def action_show_curves(self) -> None:
        """Show the losses as curves."""
        self.show_tab(0)

    def action_show_weights(self) -> None:
        """Show the weights of each class."""
        self.show_tab(1)

    def action_show_mistakes(self) -> None:
        """Show the confusion matrix."""
        self.show_tab(2)

    def action_show_compare(self) -> None:
        """Show the table of runs."""
        self.show_tab(3)

    def action_show_why(self) -> None:
        """Show why the run goes as it goes."""
        self.show_tab(4)

    def action_toggle_measure(self) -> None:
        """Draw losses or accuracies."""
        chart = self.query_one(LossChart)
        chart.toggle_measure()
        self.app.remember(accuracy=chart.measure == "accuracy")

    def action_widen(self) -> None:
        """Show more of the x axis."""
        self.query_one(LossChart).widen()

    def action_narrow(self) -> None:
        """Show less of the x axis."""
        self.query_one(LossChart).narrow()

    def action_toggle_clock(self) -> None:
        """Let the x axis count epochs or seconds."""
        chart = self.query_one(LossChart)
        chart.toggle_clock()
        self.app.remember(by_seconds=chart.clock == "seconds")

    def action_cycle_smoothing(self) -> None:
        """Smooth the curves more, or not at all."""
        self.query_one(LossChart).cycle_smoothing()

    def action_toggle_earlier(self) -> None:
        """Lay earlier experiments under the curves."""
        self.query_one(LossChart).toggle_earlier()

    def action_cursor_back(self) -> None:
        """Read values off one row further back."""
        self.query_one(LossChart).move_cursor(-1)

    def action_cursor_on(self) -> None:
        """Read values off one row further on."""
        self.query_one(LossChart).move_cursor(1)

    def action_cursor_far_back(self) -> None:
        """Read values off ten rows further back."""
        self.query_one(LossChart).move_cursor(-10)

    def action_cursor_far_on(self) -> None:
        """Read values off ten rows further on."""
        self.query_one(LossChart).move_cursor(10)

    def action_toggle_log_y(self) -> None:
        """Switch the loss axis."""
        chart = self.query_one(LossChart)
        chart.log_y = not chart.log_y
        self.app.remember(log_y=chart.log_y)

    def action_toggle_log_x(self) -> None:
        """Switch the epoch axis."""
        chart = self.query_one(LossChart)
        chart.log_x = not chart.log_x
        self.app.remember(log_x=chart.log_x)

    def _apply_sizes(self) -> None:
        """Give side column and accuracy log the sizes that the user likes, where there is room for them."""
        is_wide = self.size.width >= WIDE
        for selector, name, liked in (
            ("#side", "width", self.app.preferences.side_width),
            ("#log", "height", self.app.preferences.log_height),
        ):
            setattr(self.query_one(selector).styles, name, liked if is_wide else None)
        self.call_after_refresh(self.paint)

    def action_narrow_side(self) -> None:
        """Give the runs less room."""
        self._resize("#side", -2)

    def action_widen_side(self) -> None:
        """Give the runs more room."""
        self._resize("#side", 2)

    def action_lower_log(self) -> None:
        """Give the accuracy log less room."""
        self._resize("#log", -1)

    def action_raise_log(self) -> None:
        """Give the accuracy log more room."""
        self._resize("#log", 1)

    def _resize(self, selector: str, change: int) -> None:
        size = self.query_one(selector).size
        if selector == "#side":
            side_width = min(max(size.width + change, SIDE_WIDTHS.start), SIDE_WIDTHS.stop - 1)
            self.app.remember(side_width=min(side_width, self.size.width // 2))
        else:
            # The size is that of the content; the border takes two lines.
            log_height = min(max(size.height + 2 + change, LOG_HEIGHTS.start), LOG_HEIGHTS.stop - 1)
            self.app.remember(log_height=min(log_height, self.size.height // 2))
        self._apply_sizes()
