"""The command palette."""

from __future__ import annotations

import pytest
from helpers.app import running
from textual.command import CommandList
from textual.events import Click


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
async def test_ascii_means_ascii_in_the_palette_too(size: tuple[int, int]) -> None:
    async with running(ascii_only=True, size=size) as lab:
        for keys, shown in (
            (("ctrl+p",), "Search for commands"),
            (tuple("theme"), "Change theme"),
            (tuple("xxxx"), "No matches"),
        ):
            await lab.press(*keys)
            await lab.until(lambda shown=shown: shown in lab.text())
            assert {character for character in lab.text() if ord(character) > 0x7E} == set()
        await lab.press("escape")
        lab.app.action_change_theme()
        await lab.until(lambda: "Search for themes" in lab.text())
        assert {character for character in lab.text() if ord(character) > 0x7E} == set()


async def test_pages_of_commands_in_a_terminal_too_small_for_any() -> None:
    async with running(size=(120, 40)) as lab:
        await lab.press("ctrl+p")
        commands = lab.app.screen.query_one(CommandList)
        await lab.until(lambda: commands.option_count)
        await lab.press("down", "down")
        await lab.pilot.resize_terminal(1, 1)
        await lab.until(lambda: not commands.scrollable_content_region)
        for command in commands.options:
            commands.replace_option_prompt(str(command.id), command.prompt)
        await lab.press("pagedown", "pageup")
        await lab.pilot.resize_terminal(120, 40)
        await lab.press("pagedown")
        assert lab.app.screen is not lab.screen


async def test_a_click_beyond_the_edge_of_a_terminal_that_became_smaller() -> None:
    async with running(size=(120, 40)) as lab:
        await lab.press("ctrl+p")
        palette = lab.app.screen
        palette.post_message(Click(palette, 300, 90, 0, 0, 1, False, False, False, 300, 90))
        await lab.pilot.pause()
        assert lab.app.screen is palette
