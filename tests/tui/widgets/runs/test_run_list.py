"""The list of runs alone: what is shown at several widths, moving, filtering, pinning."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from helpers.app import strips_of, text_of
from helpers.records import history_of, row
from rich.console import Console
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from logreg_tui.core.analysis.diagnostics import EXPLODED
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.tui.run_filter import run_filter
from logreg_tui.tui.theme import ASCII, UNICODE, Glyphs
from logreg_tui.tui.widgets.runs import run_list
from logreg_tui.tui.widgets.runs.run_groups import RunLine, RunLines
from logreg_tui.tui.widgets.runs.run_list import RunList

GRID = grid(["sigmoid", "logits"], [0, 0.0001, 0.001, 0.01], [0.01], [0, 1, 2], Schedule())


class ListApp(App[None]):
    CSS = """
    RunList { border: round red; padding: 0 1; height: 100%; scrollbar-size-vertical: 1; }
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.list = RunList(glyphs=glyphs)
        self.selected: list[int] = []
        self.clicked: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.list

    def on_run_list_selected(self, event: RunList.Selected) -> None:
        self.selected.append(event.run)
        self.list.select(event.run)

    def on_run_list_clicked(self, event: RunList.Clicked) -> None:
        self.clicked.append(event.run)


@dataclass
class Listing:
    app: ListApp
    pilot: Pilot[None]
    runs: list[RunLine] = field(default_factory=list)

    def lines(self) -> list[str]:
        return text_of(self.app).splitlines()

    def words(self) -> list[str]:
        """Return what stands between the borders."""
        return [line[2:-2].rstrip() for line in self.lines()[1:-1]]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def filter(self, text: str) -> None:
        self.app.list.show(self.runs, text, run_filter(text))


@asynccontextmanager
async def listing(
    settings: tuple[RunSettings, ...] = GRID,
    *,
    size: tuple[int, int] = (36, 36),
    glyphs: Glyphs = UNICODE,
    accuracy: Callable[[int], float] = lambda number: 0.88 + (number * 7 % 24) / 1000,
) -> AsyncIterator[Listing]:
    app = ListApp(glyphs)
    async with app.run_test(size=size) as pilot:
        curve = (0.1, 0.8, 0.85, 0.9)
        runs = [RunLine(n, each, "training", accuracy(n), curve) for n, each in enumerate(settings, 1)]
        await pilot.pause()
        app.list.show(runs)
        app.list.select(1)
        app.list.focus()
        await pilot.pause()
        yield Listing(app, pilot, runs)


async def test_twenty_four_runs_are_grouped_with_their_accuracies() -> None:
    async with listing() as made:
        words = made.words()
        assert words[0] == "sigmoid λ 0"
        assert words[1] == "▌▸ 1 seed 0 0.8870 ▁▃▆█"
        assert words[17] == "▌▸13 seed 0 0.8990☆▁▃▆█"
        assert [line for line in words if "★" in line] == ["▌▸17 seed 1 0.9030★▁▃▆█"]
        assert sum("☆" in line for line in words) == 7
        assert sum(line.startswith("▌") for line in words) == 24


async def test_optimizers_are_named_where_they_differ() -> None:
    few = tuple(RunSettings(optimizer=Optimizer(kind)) for kind in ("sgd", "adam"))
    async with listing(few, size=(60, 10)) as made:
        assert ["adam" in line for line in made.words() if "▌" in line] == [False, True]
    # Where there is little room, what differs stays.
    async with listing(few, size=(30, 10)) as made:
        assert ["adam" in line for line in made.words() if "▌" in line] == [False, True]
    # As wide as in an app of 120 columns: heads and optimizers tell the runs apart, curves give way.
    both = grid(["sigmoid", "logits"], [0.001], [0.5], [0], Schedule(), [Optimizer(), Optimizer("momentum")])
    async with listing(both, size=(34, 10)) as made:
        words = [line for line in made.words() if "▌" in line]
        assert ["momentum" in line for line in words] == [False, False, True, True]
        assert ["logits" in line for line in words] == [False, True, False, True]
        assert all(re.search(r"0?\.\d{4}", line) for line in words)
    async with listing(few[1:], size=(60, 10)) as made:
        assert "adam" not in "".join(made.words())
    many = grid(["sigmoid"], [0, 0.1], [0.01], [0, 1], Schedule(), [Optimizer(), Optimizer("momentum")])
    async with listing(many) as made:
        assert "momentum 0.9 λ 0.1" in made.words()


