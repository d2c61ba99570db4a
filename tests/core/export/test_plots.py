"""Figures for print: their format, that they are the same each time, and what they say."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from logreg_tui.core.analysis.curves import Curve
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.export.plots import draw_curves, draw_weights
from logreg_tui.core.training.history import Mark

pytest.importorskip("matplotlib")


def decay(label: str, low: float, *, head: str = "sigmoid", marks: Sequence[Mark] = ()) -> Curve:
    """Return a run of 50 rows whose loss falls to `low`."""
    epochs = np.arange(50) * 10.0
    train = low + np.exp(-epochs / 100)
    return Curve(label, epochs, train, train + 0.05, head, tuple(marks), 10)


BOTH = (decay("sigmoid", 1.53), decay("logits", 0.2, head="logits"))


def words(path: Path) -> list[str]:
    """Return the texts of an SVG."""
    return re.findall(r"<text[^>]*>(.*?)</text>", path.read_text())


def drawn(tmp_path: Path, curves: Sequence[Curve], metric: str = "loss") -> list[str]:
    draw_curves(curves, tmp_path / "figure.svg", metric)
    return words(tmp_path / "figure.svg")


def chunks(png: bytes) -> list[bytes]:
    """Return the names of the chunks of a PNG."""
    names, at = [], 8
    while at < len(png):
        names.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4])
    return names


def lines(path: Path) -> list[str]:
    """Return the paths of train and test of the first run in an SVG."""
    return re.findall(r'<path d="([^"]*)"[^>]*style="fill: none;[^"]*stroke: #0072b2', path.read_text())[:2]


def test_a_png_has_the_size_for_print_and_nothing_that_dates_it(tmp_path: Path) -> None:
    draw_curves(BOTH, tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1920, 1260)
    assert set(chunks(data)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}
    assert data[data.index(b"pHYs") + 4 :][:8] == 2 * (11811).to_bytes(4)


def test_an_svg_has_its_words_as_text_and_nothing_that_dates_it(tmp_path: Path) -> None:
    found = drawn(tmp_path, BOTH)
    expected = ["Loss Comparison", "Epochs", "Loss Value", "sigmoid", "logits", "train", "test"]
    assert set(expected) <= set(found)
    assert "sigmoid floor 1.4612" in found
    text = (tmp_path / "figure.svg").read_text()
    assert "dc:date" not in text
    assert "Matplotlib v" not in text


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    for name in "ab":
        draw_curves(BOTH, tmp_path / f"{name}.{ending}")
        draw_weights(np.eye(3, 4), (2, 2), "w", tmp_path / f"w{name}.{ending}")
    for kind in ("", "w"):
        one, other = ((tmp_path / f"{kind}{name}.{ending}").read_bytes() for name in "ab")
        assert one == other


def test_a_matplotlibrc_changes_nothing(tmp_path: Path) -> None:
    import matplotlib

    draw_curves(BOTH, tmp_path / "a.svg")
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.titlesize": 40, "text.usetex": True}):
        draw_curves(BOTH, tmp_path / "b.svg")
        assert matplotlib.rcParams["lines.linewidth"] == 9
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_logits_alone_have_no_floor_and_accuracies_neither(tmp_path: Path) -> None:
    assert not any("floor" in word for word in drawn(tmp_path, BOTH[1:]))
    found = drawn(tmp_path, BOTH, "accuracy")
    assert not any("floor" in word for word in found)
    assert {"Accuracy Comparison", "Accuracy"} <= set(found)


def test_values_that_are_not_finite_are_gaps(tmp_path: Path) -> None:
    broken = decay("sigmoid", 1.5)
    broken.train[20:25] = (math.nan, math.inf, -math.inf, math.nan, 1e308)
    draw_curves([broken], tmp_path / "a.svg")
    train, test = lines(tmp_path / "a.svg")
    assert (train.count("M"), test.count("M")) == (2, 1)


def test_a_head_switch_breaks_the_lines_and_is_named(tmp_path: Path) -> None:
    switched = decay("logits", 0.5, head="logits", marks=[Mark(200, "sigmoid → logits", "head")])
    found = drawn(tmp_path, [switched])
    assert [path.count("M") for path in lines(tmp_path / "figure.svg")] == [2, 2]
    assert {"sigmoid → logits", "knob turned", "sigmoid floor 1.4612"} <= set(found)


def test_many_turned_knobs_are_marked_without_words(tmp_path: Path) -> None:
    marks = [Mark(10 * at, f"λ {at} → 0") for at in range(20)]
    found = drawn(tmp_path, [decay("sigmoid", 1.5, marks=marks)])
    assert "knob turned" in found
    assert not any("→" in word for word in found)


def test_a_divergence_is_told(tmp_path: Path) -> None:
    wild = decay("sigmoid", 1.5, marks=[Mark(300, "train_loss is nan", "divergence")])
    wild.train[30:] = wild.test[30:] = math.nan
    assert "sigmoid (✕ diverged at 300)" in drawn(tmp_path, [wild, BOTH[1]])


def test_a_run_without_any_finite_row_is_named_all_the_same(tmp_path: Path) -> None:
    nothing = decay("sigmoid", math.nan, marks=[Mark(0, "train_loss is nan", "divergence")])
    assert "sigmoid (✕ diverged at 0)" in drawn(tmp_path, [nothing])


def test_a_curve_far_above_another_takes_a_log_axis(tmp_path: Path) -> None:
    assert {"2", "20", "50"} <= set(drawn(tmp_path, [BOTH[0], decay("logits", 60.0, head="logits")]))


def test_the_legend_of_many_runs_makes_the_figure_higher(tmp_path: Path) -> None:
    many = [decay(f"sigmoid, λ 0.001, lr {at / 100:g}, seed 0", 1.5 + at / 50) for at in range(24)]
    found = drawn(tmp_path, many)
    assert {each.label for each in many} <= set(found)
    height = re.search(r'viewBox="0 0 460.8 ([0-9.]+)"', (tmp_path / "figure.svg").read_text())
    assert height is not None
    assert float(height[1]) > 400


@pytest.mark.parametrize("label", ["a $x^2 b", "_hidden", "<b> & \\alpha", "名前 $\\frac{"])
def test_labels_are_taken_literally(tmp_path: Path, label: str) -> None:
    from html import unescape

    assert f"sigmoid, {label}" in map(unescape, drawn(tmp_path, [decay(f"sigmoid, {label}", 1.5)]))


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("value", [0.0, 1.5, 1e-300, -3.0])
def test_few_or_flat_rows_can_be_drawn(tmp_path: Path, rows: int, value: float) -> None:
    flat = np.full(rows, value)
    draw_curves([Curve("x", np.arange(rows) * 1.0, flat, flat, "logits", (), 10)], tmp_path / "a.svg")
    assert lines(tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", "a.png.gz"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"let it end in \.png, \.svg or \.pdf"):
        draw_curves(BOTH, tmp_path / name)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write .*choose another place"):
        draw_curves(BOTH, tmp_path / "missing" / "a.png")


def test_without_matplotlib_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="pip install matplotlib"):
        draw_curves(BOTH, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_weights_have_a_picture_per_class_and_a_symmetric_scale(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(10, 12))
    weight[3, 4] = 8.0
    draw_weights(weight, (3, 4), "Weights of $logits", tmp_path / "w.svg")
    found = words(tmp_path / "w.svg")
    assert {"Weights of $logits", *map(str, range(10))} <= set(found)
    scale = [float(word.replace("−", "-")) for word in found if re.fullmatch("−?[0-9.]*", word)][10:]
    assert max(scale) == -min(scale)
    assert (tmp_path / "w.svg").read_text().count("<image") == 11


@pytest.mark.parametrize("fill", [0.0, math.nan, math.inf])
def test_weights_without_a_scale_can_be_drawn(tmp_path: Path, fill: float) -> None:
    draw_weights(np.full((2, 4), fill), (2, 2), "w", tmp_path / "w.png")
    assert (tmp_path / "w.png").stat().st_size


def test_of_many_classes_the_first_are_drawn(tmp_path: Path) -> None:
    draw_weights(np.ones((120, 1)), (1, 1), "w", tmp_path / "w.svg")
    assert "w (classes 0 to 99 of 120)" in words(tmp_path / "w.svg")


def test_the_backend_of_a_notebook_and_a_home_that_cannot_be_written_to_play_no_part(tmp_path: Path) -> None:
    code = (
        "import sys, numpy, pathlib; from logreg_tui.core.export.plots import draw_weights; "
        "draw_weights(numpy.eye(2), (1, 2), '', pathlib.Path(sys.argv[1]))"
    )
    environment = {**os.environ, "MPLBACKEND": "module://nowhere.at_all", "HOME": os.devnull}
    words = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    drawn = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (tmp_path / "a.png").stat().st_size > 1000
