"""New run, export and help."""

from __future__ import annotations

import os
import re
import sys
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest
from helpers.app import Lab, running
from helpers.fake_training import FakeTraining, Finish
from textual.widgets import Input, Static

from logreg_tui.core.errors import UserError
from logreg_tui.core.goals import ENDED_EARLY, parse_goal
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.training import requests as control
from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.screens.export import ExportScreen
from logreg_tui.tui.screens.help import HelpScreen, help_entries, keys_of, wrapped
from logreg_tui.tui.screens.main_actions import TABS
from logreg_tui.tui.screens.new_run import NewRunScreen
from logreg_tui.tui.theme import ASCII, UNICODE, Glyphs
from logreg_tui.tui.widgets.controls import Choice


async def fill(lab: Lab, selector: str, text: str) -> None:
    field = lab.app.screen.query_one(selector, Input)
    field.focus()
    field.value = text
    await lab.pilot.pause()


async def test_the_form_is_filled_with_the_selected_run() -> None:
    settings = RunSettings("logits", 0.5, 0.25, 7, Schedule("step", 100, 0.5), Optimizer("nesterov", 0.8))
    async with running(FakeTraining(runs=(settings,))) as lab:
        await lab.press("n")
        await lab.until(lambda: isinstance(lab.app.screen, NewRunScreen))
        await lab.press("enter")
        await lab.request(control.AddRun(settings))


async def test_the_form_adds_what_was_filled_in() -> None:
    async with running() as lab:
        await lab.press("n", "right")
        await fill(lab, "#new-l2", "0")
        await fill(lab, "#new-rate", "1e-4")
        await fill(lab, "#new-seed", "-3")
        lab.app.screen.query_one("#new-schedule", Choice).focus()
        await lab.press("right", "right")
        assert lab.app.screen.query_one("#new-gamma", Input).value == "0.999"
        await lab.press("enter")
        schedule = Schedule("exponential", gamma=0.999)
        await lab.request(control.AddRun(RunSettings("logits", 0.0, 1e-4, -3, schedule)))
        await lab.until(lambda: lab.screen.selected_number == 2)


async def test_a_cosine_schedule_of_the_form_ends_with_the_epochs() -> None:
    async with running(FakeTraining(epochs=500)) as lab:
        await lab.press("n")
        lab.app.screen.query_one("#new-schedule", Choice).focus()
        await lab.press("left", "enter")
        await lab.request(control.AddRun(RunSettings(schedule=Schedule("cosine", period=500))))


async def test_the_form_has_the_optimizers_with_what_belongs_to_them() -> None:
    settings = RunSettings(optimizer=Optimizer("momentum", 0.5))
    async with running(FakeTraining(runs=(settings,))) as lab:
        await lab.press("n")
        screen = lab.app.screen
        shown = {name: screen.query_one(f"#new-{name}-row") for name in ("momentum", "betas", "gamma")}
        assert [name for name, row in shown.items() if row.display] == ["momentum"]
        await fill(lab, "#new-momentum", "1")
        await lab.press("enter")
        assert "momentum is 1.0" in str(screen.query_one("#new-momentum-error", Static).content)
        screen.query_one("#new-optimizer", Choice).focus()
        await lab.press("right", "right")
        assert [name for name, row in shown.items() if row.display] == ["betas"]
        await fill(lab, "#new-betas", "0.8")
        await lab.press("enter")
        assert "two betas" in str(screen.query_one("#new-betas-error", Static).content)
        await fill(lab, "#new-betas", "0.8, 0.99")
        await lab.press("enter")
        await lab.request(control.AddRun(RunSettings(optimizer=Optimizer("adam", betas=(0.8, 0.99)))))


async def test_in_a_narrow_terminal_the_form_shows_every_choice_and_a_click_finds_it() -> None:
    async with running(size=(60, 20)) as lab:
        await lab.press("n")
        await lab.until(lambda: isinstance(lab.app.screen, NewRunScreen))
        assert all(f"( ) {name}" in lab.text() for name in ("nesterov", "adam", "exponential", "cosine"))
        await lab.pilot.click("#new-optimizer", offset=(5, 1))
        assert lab.app.screen.query_one("#new-optimizer", Choice).value == "adam"
        await lab.pilot.click("#new-schedule", offset=(5, 0))
        assert lab.app.screen.query_one("#new-schedule", Choice).value == "constant"