async def test_the_cursor_says_whether_the_list_has_the_keys() -> None:
    def cursor(made: Listing) -> str:
        return next(
            str(style.bgcolor) for text, style, _ in strips_of(made.app)[2] if "sigmoid" in text and style
        )

    async with listing(GRID[:1]) as made:
        focused = cursor(made)
        made.app.list.blur()
        await made.pilot.pause()
        assert cursor(made) != focused
        made.app.list.focus()
        await made.pilot.pause()
        assert cursor(made) == focused


async def test_a_narrow_list_names_what_tells_the_runs_apart() -> None:
    rates = tuple(RunSettings(learning_rate=rate) for rate in (0.01, 1000.0))
    async with listing(rates, size=(32, 10)) as made:
        first, second = (line for line in made.words() if "▌" in line)
        assert " .01 " in first
        assert " 1000 " in second


async def test_in_a_narrow_and_low_list_nothing_is_cut_by_the_scroll_bar() -> None:
    async with listing(size=(25, 8)) as made:
        words = made.words()
        assert words[0] == f"{'sigmoid λ0':<20}┃"
        starts = ["▌▸ 1 s0 .8870 ▁▃▆█", "▌▸ 2 s1 .8940 ▁▃▆█", "▌▸ 3 s2 .9010☆▁▃▆█"]
        assert [line[: len(start)] for line, start in zip(words[1:4], starts, strict=True)] == starts


async def test_ascii_has_marks_of_its_own() -> None:
    async with listing(glyphs=ASCII) as made:
        assert " l2 " in made.lines()[1]
        await made.press("p")
        text = "\n".join(made.words())
        assert text.isascii()
        assert "|> 1^sigmoid" in text
        assert text.count("*") == 1


async def test_up_and_down_pass_over_headings() -> None:
    async with listing() as made:
        await made.press(*["down"] * 4)
        assert made.app.selected == [2, 3, 4, 5]
        await made.press("up", "up")
        assert made.app.selected[-2:] == [4, 3]


async def test_a_filter_shows_some_runs_and_says_so() -> None:
    async with listing() as made:
        made.filter("log seed=1")
        await made.pilot.pause()
        assert "Runs /log seed=1  4 of 24" in made.lines()[0]
        assert [line[2:4] for line in made.words() if line] == ["14", "17", "20", "23"]
        await made.press("down")
        assert made.app.selected == [14]
        made.filter("")
        await made.pilot.pause()
        assert "of 24" not in made.lines()[0]
        assert sum(line.startswith("▌") for line in made.words()) == 24
        assert made.app.list.highlighted is not None


async def test_a_filter_that_no_run_matches_says_so() -> None:
    async with listing() as made:
        made.filter("seed 7")
        await made.pilot.pause()
        assert "0 of 24" in made.lines()[0]
        assert made.words()[0] == "no run matches"
        made.app.list.show([])
        await made.pilot.pause()
        assert not any(made.words()), "without runs there is nothing to match"


async def test_the_selected_run_stays_selected_while_it_is_hidden() -> None:
    async with listing() as made:
        made.filter("logits")
        made.app.list.select(1)
        assert made.app.list.highlighted is None
        made.filter("")
        made.app.list.select(1)
        assert made.app.list.highlighted == 1
        assert made.app.selected == []


async def test_a_pinned_run_stands_on_top_until_it_is_let_go() -> None:
    async with listing() as made:
        await made.press("down", "p")
        assert made.words()[:2] == ["pinned", "▌▸ 2↑sigmoid λ0 s1 0.8940 ▁▃▆█"]
        assert made.app.list.pinned == {2}
        await made.press("p")
        assert made.words()[0] == "sigmoid λ 0"


async def test_few_runs_can_be_pinned_and_filtered_too() -> None:
    async with listing(GRID[:3]) as made:
        assert made.words()[:2] == ["    head    λ lr   test", "▌▸1 sigmoid 0 0.01 0.8870 ▁▃▆█"]
        await made.press("down", "p")
        assert made.words()[1:3] == ["▌▸2↑sigmoid 0 0.01 0.8940 ▁▃▆█", "▌▸1 sigmoid 0 0.01 0.8870 ▁▃▆█"]
        made.filter("run=3")
        await made.pilot.pause()
        assert [line[2] for line in made.words()[1:] if line] == ["2", "3"]


async def test_only_what_changed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listing() as made:
        painted: list[Region] = []
        monkeypatch.setattr(made.app.list, "refresh", lambda *regions: painted.extend(regions))
        made.app.list.show(made.runs)
        assert painted == []
        made.app.list.show([RunLine(1, GRID[0], "training", 0.5), *made.runs[1:]])
        assert [region.y for region in painted] == [1]


