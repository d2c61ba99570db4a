"""Colours of the whole screen: text that can be read in both themes, and all of it in the theme of now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from helpers.app import Lab, running, settle, strips_of, text_of
from helpers.fake_training import Emit, FakeTraining
from helpers.records import row
from rich.segment import Segment
from rich.style import Style
from textual.app import App

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.events import RunDiverged
from logreg_tui.tui.speed import SpeedMeter
from logreg_tui.tui.widgets.frame.hints import Hints
from logreg_tui.tui.widgets.palette import Rgb, contrast

THEMES = ("textual-dark", "textual-light")
LEAST_CONTRAST = 4.5
TABS = ("1", "2", "3", "4", "5")
UNDER_WAY = ("being measured", "Waiting for the", "working out")
"""What a tab says until its figures are there."""
DIALOGS = ("n", "e", "question_mark", "ctrl+p")
RUNS = tuple(RunSettings(head, seed=seed) for head in ("sigmoid", "logits") for seed in range(4))


def training() -> FakeTraining:
    return FakeTraining(runs=RUNS, shows_data=True, notice="digits stand in", report_every=10, log_points=9)


def hard_to_read(app: App[None]) -> Iterator[tuple[str, float]]:
    """Yield the texts on the screen, and their contrast, that are too close to their background."""
    for strip in strips_of(app):
        for text, style, _ in strip:
            if any(character.isalnum() for character in text):
                ratio = contrast(*colors(style))
                if ratio < LEAST_CONTRAST:
                    yield text, ratio


def colors(style: Style | None) -> tuple[Rgb, Rgb]:
    """Return the colours of text and background."""
    assert style is not None
    assert style.color is not None
    assert style.bgcolor is not None
    assert style.color.triplet is not None
    assert style.bgcolor.triplet is not None
    both = tuple(style.color.triplet), tuple(style.bgcolor.triplet)
    return both[::-1] if style.reverse else both  # type: ignore[return-value]


def fall(epoch: int) -> float:
    """Return the train loss of a run that converges."""
    return 0.19 + 2 * 0.99**epoch


async def show(lab: Lab, theme: str, *keys: str) -> None:
    lab.app.theme = theme
    await lab.press(*keys)
    await settle(lab.pilot)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_every_text_can_be_read(theme: str, size: tuple[int, int]) -> None:
    async with running(training(), size=size) as lab:
        lab.send(Emit(RunDiverged(90, 2, 90, "train_loss is nan")))
        lab.app.notify("a notification", severity="warning")
        for tab in TABS:
            await show(lab, theme, tab)
            assert list(hard_to_read(lab.app)) == []
        await show(lab, theme, "3", "enter")
        assert list(hard_to_read(lab.app)) == []
        for dialog in DIALOGS:
            await show(lab, theme, dialog)
            assert list(hard_to_read(lab.app)) == []
            await lab.press("escape")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("told", "rows"), [("stalls since", lambda epoch: 1.5), ("converged since", fall)])
async def test_a_plateau_can_be_read(theme: str, told: str, rows: Callable[[int], float]) -> None:
    async with running(FakeTraining(runs=(RunSettings("logits"),) * 2, log_points=1)) as lab:
        for epoch in range(20, 4020, 10):
            lab.send(Emit(row(1, epoch, RunSettings("logits"), train_loss=rows(epoch))))
        await lab.until(lambda: told in lab.text())
        await show(lab, theme)
        assert list(hard_to_read(lab.app)) == []


def looks(app: App[None]) -> list[list[Segment]]:
    """Return what is on the screen, with the colours but without what a click means."""
    return [
        [Segment(text, style and style.clear_meta_and_links()) for text, style, _ in strip.simplify()]
        for strip in strips_of(app)
    ]


@pytest.mark.parametrize("tab", TABS)
async def test_a_change_of_theme_leaves_nothing_in_the_colours_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, tab: str
) -> None:
    # They come and go by themselves.
    monkeypatch.setattr(Hints, "text", lambda *others: "")
    monkeypatch.setattr(SpeedMeter, "rate", None)
    async with running(training()) as lab:
        await show(lab, "textual-light", tab)
        await lab.until(lambda: not any(text in text_of(lab.app) for text in UNDER_WAY))
        expected = looks(lab.app)
        await show(lab, "textual-dark")
        assert looks(lab.app) != expected
        await show(lab, "textual-light")
        assert looks(lab.app) == expected


async def test_the_line_of_tabs_has_the_colours_of_the_theme() -> None:
    async with running() as lab:
        await show(lab, "textual-dark")
        before = looks(lab.app)[3]
        await show(lab, "textual-light")
        assert {str(segment.style) for segment in looks(lab.app)[3]}.isdisjoint(map(str, before))
