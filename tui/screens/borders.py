"""Borders between the panels of a wide screen, which the mouse drags."""

from __future__ import annotations

from textual.screen import Screen

from logreg_tui.tui.preferences import LOG_HEIGHTS, SIDE_WIDTHS

SIDE, RUNS, LOG = "side_width", "runs_height", "log_height"
"""The sizes that a border decides about, named as in Preferences."""


def border_at(screen: Screen[None], x: int, y: int) -> str | None:
    """Return what the border at a cell of the screen decides about; None where there is no border."""
    side, runs, log = (screen.query_one(name).region for name in ("#side", "#runs", "#log"))
    if side.y <= y < side.bottom and x in (side.right - 1, side.right):
        return SIDE
    if not side.x < x < side.right - 1:
        return None
    if y in (runs.bottom - 1, runs.bottom):
        return RUNS
    return LOG if y in (log.y - 1, log.y) else None


def size_at(screen: Screen[None], border: str, x: int, y: int) -> int:
    """Return the size that a border has dragged to a cell of the screen, as Preferences allow it."""
    if border == SIDE:
        return max(SIDE_WIDTHS.start, min(x + 1, SIDE_WIDTHS.stop - 1, screen.size.width // 2))
    runs, log = (screen.query_one(name).region for name in ("#runs", "#log"))
    lines = y + 1 - runs.y if border == RUNS else log.bottom - y
    return max(LOG_HEIGHTS.start, min(lines, LOG_HEIGHTS.stop - 1))
