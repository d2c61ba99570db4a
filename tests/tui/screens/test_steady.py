"""Any sequence of sizes, also of none, leaves a screen that rests and is laid out for the last one."""

from __future__ import annotations

import asyncio
import random

import pytest
from helpers.app import Lab, running
from helpers.fake_training import FakeTraining, Finish, More
from textual.app import App
from textual.command import CommandList
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.worker import WorkerState

from logreg_tui.core.settings import RunSettings

ENOUGH = 50
"""Layouts that a pair of sizes never needs; each needs a few."""
SIZES = 60
TWO_RUNS = (RunSettings(), RunSettings("logits"))


class Anything(Message):
    """A message between two sizes, as a training sends them all the time."""


def count_layouts(lab: Lab) -> list[Size]:
    """Return a list to which each layout of the screen on top adds its size."""
    laid_out: list[Size] = []
    top = lab.app.screen

    def note(_: object) -> None:
        laid_out.append(top.outer_size)
        if len(laid_out) < ENOUGH:
            top.post_message(Anything())

    top.screen_layout_refresh_signal.subscribe(top, note, immediate=True)
    return laid_out


@pytest.mark.parametrize("keys", [(), ("question_mark",), ("ctrl+p",)])
async def test_two_sizes_on_their_way_do_not_chase_each_other(keys: tuple[str, ...]) -> None:
    async with running(size=(120, 40)) as lab:
        await lab.press(*keys)
        await lab.pilot.pause()
        laid_out = count_layouts(lab)
        for size in (Size(100, 40), Size(120, 40), Size(100, 40)):
            lab.app.screen.post_message(Resize(size, size))
            lab.app.screen.post_message(Anything())
        lab.app.post_message(Resize(Size(90, 30), Size(90, 30)))
        # Not the pilot's pause, which waits for an app that has nothing to do.
        while len(laid_out) < ENOUGH and laid_out[-2:] != [Size(90, 30)] * 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert len(laid_out) < ENOUGH
        assert lab.app.screen.outer_size == lab.app.size == Size(90, 30)


async def storm(lab: Lab, seed: int, between: object) -> None:
    """Change the size of the terminal as fast as a window that is dragged."""
    chosen = random.Random(seed)
    for _ in range(SIZES):
        size = Size(chosen.randint(0, 200), chosen.randint(0, 60))
        lab.app.post_message(Resize(size, size))
        if between is not None:
            lab.send(between)
        await asyncio.sleep(chosen.random() * 0.01)


@pytest.mark.parametrize("seed", range(10))
async def test_a_storm_of_sizes_leaves_the_last_one(seed: int) -> None:
    state = ("training", "paused", "finished", "watching")[seed % 4]
    between = More(1) if state in ("training", "watching") else None
    async with running(FakeTraining(runs=TWO_RUNS), watching=state == "watching") as lab:
        if state == "paused":
            await lab.press("space")
            await lab.until(lambda: lab.screen.state == "paused")
        elif state == "finished":
            lab.send(Finish())
            await lab.until(lambda: not lab.history.is_moving)
        laid_out = count_layouts(lab)
        await storm(lab, seed, between)
        await lab.pilot.resize_terminal(120, 40)
        await lab.until(lambda: lab.screen.size == (120, 40) and "Loss Comparison" in lab.text())
        assert len(laid_out) < 6 * SIZES
        await lab.press("question_mark")
        await lab.until(lambda: "escape closes" in lab.text())


@pytest.mark.parametrize("size", [(0, 0), (80, 0), (0, 24), (1, 1), (3, 2), (500, 300)])
async def test_a_terminal_of_any_size_trains(size: tuple[int, int]) -> None:
    async with running(size=(120, 40)) as lab:
        await lab.pilot.resize_terminal(*size)
        lab.send(More(2))
        await lab.until(lambda: lab.history.rows == 6)
        await lab.pilot.resize_terminal(120, 40)
        await lab.until(lambda: "6 rows" in lab.text())


async def test_an_app_that_starts_without_rows_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "size", Size(80, 0))
    async with running(size=(80, 24)) as lab:
        assert lab.history.rows


@pytest.mark.parametrize("key", ["question_mark", "n", "e", "ctrl+p"])
async def test_a_dialog_closes_once_however_many_keys_are_on_their_way(key: str) -> None:
    async with running() as lab:
        await lab.press(key)
        dialog = lab.app.screen
        for _ in range(3):
            dialog.dismiss()
        await lab.pilot.pause()
        assert lab.app.screen_stack == [lab.screen]


async def test_a_dialog_that_closes_takes_along_what_lies_over_it() -> None:
    async with running() as lab:
        await lab.press("n")
        dialog = lab.app.screen
        await lab.press("ctrl+p")
        assert lab.app.screen is not dialog
        dialog.dismiss()
        await lab.pilot.pause()
        assert lab.app.screen_stack == [lab.screen]


@pytest.mark.parametrize("open_it", ["new_run", "help", "export", "command_palette"])
async def test_a_dialog_that_is_closed_before_it_is_there(open_it: str) -> None:
    async with running() as lab:
        owner = lab.app if open_it == "command_palette" else lab.screen
        getattr(owner, f"action_{open_it}")()
        lab.app.screen.dismiss()
        await lab.until(lambda: lab.app.screen_stack == [lab.screen])
        await lab.press("n")
        dialog = lab.app.screen
        lab.app.action_command_palette()
        dialog.dismiss()
        await lab.until(lambda: lab.app.screen_stack == [lab.screen])


async def test_a_dialog_that_is_closed_under_its_worker() -> None:
    async with running() as lab:
        await lab.press("ctrl+p")
        dialog = lab.app.screen

        async def search() -> None:
            while dialog.children:
                await asyncio.sleep(0)
            dialog.query_one(CommandList)

        worker = dialog.run_worker(search())
        dialog.dismiss()
        await lab.until(lambda: lab.app.screen_stack == [lab.screen] and worker.is_finished)
        assert worker.state == WorkerState.ERROR
