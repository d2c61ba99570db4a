"""ComparePanel: the table at any size, its order, the pinned run, other experiments, and what is copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import records
from helpers.app import lines_of, notes_of, painted_by, strips_of, wait_until
from helpers.experiments import write_experiment
from sklearn.metrics import accuracy_score, confusion_matrix
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from logreg_tui.core.analysis.intervals import paired_difference
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import ArraySource, Inputs
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot
from logreg_tui.tui.theme import ASCII, UNICODE
from logreg_tui.tui.widgets.compare.panel import ComparePanel

WIDE = (160, 45)
RUNS = (RunSettings(), RunSettings("logits", 0.0), RunSettings("logits", 0.01))
ACCURACIES = (0.9, 0.92, 0.91)


def row(run: int, epoch: int, accuracy: float, loss: float = 1.5) -> events.RowLogged:
    return records.row(
        run, epoch, train_loss=loss, l2_penalty=0.25, train_accuracy=0.95, test_accuracy=accuracy
    )


def begun(runs: tuple[RunSettings, ...] = RUNS, directory: str = "/nowhere/runs/now") -> History:
    return records.history_of(runs=runs, directory=directory, epochs=100)


def trained(runs: tuple[RunSettings, ...] = RUNS, directory: str = "/nowhere/runs/now") -> History:
    history = begun(runs, directory)
    for number in history.runs:
        history.apply(row(number, 10, ACCURACIES[(number - 1) % 3]))
    return history


class PanelApp(App[None]):
    def __init__(self, history: History, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.history = history
        self.panel = ComparePanel(glyphs=ASCII if ascii_only else UNICODE)
        self.sent: list[Any] = []
        self.copied = ""

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        self.panel.focus()

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text

    def on_compare_panel_pinned(self, event: ComparePanel.Pinned) -> None:
        self.sent.append(event.run)

    def on_compare_panel_parameters_wanted(self, event: ComparePanel.ParametersWanted) -> None:
        self.sent.append(("parameters", event.run))

    def draw(self, selected: int | None = 1) -> None:
        self.panel.draw(self.history, selected)

    @property
    def lines(self) -> list[str]:
        return lines_of(self)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def runs(self) -> list[int]:
        """Return the runs of the table, from the top."""
        table = self.lines[1 : self.lines.index("")]
        return [int(line[3:].split()[0]) for line in table]

    def notes(self) -> str:
        return " ".join(notes_of(self))


async def shown(app: PanelApp, pilot: Pilot[None]) -> None:
    await pilot.pause()
    app.draw()
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


@pytest.mark.parametrize("size", [(58, 8), (80, 12), (118, 30), WIDE])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_it_fits_any_size(size: tuple[int, int], ascii_only: bool) -> None:
    app = PanelApp(trained(), ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot)
        await press(pilot, "p")
        assert all(len(line) <= size[0] for line in app.lines)
        for word in ("run", "head", "test acc", "0.9200", "+2.00", "Newcombe 1998", "p pin"):
            assert word in app.text
        assert app.text.isascii() or not ascii_only


async def test_a_wide_terminal_shows_every_column_that_matters() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=(200, 20)) as pilot:
        await shown(app, pilot)
        header = app.lines[0]
        for title in ("λ", "lr", "seed", "epochs", "best acc", "at epoch", "gap", "seconds", "epochs/s"):
            assert title in header
        assert "diff pp" not in header


async def test_settings_that_all_rows_share_give_way_first() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=(58, 10)) as pilot:
        await shown(app, pilot)
        assert "best acc" in app.lines[0]
        assert "lr" not in app.lines[0].split()


async def test_before_the_first_run_it_says_what_it_waits_for() -> None:
    app = PanelApp(begun(()))
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "p", "o", "g", "ctrl+y", "up", "down")
        assert "Waiting for the first run" in app.text


async def test_a_run_without_rows_shows_dashes() -> None:
    app = PanelApp(begun())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "p", "g", "g")
        assert app.lines[1].split()[-3:] == ["-", "-", "training"] or " - " in app.lines[1]


async def test_the_keys_choose_the_column_and_turn_the_order() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        assert app.runs() == [1, 2, 3]
        await press(pilot, "o")
        assert app.runs() == [3, 2, 1]
        await press(pilot, *["greater_than_sign"] * 7)
        assert "test acc▼" in app.lines[0]
        assert app.runs() == [2, 3, 1]
        await press(pilot, "less_than_sign", "greater_than_sign", "o")
        assert "test acc▲" in app.lines[0]
        assert app.runs() == [1, 3, 2]


async def test_a_click_on_a_title_sorts_and_on_a_row_moves_there() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        at = app.lines[0].index("test acc")
        await pilot.click(ComparePanel, offset=(at + 2, 0))
        await pilot.pause()
        assert app.runs() == [2, 3, 1]
        await pilot.click(ComparePanel, offset=(at + 2, 0))
        await pilot.pause()
        assert app.runs() == [1, 3, 2]
        await pilot.click(ComparePanel, offset=(5, 3))
        await press(pilot, "p")
        assert app.sent == [2]


async def test_a_pinned_run_gets_a_mark_and_the_others_their_difference() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "down", "p")
        assert app.sent[0] == app.panel.pinned == 2
        assert app.lines[2][2] == "◆"
        assert "-2.00" in app.lines[1]
        assert "-2.79 to -1.21" in app.lines[1]
        assert "that of run 2 in percentage points" in app.text
        await press(pilot, "p")
        assert app.panel.pinned is None
        assert "diff pp" not in app.text


async def test_the_list_of_runs_may_pin_too() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        app.panel.pinned = 3
        await shown(app, pilot)
        assert app.lines[3][2] == "◆"
        assert app.sent == []


async def test_the_cursor_follows_the_run_that_is_selected_and_stays_on_it_as_the_order_changes() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        app.draw(3)
        await press(pilot, "o", "p")
        assert app.panel.pinned == 3
        app.draw(3)
        await press(pilot, "end", "p")
        assert app.panel.pinned == 1


async def test_without_colour_the_cursor_is_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        strips = strips_of(app)
        reversed_lines = [
            y for y, strip in enumerate(strips) if any(part.style and part.style.reverse for part in strip)
        ]
        assert reversed_lines == [1]


async def test_only_the_line_that_changed_is_painted_again() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        app.history.apply(row(2, 20, 0.93))
        assert {region.y for region in painted_by(app, app.draw)} == {2}


def test_while_it_trains_the_table_changes_once_a_second() -> None:
    panel, history = ComparePanel(glyphs=UNICODE), begun()
    signatures = []
    for epoch in (51, 52, 53, 101):
        history.apply(row(1, epoch, 0.9))
        signatures.append(panel.signature(history, 1))
    assert signatures[0] == signatures[1] == signatures[2] != signatures[3]
    history.apply(events.Paused(101))
    assert panel.signature(history, 1) != signatures[3]


async def test_more_rows_than_lines_scroll_with_the_cursor() -> None:
    history = trained(grid(("sigmoid", "logits"), (0.0, 0.1, 0.2, 0.3), (0.01,), (0, 1, 2), Schedule()))
    app = PanelApp(history)
    async with app.run_test(size=(80, 10)) as pilot:
        await shown(app, pilot)
        await press(pilot, "end")
        assert "24 " in app.text
        await press(pilot, "home")
        assert app.lines[1][3:5] == "1 "


async def test_seeds_fold_into_mean_and_deviation() -> None:
    app = PanelApp(trained((RunSettings(), RunSettings(seed=1), RunSettings(seed=2), RunSettings("logits"))))
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "g", "p")
        assert "1-3" in app.lines[1]
        assert "0.9100 ±0.0100" in app.lines[1]
        assert "standard deviation" in app.text
        assert "no interval: mean of seeds" in app.text
        await press(pilot, "g")
        assert app.runs() == [1, 2, 3, 4]


async def test_ctrl_y_copies_all_rows_and_says_how_many() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=(58, 8)) as pilot:
        await shown(app, pilot)
        await press(pilot, "p", "ctrl+y")
        lines = [line.split("\t") for line in app.copied.splitlines()]
        assert [len(line) for line in lines] == [len(lines[0])] * 4
        second = dict(zip(lines[0], lines[2], strict=True))
        assert (float(second["test_accuracy"]), float(second["difference_pp"])) == (0.92, pytest.approx(2.0))
        assert "3 rows" in app.notes()
        assert "set-clipboard on" in app.notes()


# Paired intervals


def small_dataset(samples: int, features: int) -> Dataset:
    random = np.random.default_rng(3)
    values = random.normal(size=(samples, features)).astype(np.float32)
    labels = np.clip(np.round(values[:, 0]), 0, 2).astype(np.int64)
    inputs = Inputs(ArraySource(values))
    return Dataset("made", inputs, labels, inputs, labels, 3, None, "a" * 64)


async def test_runs_that_rest_get_paired_intervals_as_scikit_learn_counts_them() -> None:
    dataset = small_dataset(400, 4)
    random = np.random.default_rng(4)
    history = begun(RUNS[:2])
    history.apply(DatasetLoaded(0, dataset))
    history.experiment = replace(history.experiment, test_samples=400)  # type: ignore[type-var]
    predicted = []
    shown_parameters = []
    for run in (1, 2):
        weight, bias = random.normal(size=(3, 4)).astype(np.float32), np.zeros(3, np.float32)
        predicted.append((dataset.test_inputs.read(0, 400) @ weight.T).argmax(1))
        history.apply(row(run, 10, float(accuracy_score(dataset.test_labels, predicted[-1]))))
        shown_parameters.append(ParametersSnapshot(10, run, 10, "logits", weight, bias))
    app = PanelApp(history)
    async with app.run_test(size=WIDE) as pilot:
        app.panel.pinned = 2
        await shown(app, pilot)
        assert app.sent == []
        assert "unpaired" in app.text
        for run in (1, 2):
            history.apply(events.RunEnded(10, run, 10, "finished"))
        await shown(app, pilot)
        await shown(app, pilot)
        assert app.sent == [("parameters", 1), ("parameters", 2)]
        for parameters in shown_parameters:
            history.apply(parameters)
        app.draw()
        await wait_until(pilot, lambda: "p: paired" in app.text)
        right = [dataset.test_labels == each for each in predicted]
        (neither, second), (first, both) = confusion_matrix(right[0], right[1])
        low, high = paired_difference(int(both), int(first), int(second), int(neither))
        assert f"{100 * low:+.2f} to {100 * high:+.2f} p" in app.lines[1]


async def test_parameters_that_do_not_belong_to_the_row_pair_nothing() -> None:
    history = begun(RUNS[:2])
    history.apply(DatasetLoaded(0, small_dataset(400, 4)))
    zeros = np.zeros((3, 4), np.float32), np.zeros(3, np.float32)
    for run in (1, 2):
        history.apply(row(run, 10, 0.9))
        history.apply(events.RunEnded(10, run, 10, "finished"))
        history.apply(ParametersSnapshot(10, run, 10, "logits", *zeros))
    app = PanelApp(history)
    async with app.run_test(size=WIDE) as pilot:
        app.panel.pinned = 2
        await shown(app, pilot)
        await app.workers.wait_for_complete()
        app.draw()
        await pilot.pause()
        assert "unpaired" in app.text


# Other experiments


def written(directory: Path, accuracy: float) -> None:
    settings = ExperimentSettings(dataset="mnist", epochs=100)
    started = events.RunStarted(0, 1, settings.runs[0], 100)
    write_experiment(directory, settings, [row(1, 10, accuracy)], [started], test_samples=10_000)


async def test_experiments_of_the_runs_directory_are_included_and_left_out(tmp_path: Path) -> None:
    for name, accuracy in (("now", 0.9), ("earlier", 0.875)):
        written(tmp_path / name, accuracy)
    app = PanelApp(trained(RUNS[:1], str(tmp_path / "now")))
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "i")
        await wait_until(pilot, lambda: "[ ] earlier" in app.text)
        assert "] now" not in app.text
        await press(pilot, "enter")
        await wait_until(pilot, lambda: "[x] earlier" in app.text)
        await press(pilot, "escape", "p")
        assert "earlier 1" in app.text
        assert "-2.50" in app.text
        assert "unpaired" in app.text
        await press(pilot, "home", "p")
        assert app.panel.pinned is None
        assert "that of earlier run 1" in app.text
        await press(pilot, "i")
        await wait_until(pilot, lambda: "[x] earlier" in app.text)
        await press(pilot, "enter", "i")
        assert "earlier" not in app.text


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "earlier" / "metrics.csv").write_text(""), "no header"),
        (lambda folder: (folder / "earlier" / "config.json").write_text("{"), "damaged"),
    ],
)
async def test_a_damaged_experiment_is_named(
    tmp_path: Path, damage: Callable[[Path], object], named: str
) -> None:
    for name in ("now", "earlier"):
        written(tmp_path / name, 0.9)
    damage(tmp_path)
    app = PanelApp(trained(RUNS[:1], str(tmp_path / "now")))
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "i")
        await wait_until(pilot, lambda: "earlier" in app.text)
        await press(pilot, "enter")
        await wait_until(pilot, lambda: named in app.notes())
        assert "[ ] earlier" in app.text


async def test_a_runs_directory_that_cannot_be_read_is_named() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        await press(pilot, "i")
        await wait_until(pilot, lambda: "cannot read '/nowhere/runs'" in app.notes())
        assert "test acc" in app.text


async def test_escape_is_the_screens_while_the_table_is_shown() -> None:
    app = PanelApp(trained())
    async with app.run_test(size=WIDE) as pilot:
        await shown(app, pilot)
        assert not app.panel.check_action("leave", ())
        assert app.panel.check_action("pin", ())
