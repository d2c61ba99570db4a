"""Whole frames of the loss chart, drawn without an app."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from helpers.records import history_of, row
from rich.style import Style

from logreg_tui.core.analysis.earlier_runs import EarlierRun
from logreg_tui.core.goals import parse_goal
from logreg_tui.core.heads import loss_floor
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History, Mark
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.chart import View, draw_axes, draw_frame
from logreg_tui.tui.widgets.curves.scene import THIN_RUNS, Scene
from logreg_tui.tui.widgets.curves.window import ALL, Window
from logreg_tui.tui.widgets.few_colors import nearest
from logreg_tui.tui.widgets.palette import ON_DARK

ODD_VALUES = (math.nan, math.inf, -math.inf, 0.0, 1e38, 1e-40, -3.0, 1e308, 5e-324)


def history(runs: Sequence[Sequence[float]], head: str = "sigmoid", total: int = 10_000) -> History:
    """Return runs with these train losses, a row every 10 epochs, the test loss 0.1 above."""
    settings = RunSettings(head=head)
    rows = [
        row(run, 10 * at, settings, elapsed_s=at, train_loss=loss, test_loss=loss + 0.1)
        for run, losses in enumerate(runs, 1)
        for at, loss in enumerate(losses)
    ]
    return history_of(*rows, runs=[settings] * len(runs), epochs=total)


def decay(rows: int = 200) -> list[float]:
    return [1.547 + 0.76 * math.exp(-at / 20) for at in range(rows)]


def swinging_beside_a_sigmoid() -> History:
    """Return a sigmoid run at 1.5 and a logits run that swings between 40 and 850."""
    sigmoid, logits = RunSettings(), RunSettings("logits")
    swings = [445 + 405 * math.sin(1.3 * at) for at in range(200)]
    return history_of(
        *(row(1, 10 * at, sigmoid, train_loss=1.5, test_loss=1.5) for at in range(200)),
        *(row(2, 10 * at, logits, train_loss=swing, test_loss=swing) for at, swing in enumerate(swings)),
        runs=[sigmoid, logits],
    )


def earlier(losses: Iterable[float], name: str = "20261122T184530-sigmoid") -> EarlierRun:
    """Return a run of another experiment with a row every 100 epochs."""
    values = np.array(list(losses))
    at = np.arange(len(values)) * 100.0
    return EarlierRun(name, 1, at, at / 10, values, values, values / 3, values / 3)


def frame(data: History, view: View | None = None, style: ChartStyle | None = None) -> list[str]:
    return [strip.text for strip in draw_frame(data, view or View(88, 22, 1), style or ChartStyle()).lines]


def test_the_chart_names_itself_and_its_axes() -> None:
    text = "\n".join(frame(history([decay()])))
    assert all(name in text for name in ("Loss Comparison", "Epochs", "Loss Value", "2,000", "1.6"))


@pytest.mark.parametrize("size", [(50, 11), (50, 9), (88, 22), (165, 38)])
@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 13, 200, 1001])
def test_the_name_of_the_epoch_axis_always_has_room(size: tuple[int, int], log_x: bool, rows: int) -> None:
    assert "Epochs" in frame(history([decay(rows)]), View(*size, 1, log_x=log_x))[-1]


def test_the_floor_of_a_sigmoid_head_is_drawn_and_named() -> None:
    (line,) = [text for text in frame(history([decay()])) if "1.4612: no sigmoid head gets below" in text]
    assert any(dots * 10 in line for dots in "⠁⠂⠄⡀")


@pytest.mark.parametrize("size", [(88, 22), (88, 21), (120, 40), (61, 14)])
@pytest.mark.parametrize("start", [2.3, 9.0])
def test_a_curve_that_has_reached_the_floor_lies_on_its_line(size: tuple[int, int], start: float) -> None:
    floor = loss_floor(10)
    drawn = draw_frame(history([[start, *[floor] * 150]]), View(*size, 1), ChartStyle())
    assert drawn.plot is not None
    y = drawn.plot.row(floor) or 0
    line = drawn.lines[y].text[drawn.plot.left :]
    (level,) = {dots for dots in "⠁⠂⠄⡀" if dots * 10 in line}
    dots = {ord(character) - 0x2800 for character in line[1:12] if character > "⠀"}
    # Both dots of a cell in that row of dots; the test curve, of the same values, lies next to it.
    both = (ord(level) - 0x2800) * (9 if level != "⡀" else 3)
    assert {bits & both for bits in dots} == {both}


@pytest.mark.parametrize("style", [ChartStyle(), ChartStyle(ascii_only=True)])
def test_ticks_and_their_lines_have_the_height_of_a_curve_at_their_value(style: ChartStyle) -> None:
    drawn = draw_frame(history([[2.4, *[2.0] * 100], [1.5, *[1.6] * 100]], "logits"), View(88, 22, 1), style)
    assert drawn.plot is not None
    lines = [strip.text for strip in drawn.lines]
    for value, text in ((2.0, "2.0"), (1.6, "1.6")):
        (y,) = [y for y, line in enumerate(lines) if line.startswith(text)]
        assert y == drawn.plot.row(value)
        assert sum(character not in " ." for character in lines[y][drawn.plot.left :]) > 20


def test_the_axes_stand_around_the_plot_with_their_ticks() -> None:
    lines = draw_axes(4, 41, 11, (0, 20), ((10, "10"), (0, "0")))
    assert lines[0] == "10 ┤" + " " * 41
    assert lines[10] == " 0 ┤" + " " * 41
    assert lines[11] == "   └┬" + "─" * 19 + "┬" + "─" * 20
    assert len(lines) == 12


def test_without_a_tick_the_plot_begins_where_it_is_said_to() -> None:
    assert [*draw_axes(4, 41, 11, (0,), ())] == ["   │" + " " * 41] * 11 + ["   └┬" + "─" * 40]


def test_a_frame_like_the_one_before_needs_nothing_of_plotext(monkeypatch: pytest.MonkeyPatch) -> None:
    data = history([decay()])
    before = frame(data)
    data.apply(row(1, 2000, RunSettings(), train_loss=1.5470, test_loss=1.6470))
    monkeypatch.delattr("plotext.build")
    after = frame(data)
    assert after[-2] == before[-2]
    assert after != before


def test_logits_have_no_floor() -> None:
    assert "1.4612" not in "\n".join(frame(history([decay()], head="logits")))


def test_a_mark_shows_its_text_beside_a_line() -> None:
    data = history([decay()])
    data.runs[1].marks = (Mark(500, "λ 0.001 → 0"),)
    assert any("┆λ 0.001 → 0" in line for line in frame(data))


def test_a_divergence_of_another_run_is_visible() -> None:
    data = history([decay(), decay()])
    data.runs[2].marks = (Mark(900, "train_loss is nan", "divergence"),)
    assert any("2 diverged" in line for line in frame(data))


def test_mark_texts_cannot_send_control_codes() -> None:
    data = history([decay()])
    data.runs[1].marks = (Mark(500, "\x1b[2Jlr\n0.1"),)
    assert all(line.isprintable() for line in frame(data))


def test_ascii_means_nothing_above_the_tilde() -> None:
    data = history([decay(), decay(50)])
    data.runs[1].marks = (Mark(300, "λ 0.001 → 0"), Mark(600, "sigmoid → logits", "head"))
    for view in (View(88, 22, 1), View(50, 8, 2, log_y=True), View(15, 3, 1)):
        text = "".join(frame(data, view, ChartStyle(ascii_only=True)))
        assert all(" " <= character <= "~" for character in text)
    assert "l2 0.001 -> 0" in "".join(frame(data, style=ChartStyle(ascii_only=True)))


@pytest.mark.parametrize("style", [ChartStyle(ascii_only=True), ChartStyle(monochrome=True)])
def test_curves_carry_marks_where_colour_does_not_tell_them_apart(style: ChartStyle) -> None:
    flat = [[1.6] * 200, [1.9] * 200, [2.2] * 200]
    body = "".join(line[5:] for line in frame(history(flat), style=style)[2:-2])
    assert all(mark in body for mark in "123abc")


@pytest.mark.parametrize(
    ("system", "dark", "runs", "has_marks"),
    [("standard", True, 2, False), ("standard", True, 8, True), ("standard", True, 17, True),
     ("256", False, 8, False), ("256", False, 17, True), ("", True, 24, False), ("", True, 25, True)],
)  # fmt: skip
def test_runs_that_share_a_colour_of_the_terminal_have_marks_in_curve_and_legend(
    system: str, dark: bool, runs: int, has_marks: bool
) -> None:
    style = ChartStyle(dark, system=system)
    data = history([[2 + 0.1 * run - 0.0004 * at for at in range(200)] for run in range(runs)])
    lines = draw_frame(data, View(120, 40, runs, best=(1,)), style).lines
    header, plot = "".join(line.text for line in lines[:4]), "".join(line.text[6:] for line in lines[4:-2])
    for run in (1, runs):
        assert (f"━{curve_mark(run, False)}━" in header) == has_marks
        # Every few columns; the floor's label has digits too.
        assert (plot.count(curve_mark(run, False)) >= 4) == has_marks


@pytest.mark.parametrize("dark", [True, False])
def test_at_256_colours_curves_of_eight_runs_and_their_tests_differ(dark: bool) -> None:
    style = ChartStyle(dark, system="256")
    colors = [style.color(number, is_test) for number in range(1, 9) for is_test in (False, True)]
    assert len({nearest(color, "256") for color in colors if color is not None}) == 16


def test_at_16_colours_dashes_tell_test_from_train() -> None:
    headers = [frame(history([decay()]), style=ChartStyle(system=system))[0] for system in ("", "standard")]
    assert ["┅" in header for header in headers] == [False, True]


def test_monochrome_frames_have_no_colours() -> None:
    strips = draw_frame(history([decay(), decay()]), View(88, 22, 1), ChartStyle(monochrome=True)).lines
    assert all(segment.style is None or segment.style.color is None for strip in strips for segment in strip)


def test_the_line_is_broken_at_a_head_switch() -> None:
    losses = [1.0] * 50 + [9.0] * 50
    broken, joined = history([losses], "logits", 1000), history([losses], "logits", 1000)
    broken.runs[1].marks = (Mark(490, "sigmoid → logits", "head"),)
    joined.runs[1].marks = (Mark(490, "sigmoid → logits"),)

    def dots(data: History) -> int:
        return sum(0x2800 < ord(character) < 0x2900 for line in frame(data) for character in line)

    assert dots(broken) < dots(joined) - 8


def test_one_more_row_changes_a_few_cells_only() -> None:
    before, after = frame(history([decay(200)])), frame(history([decay(201)]))
    changed = sum(
        a != b for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True)
    )
    assert 0 < changed <= 20


@pytest.mark.parametrize("size", [(19, 22), (88, 4), (19, 1)])
def test_a_tiny_chart_is_one_line(size: tuple[int, int]) -> None:
    assert frame(history([decay()]), View(*size, 1))[0].strip() == "1 1.5470 1.6470"


@pytest.mark.parametrize("seed", range(60))
def test_any_history_at_any_size_is_drawn(seed: int) -> None:
    rng = random.Random(seed)

    def loss() -> float:
        return rng.choice(ODD_VALUES) if rng.random() < 0.3 else rng.expovariate(1) * 10 ** rng.randint(-3, 4)

    count = rng.choice((1, 2, 3, 9, 30))
    data = history(
        [[loss() for _ in range(rng.choice((0, 1, 2, 5, 60)))] for _ in range(count)],
        rng.choice(("sigmoid", "logits")),
        rng.choice((1, 40, 599, 10_000)),
    )
    for run in data.runs.values():
        run.marks = tuple(
            Mark(
                rng.randint(0, 700),
                rng.choice(("λ 0 → 1", "漢\x1b")),
                rng.choice(("knob", "head", "divergence")),
            )
            for _ in range(rng.randint(0, 15))
        )
    style = ChartStyle(rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5)
    for size in ((1, 1), (20, 5), (21, 7), (rng.randint(1, 200), rng.randint(1, 50)), (200, 50)):
        view = View(
            *size,
            rng.choice((None, 1, 2, 99)),
            rng.random() < 0.5,
            rng.random() < 0.5,
            metric=rng.choice(("loss", "accuracy")),
            clock=rng.choice(("epochs", "seconds")),
            window=rng.choice((ALL, Window(0.5), Window(0.01), Window(limits=(3.0, 47.5)))),
            smoothing=rng.choice((0.0, 0.9)),
            cursor=rng.choice((None, None, 0, 30, 9999)),
            earlier=rng.choice(((), [earlier(loss() for _ in range(5))])),
        )
        strips = draw_frame(data, view, style).lines
        assert [strip.cell_length for strip in strips] == [size[0]] * size[1]
        assert all(segment.style is None or segment.style.bgcolor is None for s in strips for segment in s)
        assert all(strip.text.isprintable() for strip in strips)


def styles(data: History, view: View, style: ChartStyle | None = None) -> dict[str, set[Style | None]]:
    """Return the styles in which each character occurs."""
    found: dict[str, set[Style | None]] = {}
    for strip in draw_frame(data, view, style or ChartStyle()).lines:
        for segment in strip:
            for character in segment.text:
                found.setdefault(character, set()).add(segment.style)
    return found


def curve_colors(data: History, view: View) -> set[str]:
    """Return the colours in which braille is drawn."""
    found = styles(data, view)
    braille = [kept for character, kept in found.items() if 0x2800 < ord(character) < 0x2900]
    lines = {ChartStyle().faint, ChartStyle().floor}
    return {style.color.name for kept in braille for style in kept - lines if style and style.color}


def test_accuracies_have_their_own_title_axis_and_legend() -> None:
    data = history([decay()])
    text = "\n".join(frame(data, View(88, 22, 1, metric="accuracy")))
    assert all(name in text for name in ("Accuracy Comparison", "1 sigmoid train 0.9000", "0.9"))
    assert "Loss" not in text
    assert "1.4612" not in text


def test_seconds_are_an_axis_too() -> None:
    lines = frame(history([decay(50)]), View(88, 22, 1, clock="seconds"))
    assert "Seconds" in lines[-1]
    assert lines[-1].split()[-1] == "50"


def test_the_window_is_named_and_the_y_axis_fits_what_it_shows() -> None:
    data = history([[9.0] * 10 + decay(190)])
    assert any(line.startswith("10 ") for line in frame(data))
    lines = frame(data, View(88, 22, 1, window=Window(0.1)))
    assert "last tenth" in lines[1]
    assert all(line.startswith(("1.5", "1.6")) for line in lines if "┤" in line)


def test_a_log_axis_says_how_many_points_it_hides() -> None:
    lines = frame(history([decay()]), View(88, 22, 1, log_x=True))
    assert "2 points hidden: log axis" in lines[1]
    lines = frame(history([[1.0, 0.0, -1.0, 0.5]]), View(88, 22, 1, log_y=True))
    assert "hidden" in lines[1]
    assert "hidden" not in "".join(frame(history([decay()])))


def test_smoothing_keeps_the_raw_curve_paler() -> None:
    rng = random.Random(0)
    data = history([[2 + rng.gauss(0, 0.2) for _ in range(200)]], "logits", 2000)
    raw, smooth = View(88, 22, 1), View(88, 22, 1, smoothing=0.99)
    assert "smoothed 0.99, raw paler" in frame(data, smooth)[1]
    assert len(curve_colors(data, raw)) == 2
    assert len(curve_colors(data, smooth)) == 3


def test_the_cursor_reads_every_run_off_at_a_line() -> None:
    lines = frame(history([decay(), decay(100)]), View(88, 22, 2, cursor=500))
    assert lines[0].startswith("At epoch 500")
    assert lines[2].split()[:4] == ["2", "500", "1.609385", "1.709385"]
    assert lines[3].split()[0] == "1"
    assert "500" in lines[-1].split()
    column = lines[-2].index("┷")
    assert sum(line[column] == "│" for line in lines[4:-2]) > 10


def test_many_runs_have_few_colours_and_the_selected_one_is_among_them() -> None:
    data = history([[loss + 0.01 * number for loss in decay(100)] for number in range(24)])
    bright = {f"rgb({red},{green},{blue})" for red, green, blue in (ON_DARK[1], ON_DARK[4])}
    assert bright <= curve_colors(data, View(88, 22, 5, best=(2, 1, 3)))
    lines = frame(data, View(88, 22, 5, best=(2, 1, 3)))
    assert "more" in "".join(lines[:3])
    assert all(len(line) == 88 for line in lines)


def test_of_a_thousand_runs_so_many_are_drawn_as_can_be_told_apart() -> None:
    data = history([[loss + 0.001 * number for loss in decay(10)] for number in range(1000)])
    scene = Scene(data, View(120, 30, 500, best=(2, 1, 3)), list(data.runs.values()))
    full = [one.number for one in scene.series if not one.is_thin]
    assert sorted(full) == [1, 2, 3, 500]
    assert full[-1] == 500, "the selected one on top"
    assert THIN_RUNS <= len(scene.series) <= THIN_RUNS + len(full)
    assert {1, 1000} <= {one.number for one in scene.series}
    thin = {one.number for one in scene.series if one.is_thin}
    other = Scene(data, View(120, 30, 501, best=(2, 1, 3)), list(data.runs.values()))
    assert thin == {one.number for one in other.series if one.is_thin}, "a choice that stands still"
    lines = frame(data, View(120, 30, 500, best=(2, 1, 3)))
    assert f"{len(scene.series)} of 1,000 runs drawn" in lines[1]
    assert re.search(r"\+9\d\d more", "\n".join(lines[:4]))


def test_a_diverged_curve_ends_in_a_cross_and_leaves_the_others_their_axis() -> None:
    data = history([decay(100), [*decay(50), 1e3, 1e9, 1e30]], total=1000)
    data.apply(events.RunDiverged(530, 2, 530, "train_loss is nan"))
    for selected, text in ((1, "2 diverged"), (2, "diverged: train_loss is nan")):
        lines = frame(data, View(88, 22, selected))
        assert text in "\n".join(lines)
        assert "✕" in lines[2]
        assert any(line.startswith("2.4 ┤") for line in lines)
    assert "X" in "".join(frame(data, style=ChartStyle(ascii_only=True)))


def test_a_goal_that_ended_a_run_is_a_mark_and_no_turn_of_a_knob() -> None:
    data = history([decay(), decay()])
    settings = replace(data.runs[1].settings, stop_at=parse_goal("test_loss < 2"))
    data.runs[1].settings = settings
    data.apply(events.RunEnded(500, 1, 500, "reached"))
    assert any("┆reached test_loss < 2.0" in line for line in frame(data))
    assert [mark.is_knob for mark in data.runs[1].marks] == [False]


def test_earlier_experiments_lie_under_the_curves_and_are_named() -> None:
    data, other = history([decay(100)]), earlier([2.4, 2.3, 2.2, 2.1, 2.0, 2.0])
    lines = frame(data, View(120, 22, 1, earlier=[other]))
    assert "e1 1122-1845 sigmoid 1 2.0000" in "".join(lines[:2])
    assert any("e1" in line for line in lines[2:])
    grey = curve_colors(data, View(120, 22, 1, earlier=[other])) - curve_colors(data, View(120, 22, 1))
    assert len(grey) == 1


def test_the_plot_tells_what_its_cells_stand_for() -> None:
    drawn = draw_frame(history([decay()]), View(88, 22, 1), ChartStyle())
    assert drawn.plot is not None
    lines = [strip.text for strip in drawn.lines]
    column = drawn.plot.column(800) or 0
    assert lines[-2][column] == "┬"
    assert drawn.plot.x_value(column) == pytest.approx(800, abs=15)
    row = next(y for y, line in enumerate(lines) if line.startswith("2.0"))
    assert drawn.plot.row(2.0) == row
    assert drawn.plot.holds(drawn.plot.left, row)
    assert not drawn.plot.holds(drawn.plot.left - 1, row)
    assert drawn.plot.column(99_999) is None


def test_importing_the_widget_loads_neither_plotext_nor_numpy_nor_torch() -> None:
    code = (
        "import sys, logreg_tui.tui.widgets.curves.panel; "
        "print({'plotext', 'numpy', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


AUTO_LOG = "log axis, or a curve would be flat"


def test_a_log_axis_is_chosen_and_named_where_a_linear_one_presses_a_curve_flat() -> None:
    data = swinging_beside_a_sigmoid()
    text = "\n".join(frame(data, View(120, 24, 1)))
    assert AUTO_LOG in text
    assert all(f"{tick} ┤" in text for tick in ("1", "10", "100", "1,000"))
    assert AUTO_LOG not in "\n".join(frame(history([decay()]), View(120, 24, 1)))
    for choice in (True, False):
        drawn = draw_frame(data, View(120, 24, 1, log_y=choice), ChartStyle())
        assert AUTO_LOG not in "\n".join(strip.text for strip in drawn.lines)
        assert drawn.plot is not None
        assert drawn.plot.y_axis.is_log == choice


@pytest.mark.parametrize("log_y", [None, False, True])
@pytest.mark.parametrize("size", [(60, 8), (88, 22), (165, 38), (165, 41)])
def test_no_curve_lies_below_the_floor_or_the_axis_that_it_is_above(
    size: tuple[int, int], log_y: bool | None
) -> None:
    drawn = draw_frame(swinging_beside_a_sigmoid(), View(*size, 1, log_y=log_y), ChartStyle())
    plot = drawn.plot
    assert plot is not None
    floor, curve = plot.level(loss_floor(10)), plot.level(1.5)
    assert floor is not None
    assert curve is not None
    assert curve <= floor, "lines and rows of dots count from the top"
    color = ink(ChartStyle().color(1, False))
    # A cell has the colour of the curve on top; the sigmoid's is selected.
    rows = {
        y
        for y, strip in enumerate(drawn.lines)
        if plot.top <= y < plot.bottom
        for segment in strip
        if segment.style == color and segment.text.strip()
    }
    assert rows == {curve[0]}
    zero = plot.level(plot.y_axis.ticks[0][0])
    assert zero is None or curve <= zero


@pytest.mark.parametrize("log_y", [None, True])
def test_accuracies_stand_on_a_linear_axis(log_y: bool | None) -> None:
    rows = [row(1, 10 * at, train_accuracy=0.95 - 0.9 / (1 + at), test_accuracy=0.9) for at in range(100)]
    plot = draw_frame(history_of(*rows), View(88, 22, 1, metric="accuracy", log_y=log_y), ChartStyle()).plot
    assert plot is not None
    assert not plot.y_axis.is_log
    assert plot.row(0.95) != plot.row(0.8)


@pytest.mark.parametrize("log_y", [None, False, True])
def test_an_exploded_experiment_underneath_leaves_the_axis_and_both_are_named(log_y: bool | None) -> None:
    exploded = earlier([2.3] + [5e9 * at for at in range(1, 30)])
    calm = earlier([2.3 - 0.02 * at for at in range(30)], "20261122T184531-calm")
    view = View(88, 22, 1, earlier=[exploded, calm], log_y=log_y)
    drawn = draw_frame(history([decay()]), view, ChartStyle())
    assert drawn.plot is not None
    assert drawn.plot.y_axis.high < 20
    plot_text = "\n".join(strip.text for strip in drawn.lines[drawn.plot.top :])
    assert "e1" in plot_text
    assert "e2" in plot_text
