"""The confusion matrix: its layout, its figures, its colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.mistakes import NAMES, SIZES, looked, made, prototypes
from sklearn.metrics import accuracy_score, confusion_matrix

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.confusion_matrix import (
    HEAT_LEVELS,
    CellPage,
    MatrixView,
    draw_matrix,
    heat_color,
    lay_out,
)
from logreg_tui.tui.widgets.mistakes.enlarged_sample import draw_enlarged
from logreg_tui.tui.widgets.mistakes.images import draw_images
from logreg_tui.tui.widgets.palette import contrast, readable_on
from logreg_tui.tui.widgets.scrolling_lines import first_in_view


def table(
    data: Dataset, shown: ParametersSnapshot, width: int, height: int, cursor: tuple[int, int]
) -> list[str]:
    mistakes = looked(data, shown).mistakes
    classes = len(mistakes.counts)
    layout = lay_out(classes, int(mistakes.counts.max()), width, height)
    first = (
        first_in_view(0, cursor[0], layout.rows, classes),
        first_in_view(0, cursor[1], layout.columns, classes),
    )
    view = MatrixView(width, height, cursor, first, True)
    return [line.text for line in draw_matrix(mistakes, shown.head, view, ChartStyle())]


@pytest.mark.parametrize(("row", "above", "below"), [(0, False, True), (5, True, True), (9, True, False)])
def test_a_table_without_room_for_all_rows_says_which_it_shows(row: int, above: bool, below: bool) -> None:
    lines = table(*made(10), 58, 8, (5, 5) if row == 5 else (row, row))
    text = "\n".join(lines)
    first = {0: 0, 5: 1, 9: 5}[row]
    assert f"labels {first} to {first + 4} of 10" in text
    assert ("\u2191" in text, "\u2193" in text) == (above, below)


def test_a_table_with_room_for_all_rows_says_nothing_of_it() -> None:
    text = "\n".join(table(*made(10), 100, 30, (0, 0)))
    assert not any(word in text for word in ("labels", "\u2191", "\u2193"))


@pytest.mark.parametrize(("height", "listed"), [(20, 0), (21, 3), (24, 6), (40, 10)])
def test_under_a_table_the_most_frequent_mistakes_are_listed(height: int, listed: int) -> None:
    data, shown = made(10)
    counts = looked(data, shown).mistakes.counts
    wrong = sorted(((counts[cell], cell) for cell in np.ndindex(10, 10) if cell[0] != cell[1]), reverse=True)
    lines = [line.split() for line in table(data, shown, 80, height, (0, 0)) if " as " in line][:-1]
    rows = [words for words in lines if words[1] == "as"]
    assert len(rows) == listed
    for label, _, predicted, count, share, *_ in rows:
        assert counts[int(label), int(predicted)] == int(count)
        assert float(share) == pytest.approx(100 * int(count) / counts[int(label)].sum(), abs=0.05)
    assert [int(words[3]) for words in rows] == [count for count, _ in wrong[:listed]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [2, 10, 47, 300])
def test_every_table_fits_and_shows_the_cursor(size: tuple[int, int], classes: int) -> None:
    data, shown = made(classes)
    cursor = (classes - 1, classes // 2)
    lines = table(data, shown, *size, cursor)
    assert len(lines) == size[1]
    assert max(map(len, lines)) <= size[0]
    assert lines[-1].startswith(f"label {cursor[0]} predicted as {cursor[1]}:")
    assert any(line.split()[:1] == [str(cursor[0])] for line in lines[2:-1])


def test_the_counts_and_the_accuracy_are_those_of_scikit_learn(digits: Dataset) -> None:
    shown = prototypes(digits)
    labels = digits.test_labels
    predicted = np.argmax(np.asarray(digits.test_inputs) @ shown.weight.T + shown.bias, 1)
    lines = table(digits, shown, 100, 30, (0, 0))
    accuracy = accuracy_score(labels, predicted)
    right = int((labels == predicted).sum())
    assert lines[0] == f"Run 1 logits  epoch 3,210  test accuracy {accuracy:.4f} ({right} of {len(labels)})"
    expected = confusion_matrix(labels, predicted)
    rows = [line.replace("·", "0").split() for line in lines[3:13]]
    assert [row[1:11] for row in rows] == [[str(count) for count in row] for row in expected]
    recalls = np.diagonal(expected) / expected.sum(1)
    assert [row[11] for row in rows] == [f"{recall:.3f}" for recall in recalls]
    precisions = np.diagonal(expected) / expected.sum(0)
    assert lines[13].split()[1:11] == [f"{precision:.3f}" for precision in precisions]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", [NAMES, ("no", "yes", "日本語"), ("a", "b", "c")])
def test_classes_are_shown_by_their_names(size: tuple[int, int], names: tuple[str, ...]) -> None:
    data, shown = made(3, shape=None)
    data = replace(data, class_names=names)
    result = looked(data, shown, CellPage(1, 2, enlarged=int(looked(data, shown).mistakes.samples(1, 2)[0])))
    cell, mistakes = result.cell, result.mistakes
    assert cell is not None
    assert cell.enlarged is not None
    style = ChartStyle()
    drawings = [
        draw_matrix(mistakes, shown.head, MatrixView(*size, (1, 0), (0, 0), True), style, names),
        draw_images(cell, shown, *size, None, style),
        draw_enlarged(cell, cell.enlarged, shown, *size, True, style),
    ]
    for lines in drawings:
        assert len(lines) == size[1]
        assert max(line.cell_length for line in lines) <= size[0]
    table, samples, enlarged = ("\n".join(line.text for line in lines) for lines in drawings)
    assert f"label {names[1]} predicted as {names[0]}" in table
    assert f"Label {names[1]} predicted as" in samples
    assert f"label {names[1]}" in " ".join(enlarged.split())


@pytest.mark.parametrize("style", [ChartStyle(), ChartStyle(dark=False, background=(224, 224, 224))])
def test_every_count_can_be_read_on_its_colour(style: ChartStyle) -> None:
    for is_right in (True, False):
        for level in range(HEAT_LEVELS):
            color = heat_color(is_right, level / (HEAT_LEVELS - 1), style.dark, style.background)
            assert contrast(readable_on(color), color) >= 4.5


def test_the_diagonal_is_bold_with_and_without_colour(digits: Dataset) -> None:
    mistakes = looked(digits, prototypes(digits)).mistakes
    for style in (ChartStyle(), ChartStyle(monochrome=True)):
        lines = draw_matrix(mistakes, "logits", MatrixView(100, 30, (9, 8), (0, 0), True), style)
        bold = [segment.text for segment in lines[5] if segment.style is not None and segment.style.bold]
        assert [text.strip() for text in bold] == [str(mistakes.counts[2, 2])]


def test_a_cell_is_found_under_the_mouse() -> None:
    layout = lay_out(10, 1000, 100, 30)
    assert layout.cell_at(layout.label_width, layout.top, (0, 0)) == (0, 0)
    assert layout.cell_at(layout.label_width + 3 * layout.cell_width - 1, layout.top + 4, (2, 1)) == (6, 3)
    assert layout.cell_at(layout.label_width - 1, layout.top, (0, 0)) is None
    assert layout.cell_at(layout.label_width, layout.top - 1, (0, 0)) is None
    assert layout.cell_at(layout.label_width + 10 * layout.cell_width, layout.top, (0, 0)) is None
