"""The command palette."""

from __future__ import annotations

import pytest
from helpers.app import running


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
