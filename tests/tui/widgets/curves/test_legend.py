"""The lines above the plot."""

from __future__ import annotations

import math

import pytest
from helpers.records import row

from logreg_tui.core.analysis.drawn_metrics import ACCURACY
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.cells import Cells
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.legend import (
    Legend,
    draw_header,
    header_height,
    loss_text,
    newest_values,
)


def header(runs: int, width: int, lines: int = 2, selected: int = 1, style: ChartStyle | None = None) -> str:
    histories = [RunHistory(number, RunSettings(), 100, 0) for number in range(1, runs + 1)]
    for run in histories:
        run.last = row(run.number, train_loss=1.547, test_loss=1.5541)
    cells = Cells(width, lines)
    legend = Legend(histories, newest_values(histories), selected, style or ChartStyle())
    draw_header(cells, legend, lines)
    return "\n".join(strip.text for strip in cells.strips())


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.547, "1.5470"), (9.99999, "10.000"), (22.6012, "22.601"), (123.456, "123.46"), (99999.6, "100000"),
     (1e6, "   1e6"), (3.4e38, "  3e38"), (math.nan, "   nan"), (math.inf, "   inf"), (0.0, "0.0000"),
     (1e300, " 1e300")],
)  # fmt: skip
def test_a_loss_takes_six_columns_whatever_it_is(value: float, text: str) -> None:
    assert loss_text(value) == text


def test_one_run_is_written_out() -> None:
    text = header(1, 88)
    assert text.startswith("Loss Comparison")
    assert "━ 1 sigmoid train 1.5470  ─ test 1.5541" in text
    assert "\nLoss Value" in text


def test_fifty_columns_hold_both_losses_of_one_run() -> None:
    text = header(1, 50)
    assert "1 sigmoid ━1.5470 ─1.5541" in text


def test_many_runs_are_condensed_with_the_selected_one_first() -> None:
    text = header(24, 88, selected=17)
    entries = text.split("Loss Comparison")[1].split()
    assert entries[0] == "17"
    assert "more" in entries
    assert all(len(line) == 88 for line in text.split("\n"))


def test_eight_runs_fit_three_lines() -> None:
    text = header(8, 88, lines=3)
    assert "more" not in text
    assert text.count("1.5541") == 8


def test_four_runs_beside_the_list_are_named_with_a_key_to_their_lines() -> None:
    runs = [RunSettings(head, l2=l2) for head in ("sigmoid", "logits") for l2 in (0.0, 0.01)]
    histories = [RunHistory(number, settings, 100, 0) for number, settings in enumerate(runs, start=1)]
    for run in histories:
        run.last = row(run.number, train_loss=1.547, test_loss=1.5541)
    lines = header_height(4, 20)
    cells = Cells(76, lines)
    legend = Legend(histories, newest_values(histories), 1, ChartStyle())
    draw_header(cells, legend, lines, notes=[("log axis, or a curve would be flat", "log axis")])
    texts = " ".join(strip.text for strip in cells.strips())
    words = ("━ train ─ test", "1 sigmoid λ 0 ━", "2 sigmoid λ 0.01 ━", "3 logits λ 0 ━", "4 logits λ 0.01 ━")
    assert [text for text in words if text not in texts] == []


@pytest.mark.parametrize("style", [ChartStyle(ascii_only=True), ChartStyle(monochrome=True)])
def test_marks_stand_in_for_colours(style: ChartStyle) -> None:
    text = header(2, 120, style=style)
    assert all(mark in text for mark in (curve_mark(1, False), curve_mark(1, True), curve_mark(2, True)))


def test_twenty_six_runs_have_different_marks() -> None:
    marks = {curve_mark(number, is_test) for number in range(1, 27) for is_test in (False, True)}
    assert len(marks) == 52


def test_notes_stand_beside_the_name_of_the_axis_and_shorten() -> None:
    histories = [RunHistory(1, RunSettings(), 100, 0)]
    notes = [
        ("last half", "last half"),
        ("smoothed 0.9, raw paler", "EMA 0.9"),
        ("3 points hidden", "3 hidden"),
    ]
    for width, text in ((120, "Loss Value  last half · smoothed 0.9, raw paler · 3 points hidden"),
                        (70, "Loss Value  last half · EMA 0.9 · 3 hidden")):  # fmt: skip
        cells = Cells(width, 2)
        draw_header(cells, Legend(histories, {}, 1, ChartStyle()), 2, notes=notes)
        assert cells.strips()[1].text.startswith(text)


def two_runs(width: int, lines: int, *notes: tuple[str, str]) -> list[str]:
    """Return the header of the accuracies of a run of each head."""
    histories = [RunHistory(1, RunSettings(), 100, 0), RunHistory(2, RunSettings("logits"), 100, 0)]
    cells = Cells(width, lines)
    legend = Legend(histories, {1: (0.8767, 0.8824), 2: (0.8168, 0.82)}, 1, ChartStyle())
    draw_header(cells, legend, lines, metric=ACCURACY, notes=notes)
    return [strip.text for strip in cells.strips()]


def test_the_second_chart_names_its_runs_and_its_lines_beside_a_note() -> None:
    assert header_height(2, 13, is_second=True) == 2
    first, second = two_runs(76, 2, ("first rows below the axis", "start below"))
    assert first.startswith("Accuracy Comparison ")
    assert first.endswith(" ━ 1 sigmoid train 0.8767  ─ test 0.8824")
    assert second.startswith("Accuracy  first rows below the axis ")
    assert second.endswith(" ━ 2 logits train 0.8168  ─ test 0.8200")


@pytest.mark.parametrize(("width", "notes"), [(76, "start below"), (64, "")])
def test_on_a_single_line_notes_and_title_give_way_before_the_names(width: int, notes: str) -> None:
    (line,) = two_runs(width, 1, ("first rows below the axis", "start below"))
    assert line.split("1 sigmoid")[0].rstrip() == f"Accuracy  {notes}".rstrip()
    assert line.endswith("1 sigmoid ━0.8767 ─0.8824  2 logits ━0.8168 ─0.8200")


def test_of_many_runs_the_best_follow_the_selected_one_and_thin_ones_have_one_value() -> None:
    histories = [RunHistory(number, RunSettings(), 100, 0) for number in range(1, 25)]
    cells = Cells(88, 2)
    thin = [number for number in range(1, 25) if number not in (7, 9, 2)]
    draw_header(cells, Legend(histories, {}, 7, ChartStyle(), (9, 2), thin), 2)
    words = " ".join(strip.text for strip in cells.strips()).replace("nan", "").split()
    assert [word for word in words if word.isdigit()][:4] == ["7", "9", "2", "1"]
    assert words[-1] == "more"


def test_earlier_experiments_are_named_or_at_least_counted() -> None:
    histories = [RunHistory(1, RunSettings(), 100, 0)]
    for width, text in ((120, "e2 1121-1010 logits 1 1.5000"), (58, "2 earlier, test")):
        cells = Cells(width, 2)
        runs = [("1122-1845 sigmoid 1", 1.6), ("1121-1010 logits 1", 1.5)]
        draw_header(cells, Legend(histories, {}, 1, ChartStyle(), earlier=runs), 2)
        assert text in "".join(strip.text for strip in cells.strips())
