"""The machine in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.app import lines_of, strips_of
from textual.app import App, ComposeResult

from logreg_tui.core.hardware import GPU, PROCESSOR, Sample
from logreg_tui.tui.theme import ASCII, UNICODE
from logreg_tui.tui.widgets.frame.machine_line import MachineLine
from logreg_tui.tui.widgets.sparkline import block

ON_GPU = Sample(GPU, 0.93, 38 * 2**30, 140 * 2**30, None, 412.3, 54.0)
ON_PROCESSOR = Sample(PROCESSOR, 0.335, 5 * 2**30, 16 * 2**30, 2**30)


async def line_of(samples: list[Sample], width: int = 160, *, ascii_only: bool = False) -> str:
    class LineApp(App[None]):
        def compose(self) -> ComposeResult:
            yield MachineLine(glyphs=ASCII if ascii_only else UNICODE)

    app = LineApp()
    async with app.run_test(size=(width, 3)) as pilot:
        line = app.query_one(MachineLine)
        line.show(samples)
        await pilot.pause()
        # Once it has its size, as the screen's next tick does.
        line.show(samples)
        await pilot.pause()
        return lines_of(app)[0]


async def test_a_gpu_tells_use_memory_power_and_temperature() -> None:
    line = await line_of([replace(ON_GPU, utilization=0.5), ON_GPU])
    assert line.split() == [
        "GPU", "▄▇", "93%", "memory", "▂▂", "38.0", "of", "140.0", "GiB",
        "power", "██", "412", "W", "54", "°C",
    ]  # fmt: skip


async def test_a_processor_tells_use_and_memory() -> None:
    line = await line_of([ON_PROCESSOR])
    assert " ".join(line.split()) == "CPU ▃ 34% machine's memory ▂ 5.0 of 16.0 GiB own 1.00 GiB"


@pytest.mark.parametrize(("width", "last"), [(40, "93%"), (80, "GiB"), (92, "W"), (104, "°C")])
async def test_what_does_not_fit_is_left_out(width: int, last: str) -> None:
    assert (await line_of([ON_GPU], width)).split()[-1] == last


async def test_what_cannot_be_read_is_left_out() -> None:
    line = await line_of([Sample(GPU, memory_used=2**30, memory_total=2**31)])
    assert " ".join(line.split()) == "memory ▄ 1.0 of 2.0 GiB"


async def test_ascii_has_levels_of_its_own() -> None:
    line = await line_of([ON_GPU] * 30, 120, ascii_only=True)
    assert line.isascii()
    assert "%" * 20 + "  93%" in line
    assert "%" * 21 not in line


async def test_a_wide_line_shows_a_minute() -> None:
    assert "▇" * 60 in await line_of([ON_GPU] * 60, 160)


async def test_a_change_of_theme_reaches_a_line_that_gets_no_more_samples() -> None:
    class LineApp(App[None]):
        def compose(self) -> ComposeResult:
            yield MachineLine()

    app = LineApp()
    async with app.run_test(size=(120, 3)) as pilot:

        def styles() -> list[str]:
            return [str(segment.style) for segment in strips_of(app)[0]]

        app.theme = "textual-light"
        app.query_one(MachineLine).show([ON_GPU])
        await pilot.pause()
        light = styles()
        app.theme = "textual-dark"
        await pilot.pause()
        assert set(styles()).isdisjoint(light)


async def test_without_samples_there_is_no_line() -> None:
    assert await line_of([]) == ""


@pytest.mark.parametrize(
    ("value", "expected"), [(None, " "), (0.0, " "), (0.001, "▁"), (0.5, "▄"), (1.0, "█"), (3.0, "█")]
)
def test_a_value_is_a_block_of_its_height(value: float | None, expected: str) -> None:
    assert block(value, 1.0, ascii_only=False) == expected
