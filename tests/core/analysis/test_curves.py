"""Curves out of experiment directories: how runs are called, where lines are broken, what is in sight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.analysis.curves import Curve, limits, needs_log, read_curves
from logreg_tui.core.errors import UserError
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training import events
from logreg_tui.core.training.history import Mark

SIGMOID_AND_LOGITS = (RunSettings(), RunSettings("logits"))


def trained(
    directory: Path,
    runs: Sequence[RunSettings] = SIGMOID_AND_LOGITS,
    losses: Iterable[float] = (2.5, 1.75),
    happenings: Iterable[events.Event] = (),
    classes: object = 10,
) -> Path:
    """Write an experiment whose runs all have these train losses, a row every 10 epochs."""
    settings = ExperimentSettings(runs=tuple(runs), dataset="mnist", epochs=100)
    rows = [
        row(run, 10 * at, train_loss=loss, test_loss=loss + 0.5, train_accuracy=0.75, test_accuracy=0.5)
        for at, loss in enumerate(losses)
        for run in range(1, len(runs) + 1)
    ]
    return write_experiment(directory, settings, rows, happenings, classes=classes)


def curve(
    *losses: float, marks: Sequence[Mark] = (), head: str = "sigmoid", test_above: float = 0.0
) -> Curve:
    train = np.array(losses, dtype=float)
    return Curve(head, np.arange(len(train)) * 10.0, train, train + test_above, head, tuple(marks), 10)


# Out of directories


def test_curves_hold_the_rows_of_every_run(tmp_path: Path) -> None:
    first, second = read_curves([trained(tmp_path / "x")])
    assert (first.label, second.label, first.head, second.head) == ("sigmoid", "logits", "sigmoid", "logits")
    assert (first.epochs.tolist(), first.train.tolist(), first.test.tolist()) == (
        [0, 10],
        [2.5, 1.75],
        [3, 2.25],
    )
    assert first.train.dtype == np.float64
    assert first.floor == pytest.approx(1.4612, abs=1e-4)
    assert second.floor is None


def test_accuracies_can_be_read_instead(tmp_path: Path) -> None:
    first = read_curves([trained(tmp_path / "x")], "accuracy")[0]
    assert (first.train.tolist(), first.test.tolist()) == ([0.75, 0.75], [0.5, 0.5])


@pytest.mark.parametrize(
    ("runs", "labels"),
    [
        ([RunSettings(l2=0.5, seed=3)], ["sigmoid"]),
        ([RunSettings(seed=seed) for seed in (0, 1)], ["sigmoid, seed 0", "sigmoid, seed 1"]),
        (
            [RunSettings("logits", l2, rate) for l2 in (0, 0.001) for rate in (0.01, 0.1)],
            [f"logits, λ {l2}, lr {rate}" for l2 in (0, 0.001) for rate in (0.01, 0.1)],
        ),
        (
            [RunSettings(), RunSettings("logits", schedule=Schedule("step", 1000, 0.1))],
            ["sigmoid, constant", "logits, x0.1 every 1,000"],
        ),
        ([RunSettings(), RunSettings()], ["sigmoid, run 1", "sigmoid, run 2"]),
    ],
)
def test_labels_say_what_tells_the_runs_apart(
    tmp_path: Path, runs: Sequence[RunSettings], labels: list[str]
) -> None:
    assert [each.label for each in read_curves([trained(tmp_path / "x", runs)])] == labels


def test_experiments_are_named_where_their_runs_are_alike(tmp_path: Path) -> None:
    one, other = (
        trained(tmp_path / "a", SIGMOID_AND_LOGITS),
        trained(tmp_path / "b", [RunSettings()]),
    )
    assert [each.label for each in read_curves([one, other])] == ["sigmoid, a", "logits", "sigmoid, b"]


def test_experiments_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    both = [trained(tmp_path / folder / "x", [RunSettings()]) for folder in "ab"]
    assert [each.label for each in read_curves(both)] == ["sigmoid, no. 1", "sigmoid, no. 2"]


def test_a_directory_given_twice_counts_once(tmp_path: Path) -> None:
    first = trained(tmp_path / "a")
    assert len(read_curves([first, trained(tmp_path / "b"), tmp_path / "b" / ".." / "a"])) == 4


def test_names_in_labels_are_inert_and_short(tmp_path: Path) -> None:
    both = [trained(tmp_path / ("\x1b[2J" + mark * 100), [RunSettings()]) for mark in "ab"]
    labels = [each.label for each in read_curves(both)]
    assert all(label.isprintable() and len(label) < 70 for label in labels)
    assert labels[0] != labels[1]


def test_what_is_no_experiment_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not an experiment directory"):
        read_curves([tmp_path])


def test_an_experiment_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="x' has no rows yet: let it train first"):
        read_curves([trained(tmp_path / "x", losses=())])


@pytest.mark.parametrize("classes", [None, "10", 1, 10**9, True])
def test_a_number_of_classes_that_cannot_be_is_an_error(tmp_path: Path, classes: object) -> None:
    with pytest.raises(UserError, match="config.json' is damaged"):
        read_curves([trained(tmp_path / "x", classes=classes)])


def test_a_missing_metrics_file_is_an_error(tmp_path: Path) -> None:
    (trained(tmp_path / "x") / "metrics.csv").unlink()
    with pytest.raises(UserError, match="cannot read metrics.csv"):
        read_curves([tmp_path / "x"])


def test_what_happened_to_a_run_comes_along(tmp_path: Path) -> None:
    happenings = [
        events.SettingChanged(10, 1, 10, "head", "sigmoid", "logits"),
        events.RunDiverged(20, 1, 20, "train_loss is nan"),
    ]
    losses = (2.5, 1.75, math.nan)
    (found,) = read_curves([trained(tmp_path / "x", [RunSettings()], losses, happenings)])
    assert found.diverged_at == 20
    assert [mark.text for mark in found.named_marks] == ["sigmoid → logits"]
    assert found.head == "logits"
    assert found.floor is not None


# Lines


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e305])
def test_a_value_that_cannot_be_drawn_interrupts_the_line(bad: float) -> None:
    data = curve(2.0, bad, 1.0)
    _, values = data.line(data.train)
    assert np.array_equal(values, [2.0, math.nan, 1.0], equal_nan=True)


def test_a_head_switch_interrupts_the_line_behind_its_epoch() -> None:
    data = curve(2.0, 1.5, 7.0, marks=[Mark(10, "sigmoid → logits", "head"), Mark(20, "λ 1 → 0")])
    epochs, values = data.line(data.train)
    assert np.array_equal(epochs, [0, 10, math.nan, 20], equal_nan=True)
    assert np.array_equal(values, [2.0, 1.5, math.nan, 7.0], equal_nan=True)


def test_of_many_rows_gaps_and_peaks_stay() -> None:
    losses = 2 + np.sin(np.arange(100_000))
    losses[[12_345, 54_321]] = 9.0, -9.0
    losses[70_001] = math.nan
    data = curve(*losses, marks=[Mark(300_000, "sigmoid → logits", "head")])
    epochs, values = data.line(data.train)
    assert len(values) < 8100
    assert np.count_nonzero(np.isnan(values)) == 2
    assert [epochs[np.nanargmax(values)], epochs[np.nanargmin(values)]] == [123_450, 543_210]
    assert (np.diff(epochs[~np.isnan(epochs)]) > 0).all()


def test_the_place_of_an_epoch_is_the_last_row_that_is_drawn() -> None:
    data = curve(2.0, 1.5, math.nan)
    assert [data.place(epoch) for epoch in (0, 19, 30)] == [(0, 2.0), (10, 1.5), (10, 1.5)]
    assert curve(math.nan).place(0) is None


# Limits


def test_limits_hold_train_and_test() -> None:
    assert limits([curve(2.0, 1.5), curve(4.0, 3.0, test_above=0.5)]) == (1.5, 4.5)


def test_a_diverged_run_does_not_press_the_others_flat() -> None:
    wild = curve(2.5, 1e20, math.inf, marks=[Mark(20, "train_loss is inf", "divergence")])
    assert limits([curve(2.0, 1.5), wild]) == (1.5, 2.5)
    assert not needs_log([curve(2.0, 1.5), wild])
    assert limits([wild]) == (2.5, 1e20)


def test_without_any_value_there_are_limits_all_the_same() -> None:
    assert limits([curve(math.nan)]) == (0.0, 1.0)
    assert not needs_log([curve(math.nan)])


def test_a_log_axis_is_needed_where_one_curve_is_far_above_another() -> None:
    assert needs_log([curve(2.0, 1.5), curve(70.0, 20.0, head="logits")])
    assert not needs_log([curve(2.0, 1.5), curve(8.0, 0.1, head="logits")])
    assert not needs_log([curve(2.0, 0.0), curve(70.0, 20.0, head="logits")])
    assert not needs_log([curve(800.0, 20.0, head="logits")])


def test_a_log_axis_is_needed_where_most_of_a_curve_lies_far_below_its_beginning() -> None:
    fallen = curve(8.0, *[0.02] * 5000, head="logits")
    assert needs_log([fallen])
    assert needs_log([curve(2.4, *[1.5] * 5000), fallen])
    assert not needs_log([curve(2.4, *[0.27] * 5000, head="logits")])
