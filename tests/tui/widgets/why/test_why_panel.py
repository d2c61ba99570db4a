"""The Why tab: what it says of a run, from when its figures are, and how it scrolls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.app import strips_of, text_of, wait_until
from helpers.records import history_of, row
from textual.app import App, ComposeResult

from logreg_tui.core.analysis.diagnostics import Lowest, RunDiagnosis
from logreg_tui.core.analysis.explain import explain
from logreg_tui.core.analysis.inspection import HeadFacts
from logreg_tui.core.analysis.trends import Plateau
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot
from logreg_tui.tui.theme import ASCII, UNICODE
from logreg_tui.tui.widgets.why.panel import WhyPanel
from logreg_tui.tui.widgets.why.text import HOW, paragraphs


def test_the_text_has_advice_explanation_and_source() -> None:
    run = RunDiagnosis(
        RunSettings(),
        "training",
        10_000,
        10,
        row(1, 1000, train_loss=1.5609),
        first_loss=2.3812,
        recent=(1.6, 1.59, 1.58),
        recent_accuracies=(0.9,),
        lowest=Lowest(1000, 1.5609, 1.5609),
        pixels="raw",
        facts=HeadFacts(1, 1000, "sigmoid", 60_000, 0.00036168, 0.15703, 0.97434, 0.08747, 0.0),
    )
    text = [paragraph.text for paragraph in paragraphs(1, run, "Measured just now.")]
    explained = [f"{lead}. {words}" for lead, words in explain(run, "This run")]
    assert text == [
        "What to try next",
        "1. Make the inputs smaller",
        *text[2:4],
        "Run 1, sigmoid, epoch 1,000: why the loss is where it is",
        *explained,
        "Measured just now.",
    ]
    assert "97.4 % of the outputs" in text[2]
    assert "--pixels unit" in text[3]
    stalling = replace(run, plateau=Plateau(3200, 1000), facts=None)
    assert any("press c" in paragraph.text for paragraph in paragraphs(1, stalling, ""))
    calm = replace(run, facts=None)
    assert paragraphs(1, calm, "")[1].text.startswith("Nothing stands out")


def test_the_first_advice_that_can_be_carried_out_names_the_keys_from_everywhere() -> None:
    # A second advice of a run whose loss swings while the weights are held small.
    swinging = tuple(20.0 + row % 2 for row in range(31))
    settings = RunSettings("logits", 0.001)
    last = row(1, 1000, train_loss=0.3, l2_penalty=0.4, settings=settings)
    lowest = Lowest(1000, 0.3, 0.3)
    run = RunDiagnosis(settings, "training", 10_000, 10, last, 2.3, swinging, (0.9,), lowest)
    hows = [paragraph.text for paragraph in paragraphs(1, run, "") if paragraph.kind == HOW]
    assert len(hows) == 2
    assert hows[0].endswith("[click, or 5 and enter: do it]")
    assert hows[1].endswith("[click: do it]")


class WhyApp(App[None]):
    CSS = "WhyPanel { width: 100%; height: 100%; }"

    def __init__(self, clock: Callable[[], float], *, ascii_only: bool = False) -> None:
        super().__init__()
        self.panel = WhyPanel(glyphs=ASCII if ascii_only else UNICODE)
        self.panel.clock = clock

    def compose(self) -> ComposeResult:
        yield self.panel

    def words(self) -> str:
        lines = [strip.text.rstrip(" ┃│").strip() for strip in strips_of(self)]
        return " ".join(line for line in lines if line)


def started() -> History:
    rows = [row(1, epoch, train_loss=1.2 - epoch / 1000) for epoch in range(0, 200, 10)]
    return history_of(*rows, features=4, classes=3, image_shape=None)


def show_data(history: History) -> None:
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    data: Any = SimpleNamespace(train_inputs=Inputs.of(values), train_labels=np.arange(50) % 3)
    history.apply(DatasetLoaded(0, data))


def show_parameters(history: History, epoch: int) -> None:
    weight = np.full((3, 4), 0.1, np.float32)
    history.apply(ParametersSnapshot(epoch, 1, epoch, "sigmoid", weight, np.zeros(3, np.float32)))


async def test_the_tab_says_what_it_waits_for() -> None:
    app = WhyApp(lambda: 0.0)
    async with app.run_test(size=(90, 30)) as pilot:
        history = History()
        app.panel.draw(history, None)
        await pilot.pause()
        assert "waits for the first run" in app.words()
        history = started()
        app.panel.draw(history, 1)
        await pilot.pause()
        assert "this process has none" in app.words()
        show_data(history)
        app.panel.draw(history, 1)
        await pilot.pause()
        assert "come in a few seconds" in app.words()


async def test_new_parameters_are_looked_at_and_then_left_alone_for_a_while() -> None:
    now = [0.0]
    app = WhyApp(lambda: now[0])
    async with app.run_test(size=(90, 40)) as pilot:
        history = started()
        show_data(history)
        show_parameters(history, 180)
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "Measured at epoch 180 on 50 training samples" in app.words())
        show_parameters(history, 190)
        app.panel.draw(history, 1)
        await pilot.pause(0.1)
        assert "Measured at epoch 180" in app.words()
        now[0] = 1000.0
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "Measured at epoch 190" in app.words())


async def test_figures_from_long_before_the_tab_was_opened_are_not_shown_as_those_of_now() -> None:
    now = [0.0]
    app = WhyApp(lambda: now[0])
    async with app.run_test(size=(90, 40)) as pilot:
        history = started()
        show_data(history)
        show_parameters(history, 0)
        app.panel.draw(history, 1)
        await pilot.pause(0.1)
        assert "come in a few seconds" in app.words()
        show_parameters(history, 190)
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "Measured at epoch 190" in app.words())
        app.panel.display = False
        await pilot.pause()
        for epoch in range(200, 2010, 10):
            history.apply(row(1, epoch, train_loss=1.0))
        app.panel.display = True
        await pilot.pause()
        app.panel.draw(history, 1)
        await pilot.pause(0.1)
        assert "come in a few seconds" in app.words()
        now[0] = 1000.0
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "Measured at epoch 190" in app.words())


async def test_a_failed_analysis_is_said_and_tried_again() -> None:
    now = [0.0]
    app = WhyApp(lambda: now[0])
    async with app.run_test(size=(90, 40)) as pilot:
        history = started()
        history.apply(DatasetLoaded(0, SimpleNamespace(train_inputs=None, train_labels=None)))  # type: ignore[arg-type]
        show_parameters(history, 190)
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "could not be measured: TypeError" in app.words())
        show_data(history)
        show_parameters(history, 110)
        now[0] = 1000.0
        app.panel.draw(history, 1)
        await wait_until(pilot, lambda: "Measured at epoch 110" in app.words())


async def test_while_nothing_changes_nothing_is_to_be_drawn_and_rows_count_once_a_second() -> None:
    now = [0.0]
    app = WhyApp(lambda: now[0])
    async with app.run_test(size=(90, 30)):
        history = started()
        app.panel.draw(history, 1)
        before = app.panel.signature(history, 1)
        history.apply(row(1, 200, train_loss=0.9))
        assert app.panel.signature(history, 1) == before
        now[0] = 1.0
        assert app.panel.signature(history, 1) != before
        app.panel.draw(history, 1)
        after = app.panel.signature(history, 1)
        show_parameters(history, 200)
        assert app.panel.signature(history, 1) != after


@pytest.mark.parametrize("size", [(58, 8), (100, 12), (160, 45)])
async def test_the_text_scrolls_to_its_end_and_back(size: tuple[int, int]) -> None:
    app = WhyApp(lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        app.panel.draw(started(), 1)
        app.panel.focus()
        await pilot.pause()
        assert app.words().startswith("What to try next")
        await pilot.press("end")
        await pilot.pause()
        assert app.words().endswith("this process has none.")
        await pilot.press("home", "down", "up")
        await pilot.pause()
        assert app.words().startswith("What to try next")


async def test_a_plain_terminal_gets_plain_characters() -> None:
    app = WhyApp(lambda: 0.0, ascii_only=True)
    async with app.run_test(size=(60, 10)) as pilot:
        app.panel.draw(started(), 1)
        await pilot.pause()
        text = text_of(app)
        assert text.isascii()
        assert "#" in text


async def test_titles_advice_and_keys_stand_out() -> None:
    app = WhyApp(lambda: 0.0)
    history = history_of(*(row(1, epoch, train_loss=3e11 if epoch else 76.0) for epoch in range(0, 50, 10)))
    async with app.run_test(size=(100, 30)) as pilot:
        app.panel.draw(history, 1)
        await pilot.pause()
        for begin in ("What to try next", "1. Restart", "-> press R"):
            strip = next(strip for strip in strips_of(app) if strip.text.startswith(begin))
            style = next(iter(strip)).style
            assert style is not None, begin
            assert style.bold, begin
