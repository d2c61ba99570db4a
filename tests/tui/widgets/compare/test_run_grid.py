"""Runs as a grid of two settings: its axes, means over seeds, the best of what else differs, divergence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.compared import ORIGIN, made

from logreg_tui.core.analysis.compared_runs import ComparedRun
from logreg_tui.core.heads import LOGITS, SIGMOID
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.tui.widgets.compare.run_grid import BEST, Axes, axes_of, grid_of

RATE_AND_L2 = Axes("learning_rate", "l2")


def runs_of(**lists: list) -> list[ComparedRun]:
    """Return the runs of a grid, run n with an accuracy of n %."""
    values = {"heads": [SIGMOID], "l2s": [0.0], "rates": [0.1], "seeds": [0], **lists}
    optimizers = [Optimizer.of(kind) for kind in lists.get("optimizers", ["sgd"])]
    settings = grid(values["heads"], values["l2s"], values["rates"], values["seeds"], Schedule(), optimizers)
    return [made(n, n / 100, settings=run) for n, run in enumerate(settings, 1)]


@pytest.mark.parametrize(
    ("lists", "axes"),
    [
        ({"rates": [0.1, 1], "l2s": [0, 1]}, [("learning_rate", "l2")]),
        ({"rates": [0.1, 1], "optimizers": ["sgd", "adam"]}, [("learning_rate", "optimizer")]),
        ({"heads": [LOGITS, SIGMOID], "l2s": [0, 1]}, [("l2", "head")]),
        ({"rates": [0.1, 1, 2]}, []),
        ({"rates": [0.1, 1, 2], "seeds": [1, 2]}, []),
        (
            {"rates": [0.1, 1], "l2s": [0, 1], "heads": [LOGITS, SIGMOID], "seeds": [1, 2]},
            [("learning_rate", "l2"), ("learning_rate", "head"), ("l2", "head")],
        ),
        (
            {"rates": [0.1, 1], "l2s": [0, 1, 2], "heads": [LOGITS, SIGMOID]},
            [("learning_rate", "l2"), ("l2", "head"), ("learning_rate", "head")],
        ),
    ],
)
def test_the_axes_are_the_settings_that_differ_those_with_most_cells_first(
    lists: dict[str, list], axes: list[tuple[str, str]]
) -> None:
    assert axes_of(runs_of(**lists)) == axes


def test_settings_that_change_together_are_no_grid() -> None:
    settings = [RunSettings(l2=value, learning_rate=value) for value in (0.1, 0.2, 0.3)]
    assert axes_of([made(n, settings=run) for n, run in enumerate(settings)]) == []


def test_experiments_with_other_pixels_span_a_grid() -> None:
    unit = replace(ORIGIN, directory="/runs/b", pixels="unit")
    runs = [
        made(run, origin=origin, settings=RunSettings(learning_rate=rate))
        for origin in (ORIGIN, unit)
        for run, rate in enumerate((0.1, 0.5), 1)
    ]
    found = grid_of(runs, axes_of(runs)[0])
    assert (found.axes, found.down) == (("learning_rate", "pixels"), ("raw", "unit"))


def test_values_rise_along_the_axes_and_each_run_has_its_place() -> None:
    runs = runs_of(rates=[1, 0.1], l2s=[0.5, 0])
    found = grid_of(runs, RATE_AND_L2)
    assert (found.across, found.down) == ((0.1, 1), (0, 0.5))
    assert {place: cell.value for place, cell in found.cells.items()} == {
        (1, 1): 0.01, (1, 0): 0.02, (0, 1): 0.03, (0, 0): 0.04,
    }  # fmt: skip
    assert found.best == (0, 0)
    assert found.place_of(runs[0].key) == (1, 1)
    assert found.place_of(None) is None
    assert not found.averages_seeds
    assert not found.takes_best


def test_seeds_share_a_cell_with_their_mean_however_far_they_are() -> None:
    runs = runs_of(rates=[0.1, 1], l2s=[0, 1], seeds=[1, 2, 3])
    runs[1] = replace(runs[1], epochs=7)
    cell = grid_of(runs, RATE_AND_L2).cells[0, 0]
    assert cell.value == pytest.approx(0.02)
    assert (cell.count, [run.run for run in cell.runs]) == (3, [3, 2, 1])
    assert cell.others == 0


def test_a_cell_is_the_best_of_other_settings_that_differ() -> None:
    found = grid_of(runs_of(heads=[LOGITS, SIGMOID], rates=[0.1, 1], l2s=[0, 1], seeds=[1, 2]), RATE_AND_L2)
    cell = found.cells[0, 0]
    assert cell.value == pytest.approx((0.09 + 0.1) / 2)
    assert {run.settings.head for run in cell.runs} == {SIGMOID}
    assert (cell.others, len(cell.keys)) == (2, 4)
    assert found.takes_best


def test_a_diverged_seed_is_counted_and_left_out_of_the_mean() -> None:
    runs = runs_of(rates=[0.1, 1], l2s=[0, 1], seeds=[1, 2])
    runs[1] = replace(runs[1], state="diverged")
    cell = grid_of(runs, RATE_AND_L2).cells[0, 0]
    assert (cell.value, cell.count, cell.diverged, cell.has_only_diverged) == (0.01, 1, 1, False)


def test_a_cell_that_diverged_is_never_the_best() -> None:
    runs = runs_of(rates=[0.1, 1], l2s=[0, 1])
    runs[-1] = replace(runs[-1], state="diverged")
    found = grid_of(runs, RATE_AND_L2)
    assert found.cells[1, 1].has_only_diverged
    assert found.best == (1, 0)
    assert grid_of([replace(run, state="diverged") for run in runs], RATE_AND_L2).best is None


def test_the_best_accuracy_may_be_shown_in_place_of_the_latest() -> None:
    runs = runs_of(rates=[0.1, 1], l2s=[0, 1])
    runs[0] = replace(runs[0], best_test_accuracy=0.5)
    assert grid_of(runs, RATE_AND_L2).best == (1, 1)
    assert grid_of(runs, RATE_AND_L2, BEST).best == (0, 0)


def test_a_run_without_a_row_has_a_cell_without_a_value() -> None:
    runs = runs_of(rates=[0.1, 1], l2s=[0, 1])
    runs[0] = made(1, None, settings=runs[0].settings)
    assert grid_of(runs, RATE_AND_L2).cells[0, 0].value is None
