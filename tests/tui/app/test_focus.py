"""The part of the main screen that has the focus is seen at every size, with and without colours."""

from __future__ import annotations

import pytest
from helpers.app import Lab, running, settle, strips_of
from helpers.fake_training import FakeTraining
from textual.geometry import Region

from logreg_tui.tui.screens.main_actions import TABS

PARTS = ("chart", "runs", "knobs", "log")


def rim(lab: Lab, part: str) -> str:
    """Return the characters on the rim of a part, each with its style."""
    region = lab.screen.query_one(f"#{part}").region
    inner = Region(region.x + 1, region.y + 1, region.width - 2, region.height - 2)
    strips = strips_of(lab.app)
    # Only what a border is made of: a part without one at a side has text there.
    return "".join(
        f"{segment.text}{segment.style.color.name if segment.style and segment.style.color else ''} "
        for y in range(region.y, region.bottom)
        for x in range(region.x, region.right)
        if not inner.contains(x, y)
        for segment in strips[y].crop(x, x + 1)
        if not segment.text.isalnum()
    )


@pytest.mark.parametrize("options", [{}, {"ascii_only": True}], ids=["", "ascii"])
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
async def test_the_border_of_the_part_in_focus_is_lit_and_no_other(
    size: tuple[int, int], options: dict[str, bool]
) -> None:
    async with running(FakeTraining(shows_data=True), size=size, **options) as lab:
        lit = str(lab.app.theme_variables["border"]).lower()
        for tab, name in enumerate(TABS, start=1):
            await lab.press(str(tab))
            lab.screen.query_one(f"#{name}").focus()
            await settle(lab.pilot)
            assert {part for part in PARTS if lit in rim(lab, part).lower()} == {"chart"}
        for part in ("runs", "knobs", "log"):
            widget = lab.screen.query_one(f"#{part}")
            next(each for each in widget.walk_children(with_self=True) if each.focusable).focus()
            await settle(lab.pilot)
            assert {each for each in PARTS if lit in rim(lab, each).lower()} == {part}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_without_colours_the_panel_in_focus_has_another_border(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeTraining(shows_data=True), size=size) as lab:
        heavy = set("\u250f\u2503\u258c")
        assert not heavy & set(rim(lab, "chart"))
        await lab.press("3")
        await settle(lab.pilot)
        assert heavy & set(rim(lab, "chart"))
