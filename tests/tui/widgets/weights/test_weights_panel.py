"""The tab of weights: its pictures, its keys, and what it says where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.app import PanelApp, looked_at, parameters
from helpers.records import history_of
from rich.cells import cell_len

from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.weights.panel import WeightsPanel
from logreg_tui.tui.widgets.weights.view import WeightsView, arrange, draw_weights, grid_height

SHAPE = (28, 28)


def model(classes: int = 10, shape: tuple[int, int] = SHAPE) -> ParametersSnapshot:
    random = np.random.default_rng(0)
    weight = random.normal(size=(classes, shape[0] * shape[1]))
    weight[-1, 3] = -5.25
    return parameters(weight, random.normal(size=classes))


def view(
    width: int, height: int, chosen: int = 0, *, is_enlarged: bool = False, has_focus: bool = True
) -> WeightsView:
    return WeightsView(width, height, chosen, is_enlarged, has_focus)


SIZES = [(58, 8), (58, 45), (80, 14), (100, 30), (160, 45), (160, 8)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (3, 40), (40, 3), (1, 784), (784, 1), (64, 48), None])
@pytest.mark.parametrize("classes", [2, 10, 47])
@pytest.mark.parametrize("is_enlarged", [False, True])
def test_every_drawing_fits(
    size: tuple[int, int], shape: tuple[int, int] | None, classes: int, is_enlarged: bool
) -> None:
    shown = model(classes, shape or (1, 12))
    lines = draw_weights(shown, shape, view(*size, chosen=classes - 1, is_enlarged=is_enlarged), ChartStyle())
    assert len(lines) <= size[1]
    assert max(line.cell_length for line in lines) <= size[0]


@pytest.mark.parametrize(
    ("size", "classes", "pages", "least"),
    [
        ((100, 28), 10, 1, 9),
        ((160, 43), 10, 1, 14),
        ((78, 11), 10, 1, 4),
        ((58, 7), 10, 2, 4),
        ((58, 7), 100, 17, 4),
        ((100, 28), 47, 1, 4),
        ((100, 28), 62, 2, 4),
    ],
)
def test_pictures_are_as_large_as_fit_and_paged_before_they_get_too_small(
    size: tuple[int, int], classes: int, pages: int, least: int
) -> None:
    grid = arrange(SHAPE, classes, *size)
    assert grid.height >= least
    assert grid.width == 2 * grid.height
    assert -(-classes // grid.page) == pages
    assert grid.down * (grid.height + 1) <= size[1]
    assert grid.across * (grid.width + 2) - 2 <= size[0]


def test_the_scale_is_that_of_the_largest_weight_of_all_classes() -> None:
    header = draw_weights(model(), SHAPE, view(100, 30), ChartStyle())[0].text
    assert header.startswith("Run 1 logits  epoch 3,210")
    assert "-5.25" in header
    assert header.endswith("+5.25")
    assert " 0 " in header


def test_a_class_is_found_under_the_mouse() -> None:
    grid = arrange(SHAPE, 10, 100, 28)
    step = grid.width + 2
    assert grid.class_at(0, 0, 0) == 0
    assert grid.class_at(2 * step + 3, grid.height, 0) == 2
    assert grid.class_at(step - 1, 3, 0) is None
    assert grid.class_at(1, grid.height + 1, 0) == grid.across
    assert grid.class_at(1, 28, 0) is None


def test_a_class_that_is_enlarged_has_its_figures_beside_it() -> None:
    weight = np.zeros((3, 6))
    weight[1] = [0.5, -2, 0, 0, 3, 0]
    shown = parameters(weight, np.array([0, 0.125, 0]))
    lines = draw_weights(shown, (2, 3), view(80, 20, 1, is_enlarged=True), ChartStyle())
    text = "\n".join(line.text for line in lines)
    for fact in ("class 1 of 3", "+0.125", "-2 row 0, column 1", "+3 row 1, column 1", "3.64"):
        assert fact in " ".join(text.split())


def test_without_images_the_largest_weights_are_listed() -> None:
    weight = np.zeros((3, 5))
    weight[2, 1], weight[0, 4], weight[1, 0] = -4, 3, 1
    lines = draw_weights(parameters(weight), None, view(80, 6, has_focus=False), ChartStyle(monochrome=True))
    assert "No image shape" in lines[1].text
    rows = [line.text.split()[:3] for line in lines[3:]]
    assert rows == [["2", "1", "-4"], ["0", "4", "+3"], ["1", "0", "+1"]]
    left, right = lines[3].text.split("│")
    assert "█" in left
    assert "█" not in right


def test_of_a_class_alone_its_own_weights_are_listed() -> None:
    weight = np.arange(8.0).reshape(2, 4)
    lines = draw_weights(
        parameters(weight), None, view(80, 5, 0, is_enlarged=True), ChartStyle(ascii_only=True)
    )
    assert [line.text.split()[:3] for line in lines[3:]] == [["0", "3", "+3"], ["0", "2", "+2"]]
    assert all(line.text.isascii() for line in lines)


def test_classes_and_features_are_shown_by_their_names() -> None:
    weight = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -4.0]])
    names = ("setosa", "日本語の名前"), ("sepal length (cm)", "petal", "width")
    for ascii_only in (False, True):
        style = ChartStyle(ascii_only=ascii_only)
        lines = draw_weights(parameters(weight), None, view(80, 9, has_focus=False), style, *names)
        assert lines[1].text == "The largest weights of all classes"
        assert lines[4].text.split()[1:3] == ["petal", "+3"]
        assert lines[5].text.split()[:3] == ["setosa", "petal", "-2"]
        assert ("日本語の名前" in lines[3].text) is not ascii_only
        # Bars stand under each other, however wide the characters of a name are.
        ends = {
            cell_len(line.text[: line.text.index(value) + len(value)])
            for line, value in zip(lines[3:6], ("-4", "+3", "-2"), strict=True)
        }
        assert len(ends) == 1
        assert max(line.cell_length for line in lines) <= 80
    caption = draw_weights(parameters(weight[:, :1]), (1, 1), view(60, 10), ChartStyle(), *names)[1].text
    assert caption.startswith("setosa bias")


@pytest.mark.parametrize("style", [ChartStyle(ascii_only=True), ChartStyle(ascii_only=True, monochrome=True)])
def test_ascii_is_ascii(style: ChartStyle) -> None:
    for is_enlarged in (False, True):
        lines = draw_weights(model(), SHAPE, view(100, 30, is_enlarged=is_enlarged), style)
        assert all(line.text.isascii() for line in lines)


def test_weights_that_are_not_finite_are_drawn() -> None:
    weight = np.full((2, 4), np.nan)
    for is_enlarged in (False, True):
        draw_weights(parameters(weight), (2, 2), view(60, 10, is_enlarged=is_enlarged), ChartStyle())
        draw_weights(parameters(weight), None, view(60, 10, is_enlarged=is_enlarged), ChartStyle())


def test_the_hint_takes_no_line_of_a_small_panel() -> None:
    assert grid_height(8) == 7
    assert grid_height(20) == 18


async def test_keys_choose_and_enlarge_a_class() -> None:
    panel = WeightsPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(looked_at(model(), None, shape=SHAPE), 1)
        panel.focus()
        await pilot.press("right", "down", "enter")
        assert "class 6 of 10" in app.text()
        await pilot.press("right")
        assert "class 7 of 10" in app.text()
        await pilot.press("escape")
        assert "class 7" not in app.text()
        assert "9 bias" in app.text()


async def test_the_panel_takes_the_names_from_the_experiment() -> None:
    panel = WeightsPanel()
    app = PanelApp(panel)
    names = {"class_names": ("no", "yes"), "feature_names": ("age", "height", "weight")}
    shown = parameters(np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -4.0]]))
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history_of(shown, features=3, classes=2, image_shape=None, **names), 1)
        panel.focus()
        await pilot.press("right", "enter")
        assert "The largest weights of class yes" in app.text()
        rows = [line.split()[:3] for line in app.lines() if line.split()[:1] == ["yes"]]
        assert rows == [["yes", "weight", "-4"], ["yes", "height", "+3"], ["yes", "age", "+0.25"]]


async def test_escape_is_left_to_the_screen_where_nothing_is_enlarged() -> None:
    class Watchful(PanelApp):
        BINDINGS = [("escape", "leave")]
        left = 0

        def action_leave(self) -> None:
            self.left += 1

    panel = WeightsPanel()
    app = Watchful(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(looked_at(model(), None, shape=SHAPE), 1)
        panel.focus()
        await pilot.press("enter", "escape")
        assert app.left == 0
        await pilot.press("escape")
        assert app.left == 1


async def test_a_click_enlarges_a_class_and_another_one_shows_all() -> None:
    panel = WeightsPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(looked_at(model(), None, shape=SHAPE), 1)
        await pilot.pause()
        await pilot.click(panel, offset=(25, 5))
        assert "class 1 of 10" in app.text()
        await pilot.click(panel, offset=(5, 5))
        assert "class 1 of 10" not in app.text()


async def test_pages_follow_the_chosen_class() -> None:
    panel = WeightsPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(looked_at(model(), None, shape=SHAPE), 1)
        panel.focus()
        await pilot.pause()
        assert "0-5 of 10" in app.lines()[0]
        await pilot.press("pagedown")
        assert "6-9 of 10" in app.lines()[0]


async def test_the_theme_decides_the_colours() -> None:
    panel = WeightsPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(looked_at(model(), None, shape=SHAPE), 1)
        await pilot.pause()
        dark = app.backgrounds()
        app.theme = "textual-light"
        await pilot.pause()
        assert len(app.backgrounds() & dark) <= 1


@pytest.mark.parametrize(
    ("is_watching", "expected"),
    [(False, "Waiting for the parameters of run 1."), (True, "Reading run 1 from the newest")],
)
async def test_it_says_what_it_waits_for(is_watching: bool, expected: str) -> None:
    panel = WeightsPanel()
    panel.is_watching = is_watching
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(looked_at(None, None, shape=SHAPE), 1)
        await pilot.press("enter", "right", "pagedown")
        assert expected in app.text()


def test_it_is_drawn_again_only_for_other_parameters() -> None:
    panel = WeightsPanel()
    history = looked_at(model(), None, shape=SHAPE)
    before = panel.signature(history, 1)
    history.step += 10
    assert panel.signature(history, 1) == before
    history.apply(model())
    assert panel.signature(history, 1) != before
    assert panel.signature(history, 2) != before
