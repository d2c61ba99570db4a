"""The arrangement of many runs: groups, marks, filters, as plain text."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.tui.run_filter import run_filter
from logreg_tui.tui.widgets.runs.run_groups import Heading, RunLine, ValueFormat, arrange

WORDS = ValueFormat("λ")
GRID = grid(["sigmoid", "logits"], [0, 0.001], [0.01], [0, 1, 2], Schedule())


def lines_of(settings: Sequence[RunSettings], accuracies: Sequence[float] = ()) -> list[RunLine]:
    known = [*accuracies, *[None] * len(settings)]
    return [RunLine(n, each, "training", known[n - 1]) for n, each in enumerate(settings, 1)]


def shown(runs: list[RunLine], pinned: Sequence[int] = (), text: str = "") -> list[str]:
    """Return the lines: headings in capitals, else number, words, and a star for each rank."""
    return [
        " ".join(line.words).upper()
        if isinstance(line, Heading)
        else " ".join([str(line.run.number), *line.words]) + "*" * line.rank
        for line in arrange(runs, WORDS, WORDS, pinned, run_filter(text))
    ]


def test_a_grid_is_grouped_by_all_but_what_runs_fastest() -> None:
    assert shown(lines_of(GRID))[:8] == [
        "SIGMOID Λ 0", "1 seed 0", "2 seed 1", "3 seed 2",
        "SIGMOID Λ 0.001", "4 seed 0", "5 seed 1", "6 seed 2",
    ]  # fmt: skip


def test_without_seeds_the_head_makes_the_groups() -> None:
    settings = grid(["sigmoid", "logits"], [0, 0.001, 0.01], [0.01], [0], Schedule())
    expected = ["SIGMOID", "1 λ 0", "2 λ 0.001", "3 λ 0.01", "LOGITS", "4 λ 0", "5 λ 0.001", "6 λ 0.01"]
    assert shown(lines_of(settings)) == expected


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        (grid(["logits"], [0], [0.01], range(6), Schedule()), "1 seed 0"),
        ([RunSettings()] * 5, "1 sigmoid"),
        ([RunSettings(head, l2) for head in ("sigmoid", "logits") for l2 in (0, 1)][:3], "1 sigmoid λ 0"),
    ],
    ids=["one value differs", "nothing differs", "groups of one"],
)
def test_where_groups_would_not_help_there_are_none(settings: Sequence[RunSettings], first: str) -> None:
    lines = shown(lines_of(settings))
    assert len(lines) == len(settings)
    assert lines[0] == first


def test_a_run_that_joins_later_stands_with_its_group() -> None:
    lines = shown(lines_of([*GRID, RunSettings("sigmoid", 0.0, seed=9)]))
    assert lines[:5] == ["SIGMOID Λ 0", "1 seed 0", "2 seed 1", "3 seed 2", "13 seed 9"]


def test_the_best_of_all_and_of_each_group_are_marked() -> None:
    lines = shown(lines_of(GRID, [0.7, 0.9, 0.8, 0.95, 0.95, 0.1, 0.5]))
    marked = ["2 seed 1*", "4 seed 0**", "5 seed 1**", "7 seed 0*"]
    assert [line for line in lines if "*" in line] == marked


def test_where_many_are_equally_good_nobody_is_marked() -> None:
    assert not any("*" in line for line in shown(lines_of(GRID, [0.9] * 12)))


def test_pinned_runs_stand_on_top_whole_and_whatever_the_filter_says() -> None:
    lines = shown(lines_of(GRID), pinned=[7], text="sigmoid l2=0")
    assert lines == ["PINNED", "7 logits λ 0 seed 0", "SIGMOID Λ 0", "1 seed 0", "2 seed 1", "3 seed 2"]


def test_few_matches_stand_whole() -> None:
    expected = ["5 sigmoid λ 0.001 seed 1", "11 logits λ 0.001 seed 1"]
    assert shown(lines_of(GRID), text="l2=0.001 seed=1") == expected
