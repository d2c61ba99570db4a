"""The tab of mistakes: its keys, its mouse, and what is computed when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.app import PanelApp, dataset, looked_at, parameters, settle
from helpers.mistakes import NAMES, made, prototypes

from logreg_tui.core.analysis.inspection import inspect_mistakes
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.mistakes.confusion_matrix import (
    lay_out,
)
from logreg_tui.tui.widgets.mistakes.images import MARKED
from logreg_tui.tui.widgets.mistakes.panel import LEAST_REST_S, MistakesPanel


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def history(data: Dataset | None, shown: ParametersSnapshot | None) -> History:
    return looked_at(shown, data)


async def test_the_table_appears_with_the_cursor_on_the_worst_mistake(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, shown), 1)
        await settle(pilot)
        label, predicted = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).worst
        assert f"label {label} predicted as {predicted}:" in app.lines()[-1]


async def test_a_click_on_a_column_of_names_finds_its_cell() -> None:
    data, shown = made(3, shape=None)
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(replace(data, class_names=NAMES), shown), 1)
        await settle(pilot)
        header = app.lines()[2]
        await pilot.click(panel, offset=(header.index("versicolor") + 8, 3))
        assert app.lines()[-1].startswith("label setosa predicted as versicolor:")


async def test_keys_move_the_cursor_open_the_cell_and_come_back(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("pageup", *["left"] * 9, "down", "right", "enter")
        await settle(pilot)
        assert app.lines()[0].startswith("Label 1 predicted as 1: 1-")
        await pilot.press("escape")
        assert "test accuracy" in app.lines()[0]
        assert app.lines()[-1].startswith("label 1 predicted as 1:")
        await pilot.press("up", "up", "left", "left", "left")
        assert app.lines()[-1].startswith("label 0 predicted as 0:")
        await pilot.press("home", "enter")
        await settle(pilot)
        assert app.lines()[0].startswith("Label ")


async def test_pages_of_samples_turn_forth_and_back_and_end(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        first = app.lines()[0]
        assert "0: 1-2 of" in first
        await pilot.press("right")
        await settle(pilot)
        assert app.lines()[0] == first
        await pilot.press("right")
        await settle(pilot)
        assert "0: 3-4 of" in app.lines()[0]
        await pilot.press("pageup")
        await settle(pilot)
        assert app.lines()[0] == first
        await pilot.press(*["pagedown"] * 20)
        await settle(pilot)
        shown, _, total = app.lines()[0].split()[5:8]
        assert shown.split("-")[1] == total


async def test_a_sample_is_enlarged_and_the_keys_go_from_one_to_the_next(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    numbers = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).samples(0, 0).tolist()
    app = PanelApp(panel)

    def enlarged() -> str:
        return app.text().split("#")[1].split()[0]

    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(digits, shown), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        await pilot.press("right", "enter")
        await settle(pilot)
        assert "predicted as 0: 2 of" in app.lines()[0]
        assert enlarged() == f"{numbers[1]}"
        await pilot.press("right", "right")
        await settle(pilot)
        assert enlarged() == f"{numbers[3]}"
        await pilot.press("left")
        await settle(pilot)
        assert enlarged() == f"{numbers[2]}"
        await pilot.press("escape")
        await settle(pilot)
        assert "0: 3-4 of" in app.lines()[0]
        assert marked(panel) == f"#{numbers[2]}"
        await pilot.press("escape")
        assert app.lines()[-1].startswith("label 0 predicted as 0:")
        assert not panel.check_action("back", ())


def marked(panel: MistakesPanel) -> str:
    """Return the number that the cursor is on."""
    segments = [segment for line in panel.lines(*panel.content_size) for segment in line]
    return next(s.text for s in reversed(segments) if s.style == MARKED)


async def test_a_click_enlarges_a_sample_and_another_one_goes_back(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    numbers = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).samples(0, 0).tolist()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, shown), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        y, line = next((y, line) for y, line in enumerate(app.lines()) if f"#{numbers[2]} " in f"{line} ")
        await pilot.click(panel, offset=(line.index(f"#{numbers[2]}"), y))
        await settle(pilot)
        assert "predicted as 0: 3 of" in app.lines()[0]
        await pilot.click(panel, offset=(3, 3))
        await settle(pilot)
        assert "predicted as 0: 1-" in app.lines()[0]
        assert marked(panel) == f"#{numbers[2]}"


async def test_an_enlarged_sample_stays_when_it_leaves_the_cell() -> None:
    data = dataset(np.eye(4, dtype=np.uint8), np.arange(4), (2, 2), 4)
    panel, clock = MistakesPanel(), Clock()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(80, 14)) as pilot:
        now = history(data, parameters(np.eye(4)))
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "Label 0 predicted as 0: 1 of 1" in app.text()
        clock.now += 1000
        now.apply(parameters(np.roll(np.eye(4), 1, 0), epoch=4000))
        panel.draw(now, 1)
        await settle(pilot)
        assert "Label 0 not predicted as 0 now" in app.text()
        assert "predicted   1  wrong" in app.text()
        assert "#0" in app.text()
        await pilot.press("right", "left", "enter")
        await settle(pilot)
        assert "No test sample with label 0 is predicted as 0" in app.text()


async def test_a_click_moves_the_cursor_and_a_second_one_opens_the_cell(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        await settle(pilot)
        layout = lay_out(10, 37, 100, 30)
        at = (layout.label_width + 3 * layout.cell_width + 1, layout.top + 3)
        await pilot.click(panel, offset=at)
        assert app.lines()[-1].startswith("label 3 predicted as 3:")
        await pilot.click(panel, offset=at)
        await settle(pilot)
        assert app.lines()[0].startswith("Label 3 predicted as 3:")


async def test_the_samples_of_an_empty_cell_are_none() -> None:
    data = dataset(np.eye(4, dtype=np.uint8), np.arange(4), (2, 2), 4)
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(data, parameters(np.eye(4))), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("right", "enter")
        await settle(pilot)
        assert "No test sample with label 0 is predicted as 1" in app.text()
        await pilot.press("right", "left", "home", "escape")
        assert "test accuracy 1.0000" in app.text()


async def test_new_parameters_are_looked_at_about_once_a_second() -> None:
    data, shown = made(3)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 3,210" in app.text()
        drawn = panel.signature(now, 1)
        assert panel.signature(now, 1) == drawn
        now.apply(parameters(shown.weight, epoch=4000))
        assert panel.signature(now, 1) != drawn
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 3,210" in app.text()
        waiting = panel.signature(now, 1)
        clock.now += LEAST_REST_S + 100
        assert panel.signature(now, 1) != waiting
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 4,000" in app.text()


async def test_samples_follow_new_parameters() -> None:
    data, shown = made(2, samples=40)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        clock.now += 1000
        now.apply(parameters(shown.weight, epoch=4000))
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 4,000" in app.lines()[0]
        assert app.lines()[0].startswith("Label ")


async def test_another_run_is_looked_at_without_a_rest() -> None:
    data, shown = made(3)
    panel = MistakesPanel()
    panel.clock = Clock()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        await settle(pilot)
        now.apply(parameters(shown.weight, run=2))
        panel.draw(now, 2)
        assert "test accuracy" not in app.text() or "Run 1" not in app.text()
        await settle(pilot)
        assert "Run 2 logits" in app.text()


async def test_what_cannot_be_read_is_said_and_tried_again() -> None:
    data, shown = made(3)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        values, data.test_inputs.source.values = data.test_inputs.source.values, None  # type: ignore[attr-defined]
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        assert "The mistakes cannot be shown" in app.text()
        await pilot.press("enter", "right", "home")
        data.test_inputs.source.values = values  # type: ignore[attr-defined]
        drawn = panel.signature(now, 1)
        clock.now += LEAST_REST_S + 1
        assert panel.signature(now, 1) != drawn
        panel.draw(now, 1)
        await settle(pilot)
        assert "test accuracy" in app.text()


@pytest.mark.parametrize(
    ("has_data", "has_parameters", "watching", "expected"),
    [
        (True, False, False, "Waiting for the parameters of run 1."),
        (False, True, False, "The test set is not in this process"),
        (False, False, True, "Reading run 1 from the newest"),
    ],
)
async def test_it_says_what_it_waits_for(
    has_data: bool, has_parameters: bool, watching: bool, expected: str
) -> None:
    data, shown = made(3)
    panel = MistakesPanel()
    panel.is_watching = watching
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(data if has_data else None, shown if has_parameters else None), 1)
        panel.focus()
        await pilot.press("enter", "right", "home", "pagedown")
        await settle(pilot)
        assert expected in app.text()
