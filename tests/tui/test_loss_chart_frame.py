"""Whole frames of the loss chart, drawn without an app."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Sequence

import pytest

from logreg_tui.core import events
from logreg_tui.core.history import History, Mark
from logreg_tui.core.settings import RunSettings
from logreg_tui.tui.widgets.chart_frame import View, draw_frame
from logreg_tui.tui.widgets.chart_look import Look

ODD_VALUES = (math.nan, math.inf, -math.inf, 0.0, 1e38, 1e-40, -3.0, 1e308, 5e-324)


def history(runs: Sequence[Sequence[float]], head: str = "sigmoid", total: int = 10_000) -> History:
    """Return runs with these train losses, a row every 10 epochs, the test loss 0.1 above."""
    result = History()
    result.apply(
        events.ExperimentStarted(0, "d", "mnist", 60000, 10000, 784, 10, None, "cpu", total, 10, 1000)
    )
    for number, losses in enumerate(runs, start=1):
        result.apply(events.RunStarted(0, number, RunSettings(head=head), total))
        for at, loss in enumerate(losses):
            row = events.RowLogged(
                10 * at, number, 10 * at, at, head, 0, 0.1, loss, 0, loss + 0.1, 0.9, 0.9, False
            )
            result.apply(row)
    return result


def decay(rows: int = 200) -> list[float]:
    return [1.547 + 0.76 * math.exp(-at / 20) for at in range(rows)]


def frame(data: History, view: View | None = None, look: Look | None = None) -> list[str]:
    return [strip.text for strip in draw_frame(data, view or View(88, 22, 1), look or Look())]


def test_the_chart_names_itself_and_its_axes() -> None:
    text = "\n".join(frame(history([decay()])))
    assert all(name in text for name in ("Loss Comparison", "Epochs", "Loss Value", "2,000", "1.6"))


@pytest.mark.parametrize("size", [(50, 11), (50, 9), (88, 22), (165, 38)])
@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 13, 200, 1001])
def test_the_name_of_the_epoch_axis_always_has_room(size: tuple[int, int], log_x: bool, rows: int) -> None:
    assert "Epochs" in frame(history([decay(rows)]), View(*size, 1, log_x=log_x))[-1]


def test_the_floor_of_a_sigmoid_head_is_drawn_and_named() -> None:
    text = frame(history([decay()]))
    assert any("1.4612: no sigmoid head gets below" in line and "╌╌╌" in line for line in text)


def test_logits_have_no_floor() -> None:
    assert "1.4612" not in "\n".join(frame(history([decay()], head="logits")))


def test_a_mark_shows_its_text_beside_a_line() -> None:
    data = history([decay()])
    data.runs[1].marks = (Mark(500, "λ 0.001 → 0"),)
    assert any("┆λ 0.001 → 0" in line for line in frame(data))


def test_a_divergence_of_another_run_is_visible() -> None:
    data = history([decay(), decay()])
    data.runs[2].marks = (Mark(900, "diverged: train_loss is nan"),)
    assert any("2 diverged" in line for line in frame(data))


def test_mark_texts_cannot_send_control_codes() -> None:
    data = history([decay()])
    data.runs[1].marks = (Mark(500, "\x1b[2Jlr\n0.1"),)
    assert all(line.isprintable() for line in frame(data))


def test_ascii_means_nothing_above_the_tilde() -> None:
    data = history([decay(), decay(50)])
    data.runs[1].marks = (Mark(300, "λ 0.001 → 0"), Mark(600, "sigmoid → logits", True))
    for view in (View(88, 22, 1), View(50, 8, 2, log_y=True), View(15, 3, 1)):
        text = "".join(frame(data, view, Look(ascii_only=True)))
        assert all(" " <= character <= "~" for character in text)
    assert "l2 0.001 -> 0" in "".join(frame(data, look=Look(ascii_only=True)))


@pytest.mark.parametrize("look", [Look(ascii_only=True), Look(monochrome=True)])
def test_curves_carry_marks_where_colour_does_not_tell_them_apart(look: Look) -> None:
    flat = [[1.6] * 200, [1.9] * 200, [2.2] * 200]
    body = "".join(line[5:] for line in frame(history(flat), look=look)[2:-2])
    assert all(mark in body for mark in "123abc")


def test_monochrome_frames_have_no_colours() -> None:
    strips = draw_frame(history([decay(), decay()]), View(88, 22, 1), Look(monochrome=True))
    assert all(segment.style is None or segment.style.color is None for strip in strips for segment in strip)


def test_the_line_is_broken_at_a_head_switch() -> None:
    losses = [1.0] * 50 + [9.0] * 50
    broken, joined = history([losses], "logits", 1000), history([losses], "logits", 1000)
    broken.runs[1].marks = (Mark(490, "sigmoid → logits", True),)
    joined.runs[1].marks = (Mark(490, "sigmoid → logits", False),)

    def dots(data: History) -> int:
        return sum(0x2800 < ord(character) < 0x2900 for line in frame(data) for character in line)

    assert dots(broken) < dots(joined) - 8


def test_one_more_row_changes_a_few_cells_only() -> None:
    before, after = frame(history([decay(200)])), frame(history([decay(201)]))
    changed = sum(
        a != b for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True)
    )
    assert 0 < changed <= 20


def test_an_empty_history_waits() -> None:
    assert "waiting for the first row" in "".join(frame(History()))
    assert "waiting for the first row" in "".join(frame(history([[]])))


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
            Mark(rng.randint(0, 700), rng.choice(("λ 0 → 1", "diverged: x", "漢\x1b")), rng.random() < 0.5)
            for _ in range(rng.randint(0, 15))
        )
    look = Look(rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5)
    for size in ((1, 1), (20, 5), (21, 7), (rng.randint(1, 200), rng.randint(1, 50)), (200, 50)):
        view = View(*size, rng.choice((None, 1, 2, 99)), rng.random() < 0.5, rng.random() < 0.5)
        strips = draw_frame(data, view, look)
        assert [strip.cell_length for strip in strips] == [size[0]] * size[1]
        assert all(segment.style is None or segment.style.bgcolor is None for s in strips for segment in s)
        assert all(strip.text.isprintable() for strip in strips)


def test_importing_the_widget_loads_neither_plotext_nor_numpy_nor_torch() -> None:
    code = (
        "import sys, logreg_tui.tui.widgets.loss_chart; print({'plotext', 'numpy', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
