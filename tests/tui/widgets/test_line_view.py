"""LineView: what is shown, and which lines are painted again."""

from __future__ import annotations

from helpers.app import painted_by, strips_of, text_of
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from logreg_tui.tui.widgets.line_view import LineView


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
        return text_of(self).splitlines()


async def test_lines_stand_inside_border_and_padding_on_the_widgets_background() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        await pilot.pause()
        assert [line[3:8] for line in app.screen_text()[2:4]] == ["hello", "world"]
        line = strips_of(app)[2].crop(3, 30)
        assert {str(segment.style.bgcolor.name) for segment in line if segment.style} == {"#102030"}


async def test_only_the_changed_lines_are_painted() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        await pilot.pause()
        assert painted_by(app, lambda: view.show_lines(strips("hello", "wOrLd"))) == {Region(3, 3, 34, 1)}


async def test_equal_lines_are_not_painted() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello"))
        await pilot.pause()
        assert painted_by(app, lambda: view.show_lines(strips("hello"))) == set()


async def test_what_lies_outside_is_not_shown() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("x" * 50))
        await pilot.pause()
        assert (
            painted_by(
                app, lambda: view.show_lines([*strips("x" * 50), *[Strip.blank(0)] * 3, *strips("yonder")])
            )
            == set()
        )
        view.show_lines(strips("x" * 40 + "y" * 10))
        await pilot.pause()
        assert "y" not in "".join(app.screen_text())


async def test_a_line_that_vanishes_is_wiped() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello", "world"))
        view.show_lines(strips("hello"))
        await pilot.pause()
        assert "world" not in "".join(app.screen_text())


async def test_a_resize_shows_everything_again() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.styles.width = "1fr"
        view.show_lines(strips("x" * 200))
        await pilot.resize_terminal(150, 20)
        await pilot.pause()
        assert app.screen_text()[2].count("x") == 150 - 6


async def test_a_new_background_reaches_every_cell() -> None:
    view = LineView(id="view")
    app = ViewApp(view)
    async with app.run_test(size=(60, 20)) as pilot:
        view.show_lines(strips("hello"))
        await pilot.pause()
        view.styles.background = "#405060"
        await pilot.pause()
        line = strips_of(app)[2].crop(3, 30)
        assert {str(segment.style.bgcolor.name) for segment in line if segment.style} == {"#405060"}
