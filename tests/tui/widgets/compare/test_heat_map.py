"""The heat map of tab 4: at any size, with and without colours, its keys, and what live rows paint again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import records
from helpers.app import lines_of, notes_of, painted_by
from helpers.experiments import write_experiment
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.theme import ASCII, UNICODE
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.compare import heat_map
from logreg_tui.tui.widgets.compare.heat_map import HeatMap, lay_out
from logreg_tui.tui.widgets.compare.panel import NO_MAP, ComparePanel

RATES, LAMBDAS = [0.001, 0.003162, 0.01, 0.03162, 0.1, 0.3162, 1.0], [0.0, 1e-4, 1e-3, 1e-2]
RUNS = grid(["logits"], LAMBDAS, RATES, [0], Schedule())
"""28, numbered along the learning rates."""


def row(run: int, epoch: int, accuracy: float) -> events.RowLogged:
    return records.row(run, epoch, train_loss=1.5, test_accuracy=accuracy)


def trained(runs: tuple[RunSettings, ...] = RUNS, diverged: int | None = None) -> History:
    """Return a history in which run n has an accuracy of 80 + n/10 %."""
    history = records.history_of(runs=runs, directory="/nowhere/runs/now", epochs=100)
    for number in history.runs:
        history.apply(row(number, 10, 0.8 + number / 1000))
    if diverged is not None:
        history.apply(events.RunDiverged(10, diverged, 10, "train loss is nan"))
    return history


class MapApp(App[None]):
    def __init__(self, history: History, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.history = history
        self.panel = ComparePanel(glyphs=ASCII if ascii_only else UNICODE)
        self.selected: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        self.panel.focus()

    def on_compare_panel_selected(self, event: ComparePanel.Selected) -> None:
        self.selected.append(event.run)

    @property
    def text(self) -> str:
        return "\n".join(lines_of(self))


async def opened(app: MapApp, pilot: Pilot[None], *keys: str) -> None:
    await pilot.pause()
    app.panel.draw(app.history, 1)
    await pilot.press("t", *keys)
    await pilot.pause()


@pytest.mark.parametrize("size", [(38, 8), (58, 12), (118, 30), (198, 45)])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_the_map_fits_any_size_and_says_what_it_shows(size: tuple[int, int], ascii_only: bool) -> None:
    app = MapApp(trained(), ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        assert all(len(line) <= size[0] for line in lines_of(app))
        # Run 1 is selected: its cell is in view, and the line below tells it in full.
        for word in ("down, ", "lr 0.001: 0.8010", "801"):
            assert word in app.text
        assert "x other settings" not in app.text
        assert app.text.isascii() or not ascii_only
        await pilot.press("home")
        assert "lr 1: 0.8280" in app.text
        assert ".828*" in app.text.replace("★", "*") or "0.8280*" in app.text.replace("★", "*")


async def test_arrows_choose_a_cell_and_enter_selects_its_run() -> None:
    app = MapApp(trained())
    async with app.run_test(size=(118, 30)) as pilot:
        await opened(app, pilot, "right", "right", "down", "enter")
        assert app.selected == [7 + 3]
        await pilot.press("left", "up", "up", "up", "enter")
        assert app.selected == [10, 2]
        await pilot.press("home", "enter", "right", "enter")
        assert app.selected[2:] == [28, 28]
        # The cursor is the table's too.
        await pilot.press("t", "enter")
        assert app.selected[4:] == [28]
        assert "test acc" in app.text


@pytest.mark.parametrize(("height", "row_height"), [(30, 3), (12, 1)])
async def test_cells_are_tall_if_there_is_room_and_a_click_chooses_one(height: int, row_height: int) -> None:
    app = MapApp(trained())
    async with app.run_test(size=(118, height)) as pilot:
        await opened(app, pilot)
        layout = app.panel._map
        assert layout is not None
        assert layout.row_height == row_height
        last_line = layout.top + 3 * row_height - 1
        await pilot.click(ComparePanel, offset=(layout.label_width + 3 * layout.cell_width + 1, last_line))
        await pilot.press("enter")
        assert app.selected == [14 + 4]


async def test_a_cell_that_diverged_is_marked_and_no_best_one() -> None:
    app = MapApp(trained(diverged=28))
    async with app.run_test(size=(118, 30)) as pilot:
        await opened(app, pilot, "home")
        assert "0.8280✗" in app.text
        assert "0.8270★" in app.text
        assert "✗ diverged" in app.text


async def test_seeds_are_averaged_with_their_number() -> None:
    runs = grid(["logits"], [0.0, 1.0], [0.1, 1.0], [0, 1, 2], Schedule())
    app = MapApp(trained(runs))
    async with app.run_test(size=(118, 30)) as pilot:
        await opened(app, pilot)
        assert "0.8020×3" in app.text
        assert "mean of 3 seeds, best run 3" in app.text


async def test_best_and_latest_and_other_settings_take_turns() -> None:
    runs = grid(["logits", "sigmoid"], [0.0, 1.0], [0.1, 1.0], [0], Schedule())
    app = MapApp(trained(runs))
    app.history.apply(row(1, 20, 0.5))
    async with app.run_test(size=(118, 30)) as pilot:
        await opened(app, pilot)
        assert "Latest test accuracy: λ down, lr across, best of what else differs" in app.text
        assert "x other settings" in app.text
        await pilot.press("x")
        assert "head down, lr across" in app.text
        assert "0.8010" not in app.text
        await pilot.press("x", "b")
        assert "Best test accuracy: head down, λ across" in app.text
        await pilot.press("x")
        assert "λ down, lr across" in app.text


async def test_runs_that_span_no_grid_say_what_would() -> None:
    app = MapApp(trained(RUNS[:7]))
    async with app.run_test(size=(118, 30), notifications=True) as pilot:
        await opened(app, pilot)
        assert NO_MAP in " ".join(notes_of(app))
        assert "test acc" in app.text


async def test_a_run_of_another_experiment_has_a_cell_but_cannot_be_selected(tmp_path: Path) -> None:
    now, other = tmp_path / "now", tmp_path / "other"
    for folder, pixels in ((now, "raw"), (other, "unit")):
        write_experiment(folder, settings=ExperimentSettings(RUNS[:2], pixels=pixels), rows=[])
    app = MapApp(records.history_of(runs=RUNS[:2], directory=str(now), epochs=100))
    async with app.run_test(size=(118, 30), notifications=True) as pilot:
        await pilot.pause()
        app.panel.draw(app.history, 1)
        await pilot.press("i")
        await app.workers.wait_for_complete()
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.press("escape", "t")
        assert "pixels down, lr across" in app.text
        await pilot.press("down", "enter")
        assert app.selected == []
        assert "is of another experiment" in " ".join(notes_of(app))


async def test_a_live_row_paints_the_lines_that_changed_alone() -> None:
    app = MapApp(trained())
    async with app.run_test(size=(118, 30)) as pilot:
        await opened(app, pilot, "home")
        app.history.apply(row(9, 20, 0.8091))
        painted = painted_by(app, lambda: app.panel.draw(app.history, 1))
        assert {region.y for region in painted} == {6}


def drawn(style: ChartStyle, glyphs: Any = UNICODE) -> list[Any]:  # noqa: ANN401
    app = ComparePanel(glyphs=glyphs)
    app._state.read(trained())
    found = app._state.grid
    assert found is not None
    layout = lay_out(found, (0, 0), (0, 0), 100, 20)
    return HeatMap(found, (0, 0), layout, style, glyphs, True, "").lines(100, 20)


def test_shades_are_colours_or_characters_where_there_are_none() -> None:
    rows = drawn(ChartStyle())[2:-3]
    colours = {segment.style.bgcolor for line in rows for segment in line if segment.style}
    assert len(colours) > 5
    for style, shades in (
        (ChartStyle(system="standard"), heat_map.SHADES),
        (ChartStyle(monochrome=True), heat_map.SHADES),
        (ChartStyle(monochrome=True, ascii_only=True), heat_map.PLAIN_SHADES),
    ):
        lines = drawn(style, ASCII if style.ascii_only else UNICODE)
        text = "\n".join(line.text for line in lines[2:-3])
        assert all(shade in text for shade in shades)
        assert f"[{shades}]" in lines[-3].text
    assert not any(segment.style and segment.style.bgcolor for line in lines for segment in line)
