"""A LineView cut into narrow tiles, for frames in which a few cells far apart change.

Textual 8 sends a changed row from the left edge of its widget on, whatever the region says; with
tiles it is sent from the left edge of a tile on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from logreg_tui.tui.widgets.line_view import LineView

TILE = 20
"""Columns of a tile: with fewer, painting everything costs more time than it saves bytes."""


class Tile(Widget):
    """The columns of its parent from `start` on."""

    ALLOW_SELECT = False
    DEFAULT_CSS = f"Tile {{ width: {TILE}; height: 1fr; }}"

    def __init__(self, parent: LineView, start: int) -> None:
        super().__init__()
        self._view = parent
        self._start = start
        self._style = Style.null()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the lines of a paint in the parent's style."""
        self._style = self._view.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return the tile's part of the parent's line."""
        return self._view.part(y, self._start, self._start + self.size.width, self._style)


class TiledView(LineView):
    """Shows strips like a LineView; of a row only tiles with changed cells are sent."""

    DEFAULT_CSS = "TiledView { layout: horizontal; overflow: hidden hidden; }"

    def compose(self) -> Iterable[Widget]:
        """Cover the width that the app has at first."""
        return [Tile(self, start) for start in range(0, self.app.size.width, TILE)]

    def on_resize(self, event: events.Resize) -> None:
        """Cover what a wider terminal adds."""
        covered = len(self.children) * TILE
        self.mount_all(Tile(self, start) for start in range(covered, event.size.width, TILE))

    def refresh_cells(self, changed: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Send the changed columns of each row."""
        regions: dict[int, list[Region]] = {}
        for y, columns in changed:
            for number, own in groupby(columns, key=lambda x: x // TILE):
                cells = list(own)
                region = Region(cells[0] - number * TILE, y, cells[-1] - cells[0] + 1, 1)
                regions.setdefault(number, []).append(region)
        for number, parts in regions.items():
            if number < len(self.children):
                self.children[number].refresh(*parts)