async def test_the_form_asks_for_goals() -> None:
    settings = RunSettings(stop_at=parse_goal("test_accuracy >= 0.5"), patience=7)
    async with running(FakeTraining(runs=(settings,))) as lab:
        await lab.press("n")
        fields = {name: lab.app.screen.query_one(f"#new-{name}", Input) for name in ("stop-at", "patience")}
        assert [field.value for field in fields.values()] == ["test_accuracy >= 0.5", "7"]
        await fill(lab, "#new-stop-at", "accuracy > 1")
        await fill(lab, "#new-patience", "0")
        await lab.press("enter")
        errors = [lab.app.screen.query_one(f"#new-{name}-error", Static).content for name in fields]
        assert "is no figure of a run" in str(errors[0])
        assert "patience is 0" in str(errors[1])
        await fill(lab, "#new-stop-at", "test loss < 0.3")
        await fill(lab, "#new-patience", "")
        await lab.press("enter")
        await lab.request(control.AddRun(RunSettings(stop_at=parse_goal("test_loss < 0.3"))))


async def test_the_form_names_every_bad_value_and_stays() -> None:
    async with running() as lab:
        await lab.press("n")
        await fill(lab, "#new-l2", "-1")
        await fill(lab, "#new-seed", "1.5")
        await lab.press("enter")
        screen = lab.app.screen
        assert isinstance(screen, NewRunScreen)
        assert "lambda is -1" in str(screen.query_one("#new-l2-error", Static).content)
        assert "'1.5' is not a whole number" in str(screen.query_one("#new-seed-error", Static).content)
        assert screen.focused is screen.query_one("#new-l2")
        await lab.press("escape")
        await lab.until(lambda: lab.app.screen is lab.screen)
        assert lab.training.requests == []


Exports = list[tuple[Path, Path]]


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Exports:
    """Stand in for core.export: note the calls, write a file."""
    calls: Exports = []

    def export_csv(directory: Path, target: Path) -> int:
        calls.append((directory, target))
        if target.parent.name == "missing":
            raise UserError(f"no folder [bold]{target.parent}")
        target.write_text("rows")
        return 1234

    module = ModuleType("logreg_tui.core.export.rows")
    module.export_csv = export_csv  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    return calls


async def test_enter_exports_to_the_proposed_path(exports: Exports, tmp_path: Path) -> None:
    async with running() as lab:
        await lab.press("e")
        await lab.until(lambda: isinstance(lab.app.screen.focused, Input))
        await lab.press("enter")
        target = tmp_path / "20261122T184530-sigmoid.csv"
        await lab.until(lambda: any(f"1,234 rows written to {target}" in note for note in lab.notes()))
        assert exports == [(Path(lab.training.directory), target)]


async def test_an_existing_file_is_asked_about_and_escape_goes_back(exports: Exports, tmp_path: Path) -> None:
    target = tmp_path / "20261122T184530-sigmoid.csv"
    target.write_text("mine")
    async with running() as lab:
        await lab.press("e", "enter")
        await lab.until(lambda: "Overwrite it?" in export_message(lab))
        await lab.press("escape")
        assert export_message(lab) == ""
        assert exports == []
        assert target.read_text() == "mine"
        await lab.press("enter")
        await lab.until(lambda: "Overwrite it?" in export_message(lab))
        await lab.press("enter")
        await lab.until(lambda: exports and lab.app.screen is lab.screen)