async def test_of_a_thousand_runs_only_lines_in_view_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = [0.001 * 1.01**at for at in range(1000)]
    async with listing(grid(["sigmoid"], [0], rates, [0], Schedule()), size=(40, 20)) as made:
        lines: list[int] = []
        line = made.app.list.line
        monkeypatch.setattr(made.app.list, "line", lambda index: lines.append(index) or line(index))
        made.app.list.show(made.runs)
        assert lines == list(range(18))
        lines.clear()
        await made.press("end")
        assert made.app.selected == [1000]
        assert set(lines) == set(range(982, 1000))
        assert len(lines) <= 2 * 18, "at the key, and when the app says which run is selected"
        assert made.words()[-1].startswith("L▸1000 lr20.7516   0.8960 ▁▃▆█")


async def test_runs_are_arranged_anew_only_if_one_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listing() as made:
        arranged: list[int] = []
        arrange = run_list.arrange

        def noted(runs: list[RunLine], *rest: Any) -> object:  # noqa: ANN401
            arranged.append(1)
            return arrange(runs, *rest)

        monkeypatch.setattr(run_list, "arrange", noted)
        made.app.list.show(made.runs)
        await made.press("down", "down")
        assert not arranged
        made.app.list.show([RunLine(1, GRID[0], "training", 0.5), *made.runs[1:]])
        assert arranged == [1]


def test_the_line_of_a_run_is_the_same_while_nothing_of_it_has_changed() -> None:
    history = history_of(row(1), row(2), runs=GRID[:2])
    lines = RunLines()
    before = lines.of(history, lambda run: run.settings, {})
    assert [line.accuracy for line in before] == [0.9, 0.9]
    history.apply(row(2, 10))
    after = lines.of(history, lambda run: run.settings, {})
    assert after[0] is before[0]
    assert after[1] is not before[1]
    assert lines.of(history, lambda run: run.settings, {1: EXPLODED})[0].verdict == EXPLODED


async def test_a_click_selects_and_one_on_the_colour_hides() -> None:
    async with listing(size=(36, 8)) as made:
        await made.pilot.click(RunList, offset=(6, 4))
        assert made.app.selected == [3]
        await made.pilot.click(RunList, offset=(2, 3))
        assert made.app.clicked == [2]
        assert made.app.selected == [3]
        await made.pilot.click(RunList, offset=(33, 6))
        assert made.words()[-1].startswith("▌▸24"), "the end of the scroll bar"


async def test_a_run_that_joins_moves_nobody() -> None:
    async with listing() as made:
        made.app.list.select(5)
        made.app.list.show([*made.runs, RunLine(25, RunSettings("sigmoid", 0.0, seed=9), "training")])
        await made.pilot.pause()
        assert made.words()[4].startswith("Y▸25 seed 9"), "there are 24 colours"
        assert made.app.selected == []
        assert made.app.list.highlighted == 7
        assert made.words()[7].startswith("▌▸ 5")


@pytest.mark.parametrize(("glyphs", "symbol"), [(UNICODE, "▲"), (ASCII, "~")])
async def test_a_run_that_exploded_has_a_mark_in_the_warning_colour(glyphs: Glyphs, symbol: str) -> None:
    async with listing(GRID[:2], glyphs=glyphs) as made:
        made.app.list.show([replace(made.runs[0], status="finished", verdict="exploded"), made.runs[1]])
        await made.pilot.pause()
        at = next(at for at, line in enumerate(made.lines()) if f"{symbol}1" in line)
        strip = made.app.screen._compositor.render_strips()[at]
        (style,) = [each.style for each in strip if each.text == symbol]
        assert style is not None
        assert style.color is not None
        red, green, blue = style.color.get_truecolor()
        assert red > green > blue, "orange"
        assert not any(f"{symbol}2" in line for line in made.lines())


@pytest.mark.parametrize("has_colors", [True, False])
async def test_a_run_without_a_colour_of_its_own_has_the_mark_of_its_curve(
    has_colors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "color_system", "truecolor" if has_colors else "standard")
    async with listing(grid(["sigmoid", "logits"], [0.001], [0.01], range(6), Schedule())) as made:
        starts = [line[:4] for line in made.words() if "seed" in line]
        assert starts[:2] == ["▌▸ 1", "▌▸ 2"]
        assert starts[9:] == (["▌▸10", "▌▸11", "▌▸12"] if has_colors else ["J▸10", "K▸11", "L▸12"])


async def test_accuracies_stand_below_each_other_whatever_the_values_before_them() -> None:
    async with listing(grid(["sigmoid", "logits"], [0, 0.0001, 0.1], [0.01], [0], Schedule())) as made:
        lines = [line for line in made.words() if "▸" in line]
        assert len(lines) == 6
        assert len({line.rindex("0.") for line in lines}) == 1
