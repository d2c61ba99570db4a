"""LineView and its tiles: what is shown, and which cells are sent again."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from logreg_tui.tui.widgets.chart_tiles import TILE, TiledView
from logreg_tui.tui.widgets.line_view import LineView, changed_columns

RED = Style(color="red")


def strips(*lines: str) -> list[Strip]:
    return [Strip([Segment(line)]) for line in lines]


class ViewApp(App[None]):
    CSS = """
    #view { width: 40; height: 8; border: round red; padding: 1 2; background: #102030; }
    """

    def __init__(self, view: LineView) -> None:
        super().__init__()
        self.view = view
        self.sent: list[Region] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def screen_text(self) -> list[str]:
        return [strip.text for strip in self.screen._compositor.render_strips()]

    def dirty(self) -> set[Region]:
        """Return the regions of the screen that will be sent, and forget them."""
        compositor = self.screen._compositor
        compositor._dirty_regions.clear()
        compositor.update_widgets(set(compositor.visible_widgets))
        return set(compositor._dirty_regions)


def views() -> list[LineView]:
    return [LineView(id="view"), TiledView(id="view")]


@pytest.mark.parametrize(
    ("before", "after", "columns"),
    [
        (Strip([Segment("abc")]), Strip([Segment("abc")]), []),
        (Strip([Segment("abc")]), Strip([Segment("a"), Segment("bc")]), []),
        (Strip([Segment("abcd")]), Strip([Segment("xbcy")]), [0, 3]),
        (Strip([Segment("abc")]), Strip([Segment("abc", RED)]), [0, 1, 2]),
        (Strip([Segment("ab")]), Strip([Segment("abc")]), [2]),
        (Strip([Segment("abc")]), Strip([Segment("ab")]), [2]),
        (Strip([Segment("漢a")]), Strip([Segment("漢b")]), [2]),
        (Strip([Segment("漢")]), Strip([Segment("ab")]), [0, 1]),
    ],
)
def test_changed_columns_are_found(before: Strip, after: Strip, columns: list[int]) -> None:
    assert changed_columns(before, after) == columns


@pytest.mark.parametrize("view", views())
async def test_lines_stand_inside_border_and_padding_on_the_widgets_background(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        await pilot.pause()
        assert [line[3:8] for line in app.screen_text()[2:4]] == ["hello", "world"]
        line = app.screen._compositor.render_strips()[2].crop(3, 30)
        assert {str(segment.style.bgcolor.name) for segment in line if segment.style} == {"#102030"}


@pytest.mark.parametrize("view", views())
async def test_only_the_changed_cells_are_sent(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        await pilot.pause()
        app.dirty()
        view.show_lines(strips("hello", "wOrLd"))
        assert app.dirty() == {Region(4, 3, 3, 1)}


@pytest.mark.parametrize("view", views())
async def test_equal_lines_are_not_sent(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello"))
        await pilot.pause()
        app.dirty()
        view.show_lines(strips("hello"))
        assert app.dirty() == set()


@pytest.mark.parametrize("view", views())
async def test_what_lies_outside_is_neither_sent_nor_shown(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("x" * 50))
        await pilot.pause()
        app.dirty()
        view.show_lines([*strips("x" * 40 + "y" * 10), *strips(*"    "), *strips("below")])
        assert app.dirty() == set()
        assert "y" not in "".join(app.screen_text())


@pytest.mark.parametrize("view", views())
async def test_a_line_that_vanishes_is_wiped(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        view.show_lines(strips("hello"))
        await pilot.pause()
        assert "world" not in "".join(app.screen_text())


@pytest.mark.parametrize("view", views())
async def test_a_resize_shows_everything_again(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.styles.width = "1fr"
        view.show_lines(strips("x" * 200))
        await pilot.resize_terminal(150, 20)
        await pilot.pause()
        assert app.screen_text()[2].count("x") == 150 - 6


@pytest.mark.parametrize("view", views())
async def test_a_new_background_reaches_every_cell(view: LineView) -> None:
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello"))
        await pilot.pause()
        view.styles.background = "#405060"
        await pilot.pause()
        line = app.screen._compositor.render_strips()[2].crop(3, 30)
        assert {str(segment.style.bgcolor.name) for segment in line if segment.style} == {"#405060"}


async def test_changes_far_apart_are_sent_per_tile() -> None:
    view = TiledView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("a" * 34))
        await pilot.pause()
        app.dirty()
        view.show_lines(strips("b" + "a" * 32 + "b"))
        assert app.dirty() == {Region(3, 2, 1, 1), Region(3 + 33, 2, 1, 1)}
        assert 33 // TILE > 0