async def test_a_changed_path_is_asked_about_again(exports: Exports, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")
    (tmp_path / "ab.csv").write_text("mine")
    async with running() as lab:
        await lab.press("e")
        await fill(lab, "#path", "a.csv")
        await lab.press("enter")
        await lab.until(lambda: "a.csv exists" in export_message(lab))
        await fill(lab, "#path", "ab.csv")
        await lab.press("enter")
        await lab.until(lambda: "ab.csv exists" in export_message(lab))
        assert exports == []


async def test_a_failed_export_is_shown_and_the_path_can_be_corrected(exports: Exports) -> None:
    async with running() as lab:
        await lab.press("e")
        await fill(lab, "#path", "missing/a.csv")
        await lab.press("enter")
        await lab.until(lambda: "no folder [bold]" in export_message(lab))
        await fill(lab, "#path", "b.csv")
        await lab.press("enter")
        await lab.until(lambda: lab.app.screen is lab.screen)
        assert exports[-1][1].name == "b.csv"


async def test_a_name_too_long_for_a_file_is_refused(exports: Exports) -> None:
    async with running() as lab:
        await lab.press("e")
        await fill(lab, "#path", "a" * 300)
        await lab.press("enter")
        await lab.until(lambda: "too long" in export_message(lab))


@pytest.mark.parametrize("path", ["pipe", "/dev/stdout", "/dev/tty", "a\0b"])
async def test_what_is_no_file_is_refused(exports: Exports, tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with running() as lab:
        await lab.press("e")
        await fill(lab, "#path", path)
        await lab.press("enter")
        await lab.until(lambda: "is no file" in export_message(lab))
        assert exports == []


async def test_a_tilde_names_the_home_folder(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with running() as lab:
        await lab.press("e")
        await fill(lab, "#path", "~/x.csv")
        await lab.press("enter")
        await lab.until(lambda: exports == [(Path(lab.training.directory), tmp_path / "x.csv")])


def export_message(lab: Lab) -> str:
    assert isinstance(lab.app.screen, ExportScreen)
    return str(lab.app.screen.query_one("#export-message", Static).content)


async def test_the_help_lists_keys_and_meanings_and_closes() -> None:
    async with running(size=(120, 90)) as lab:
        await lab.press("question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
        text = lab.text()
        for words in ("Switch head", "space", "What the numbers mean", "1.4612", "ctrl+q"):
            assert words in text
        await lab.press("escape")
        await lab.until(lambda: lab.app.screen is lab.screen)


@pytest.mark.parametrize("focus", ["#runs", "#l2", "#head", "#l2-on", "#log", "1", "2", "3", "4", "5"])
async def test_the_help_begins_with_the_keys_of_the_focus_and_names_each_key_once(focus: str) -> None:
    async with running(size=(120, 40)) as lab:
        if focus.isdigit():
            await lab.press(focus)
            lab.screen.query_one(f"#{TABS[int(focus) - 1]}").focus()
        else:
            lab.screen.query_one(focus).focus()
        await lab.pilot.pause()
        lines = [line.plain for line in wrapped(list(help_entries(lab.screen)))]
        assert lines[0].startswith("In ")
        own = keys_of(lab.screen.focused)
        assert own
        assert lines[1].split()[: len(own[0][0].split())] == own[0][0].split()
        rest = lines[: lines.index("What the numbers mean")]
        starts = [line for line in rest if line.startswith("  ") and line[2] != " "]
        keys = [key for line in starts for key in line[2:].split("  ")[0].split()]
        assert sorted(keys) == sorted(set(keys))
        assert not any("Focus Next" in line or "Delete" in line for line in lines)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
async def test_the_help_says_what_every_sign_of_a_run_means(glyphs: Glyphs) -> None:
    async with running() as lab:
        text = next(
            entry.text for entry in help_entries(lab.screen, glyphs) if entry.key == "signs of a run:"
        )
    states = ("training", "paused", "stopped", "interrupted", "finished", "ended", "exploded", "diverged")
    for state in (*states, *ENDED_EARLY):
        assert glyphs.symbol(state) in [part.split()[0] for part in re.split("[,;] ", text)]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_the_help_wraps_behind_its_keys_at_every_width(size: tuple[int, int]) -> None:
    async with running(size=size) as lab:
        await lab.press("3")
        await lab.press("question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen) and "arrows" in lab.text())
        box = lab.app.screen.query_one(".dialog")
        lines = [line[box.content_region.x : box.content_region.right] for line in lab.text().splitlines()]
        shown = lines[box.content_region.y : box.content_region.bottom]
        assert shown[0].startswith("In the mistakes")
        assert shown[1].startswith("  arrows ")
        starts = {len(line) - len(line[2:].lstrip()) for line in shown if line.startswith("   ")}
        begin = shown[1].index("Move to")
        assert begin <= 2 + len("pageup pagedown") + 2, "no heading makes the column of keys wider"
        assert starts <= {begin}, "what goes on stands under its beginning"
        paged = next(line for line in shown if "pageup pagedown" in line)
        assert paged.index("Turn") == begin
        assert all(line[begin - 1] == " " for line in shown[1:] if line.startswith("  "))


async def test_the_footer_names_the_keys_of_a_field_that_is_edited() -> None:
    async with running() as lab:
        lab.screen.query_one("#l2").focus()
        await lab.until(lambda: "Undo" in lab.text().splitlines()[-1])
        assert "enter Set" in lab.text().splitlines()[-1]


def test_each_group_of_keys_has_one_heading_in_the_help() -> None:
    groups = [group for group, _ in groupby(ACTIONS, key=lambda action: action.group)]
    assert len(groups) == len(set(groups))


async def test_training_shows_under_a_dialog_and_after_it() -> None:
    async with running() as lab:
        await lab.press("question_mark")
        lab.send(Finish())
        await lab.until(lambda: lab.history.state == "idle")
        await lab.press("escape")
        await lab.until(lambda: "finished" in lab.text())
