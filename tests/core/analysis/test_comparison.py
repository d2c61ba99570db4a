"""Rows of the comparison: order, differences, means over seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.compared import ORIGIN, made, seeds

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin
from logreg_tui.core.analysis.comparison import (
    MEANS,
    NO_COMMON_TEST_SET,
    PAIRED,
    UNPAIRED,
    ComparisonRow,
    ContingencyTable,
    rows_of,
    sort_rows,
    with_differences,
)
from logreg_tui.core.analysis.comparison_columns import COLUMNS, cell_text
from logreg_tui.core.analysis.intervals import paired_difference, unpaired_difference
from logreg_tui.core.settings import RunSettings, Schedule

# Order


def runs_in(rows: Iterable[ComparisonRow]) -> list[int]:
    return [row.first.run for row in rows]


def test_rows_stand_in_the_order_of_any_column_and_those_without_a_value_last() -> None:
    rows = rows_of([made(1, 0.8), made(2, None), made(3, 0.9), made(4, 0.85)])
    assert runs_in(sort_rows(rows, "test_accuracy", descending=True)) == [3, 4, 1, 2]
    assert runs_in(sort_rows(rows, "test_accuracy", descending=False)) == [1, 4, 3, 2]
    assert runs_in(sort_rows(rows, "run", descending=True)) == [4, 3, 2, 1]
    for name in COLUMNS:
        assert sorted(runs_in(sort_rows(rows, name, descending=False))) == [1, 2, 3, 4]


def test_rows_that_are_equal_keep_their_order_either_way() -> None:
    rows = rows_of([made(2), made(1), made(3)])
    for descending in (False, True):
        assert runs_in(sort_rows(rows, "test_accuracy", descending=descending)) == [2, 1, 3]


# Differences


def difference_of(one: ComparedRun, other: ComparedRun, *pairs: ContingencyTable) -> Any:  # noqa: ANN401
    known = dict.fromkeys([one.key], *pairs) if pairs else {}
    return with_differences(rows_of([one, other]), other.key, known)[0].difference


def test_the_difference_is_in_percentage_points_with_newcombes_interval() -> None:
    difference = difference_of(made(1, 0.912), made(2, 0.9))
    assert difference.points == pytest.approx(1.2)
    expected = unpaired_difference(9120, 10_000, 9000, 10_000)
    assert difference.interval == pytest.approx([100 * end for end in expected])
    assert difference.method == UNPAIRED


def test_known_pairs_give_the_paired_interval() -> None:
    difference = difference_of(made(1, 0.912), made(2, 0.9), ContingencyTable(8900, 220, 100, 780))
    expected = paired_difference(8900, 220, 100, 780)
    assert difference.interval == pytest.approx([100 * end for end in expected])
    assert difference.method == PAIRED
    unpaired = difference_of(made(1, 0.912), made(2, 0.9)).interval
    assert unpaired.low < difference.interval.low < 1.2 < difference.interval.high < unpaired.high


def test_other_pixels_of_the_same_data_have_an_interval() -> None:
    elsewhere = replace(ORIGIN, directory="/runs/b", experiment="b", pixels="unit")
    assert difference_of(made(1, 0.912, origin=elsewhere), made(2)).method == UNPAIRED


@pytest.mark.parametrize(
    "origin",
    [
        replace(ORIGIN, directory="/runs/b", fingerprint="0" * 64),
        replace(ORIGIN, directory="/runs/b", fingerprint=""),
        replace(ORIGIN, directory="/runs/b", test_samples=5000),
    ],
)
def test_another_test_set_has_no_interval(origin: Origin) -> None:
    difference = difference_of(made(1, 0.912, origin=origin), made(1))
    assert (difference.interval, difference.method) == (None, NO_COMMON_TEST_SET)
    assert difference.points == pytest.approx(1.2)


def test_without_an_accuracy_there_is_no_difference() -> None:
    assert difference_of(made(1, None), made(2)) is None
    assert difference_of(made(1), made(2, None)) is None


def test_the_pinned_row_has_none_and_an_unknown_one_pins_nothing() -> None:
    rows = rows_of([made(1), made(2)])
    assert with_differences(rows, made(2).key, {})[1].difference is None
    assert with_differences(rows, made(9).key, {}) == rows


# Means over seeds


def test_runs_that_differ_in_their_seed_alone_share_a_row_with_mean_and_deviation() -> None:
    (row,) = rows_of(seeds(0.90, 0.91, 0.95), folds_seeds=True)
    assert row.value("test_accuracy") == pytest.approx(np.mean([0.90, 0.91, 0.95]))
    assert row.deviation("test_accuracy") == pytest.approx(np.std([0.90, 0.91, 0.95], ddof=1))
    assert (row.value("test_loss"), row.deviation("test_loss")) == (1.6, 0.0)
    assert (cell_text(row, "run"), cell_text(row, "seed")) == ("1-3", "3 seeds")
    assert cell_text(row, "test_accuracy") == "0.9200 ±0.0265"
    assert cell_text(row, "epochs") == "100"


@pytest.mark.parametrize(
    "other",
    [
        {"settings": RunSettings(l2=0.0, seed=7)},
        {"settings": RunSettings("logits", seed=7)},
        {"settings": RunSettings(seed=7, schedule=Schedule("cosine"))},
        {"origin": replace(ORIGIN, directory="/b", fingerprint="0" * 64), "settings": RunSettings(seed=7)},
        {"origin": replace(ORIGIN, directory="/b", pixels="unit"), "settings": RunSettings(seed=7)},
        {"changes": ("epoch 5: λ 0.1 → 0",), "settings": RunSettings(seed=7)},
        {"epochs": 50, "settings": RunSettings(seed=7)},
        {"state": "diverged", "settings": RunSettings(seed=7)},
        {"settings": RunSettings(seed=0)},
    ],
)
def test_what_differs_in_more_than_the_seed_keeps_its_own_row(other: dict[str, Any]) -> None:
    rows = rows_of([*seeds(0.90, 0.91), made(9, 0.5, **other)], folds_seeds=True)
    assert [len(row.runs) for row in rows] == [2, 1]


def test_seeds_of_other_experiments_on_the_same_data_join() -> None:
    elsewhere = replace(ORIGIN, directory="/b", experiment="b")
    rows = rows_of([*seeds(0.9, 0.91), made(1, 0.92, origin=elsewhere, settings=RunSettings(seed=5))],
                   folds_seeds=True)  # fmt: skip
    assert [len(row.runs) for row in rows] == [3]
    assert rows[0].value("experiment") is None


def test_seeds_that_train_side_by_side_stay_together_between_their_rows() -> None:
    first, second = seeds(0.9, 0.91, state="training")
    assert len(rows_of([first, replace(second, epochs=90)], folds_seeds=True)) == 1


def test_a_mean_over_seeds_has_a_difference_but_no_interval() -> None:
    rows = rows_of([*seeds(0.90, 0.92), made(9, 0.9, settings=RunSettings("logits"))], folds_seeds=True)
    difference = with_differences(rows, made(9).key, {})[0].difference
    assert difference is not None
    assert (difference.points, difference.interval, difference.method) == (pytest.approx(1.0), None, MEANS)
    pinned = with_differences(rows, made(2).key, {})
    assert pinned[0].difference is None
    assert pinned[1].difference is not None
    assert pinned[1].difference.points == pytest.approx(-1.0)
