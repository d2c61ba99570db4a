"""The samples of a cell of the confusion matrix: pages of them, and one enlarged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.app import dataset, parameters
from helpers.mistakes import SIZES, looked, made, prototypes

from logreg_tui.core.analysis.inspection import inspect_mistakes
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.heads import SIGMOID
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.confusion_matrix import (
    CellPage,
)
from logreg_tui.tui.widgets.mistakes.enlarged_sample import draw_enlarged
from logreg_tui.tui.widgets.mistakes.error_analysis import MOST_SAMPLES, ErrorAnalysis, analyse_errors
from logreg_tui.tui.widgets.mistakes.images import LEAST_HEIGHT, draw_images, page_layout


def test_the_samples_of_a_cell_come_with_what_the_model_says(digits: Dataset) -> None:
    shown = prototypes(digits)
    mistakes = inspect_mistakes(shown, digits.test_inputs, digits.test_labels)
    label, predicted = mistakes.worst
    cell = looked(digits, shown, CellPage(label, predicted, 0)).cell
    assert cell is not None
    assert [sample.number for sample in cell.samples] == mistakes.samples(label, predicted).tolist()
    for sample in cell.samples:
        values = digits.test_inputs.read(sample.number, sample.number + 1)
        outputs = (values @ shown.weight.T + shown.bias)[0].astype(float)
        chances = np.exp(outputs - outputs.max()) / np.exp(outputs - outputs.max()).sum()
        assert (sample.original == values[0]).all()
        order = np.argsort(-chances, kind="stable")
        assert (sample.label, sample.predicted) == (label, predicted)
        assert [number for number, _ in sample.likeliest] == order.tolist()
        np.testing.assert_allclose([chance for _, chance in sample.likeliest], chances[order], atol=1e-6)


def test_of_equal_probabilities_the_predicted_class_comes_first() -> None:
    shown = parameters(np.array([[20.0], [30.0], [-5.0]]), head=SIGMOID)
    data = dataset(np.ones((1, 1), np.uint8), np.array([1]), None, 3)
    cell = looked(data, shown, CellPage(1, 0, 0)).cell
    assert cell is not None
    assert [number for number, _ in cell.samples[0].likeliest] == [0, 1, 2]


def test_a_page_starts_at_the_sample_it_started_at_before_or_the_next_one() -> None:
    data, shown = made(2, samples=200)
    numbers = inspect_mistakes(shown, data.test_inputs, data.test_labels).samples(0, 1)
    first = int(numbers[5])
    for start in (first, int(numbers[4]) + 1):
        cell = looked(data, shown, CellPage(0, 1, start)).cell
        assert cell is not None
        assert (cell.position, cell.samples[0].number) == (5, first)
        assert len(cell.samples) <= MOST_SAMPLES
    cell = looked(data, shown, CellPage(0, 1, 10_000)).cell
    assert cell is not None
    assert cell.samples[0].number == numbers[-1]


def test_the_table_of_the_same_parameters_is_not_computed_again() -> None:
    data, shown = made(3)
    known = looked(data, shown)
    again = analyse_errors(data, shown, CellPage(0, 1, 0), known)
    assert isinstance(again, ErrorAnalysis)
    assert again.mistakes is known.mistakes
    assert again.cell is not None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (3, 40), (40, 3), (1, 784), None])
@pytest.mark.parametrize("page", [CellPage(0, 1, 0), CellPage(1, 1, 0)])
def test_every_page_of_samples_fits(
    size: tuple[int, int], shape: tuple[int, int] | None, page: CellPage
) -> None:
    data, shown = made(2, samples=60, shape=shape)
    cell = looked(data, shown, page).cell
    assert cell is not None
    lines = draw_images(cell, shown, *size, cell.samples[0].number, ChartStyle())
    assert len(lines) == size[1]
    assert max(line.cell_length for line in lines) <= size[0]
    layout = page_layout(cell, *size)
    assert layout.samples >= 1
    if shape is not None and shape[0] == shape[1]:
        assert layout.height >= LEAST_HEIGHT
        assert layout.width == 2 * layout.height


def test_a_sample_is_drawn_with_number_label_prediction_and_bars(digits: Dataset) -> None:
    shown = prototypes(digits)
    mistakes = inspect_mistakes(shown, digits.test_inputs, digits.test_labels)
    label, predicted = mistakes.worst
    cell = looked(digits, shown, CellPage(label, predicted, 0)).cell
    assert cell is not None
    for style in (ChartStyle(), ChartStyle(ascii_only=True), ChartStyle(monochrome=True)):
        text = "\n".join(line.text for line in draw_images(cell, shown, 120, 40, None, style))
        count = len(cell.numbers)
        assert f"Label {label} predicted as {predicted}: 1-{count} of {count}" in text
        assert f"{label}{'>' if style.ascii_only else '→'}{predicted}" in text
        assert all(f"#{sample.number}" in text for sample in cell.samples)
        assert f"{label}*" in text
        assert text.isascii() is style.ascii_only


def test_samples_are_stepped_over_and_pages_turn_at_their_ends() -> None:
    data, shown = made(2, samples=200)
    cell = looked(data, shown, CellPage(0, 1)).cell
    assert cell is not None
    numbers = cell.numbers.tolist()
    assert len(numbers) > 12
    assert cell.further(numbers[3], 2) == numbers[5]
    assert cell.further(numbers[3], -2) == numbers[1]
    assert (cell.further(numbers[3], 1000), cell.further(numbers[3], -1000)) == (numbers[-1], numbers[0])
    gone = next(number for number in range(numbers[0] + 1, numbers[-1]) if number not in numbers)
    before, after = max(n for n in numbers if n < gone), min(n for n in numbers if n > gone)
    assert (cell.further(gone, -1), cell.further(gone, 1)) == (before, after)
    assert cell.first_of_page(0, numbers[3], 4) == 0
    assert cell.first_of_page(0, numbers[4], 4) == numbers[4]
    assert cell.first_of_page(numbers[5], numbers[4], 4) == numbers[1]
    assert cell.first_of_page(numbers[2], numbers[1], 4) == numbers[0]
    assert cell.first_of_page(0, numbers[11], 4) == numbers[8]


def test_the_sample_under_the_mouse_is_the_one_drawn_there(digits: Dataset) -> None:
    shown = prototypes(digits)
    cell = looked(digits, shown, CellPage(2, 2)).cell
    assert cell is not None
    for size in SIZES:
        layout = page_layout(cell, *size)
        lines = [line.text for line in draw_images(cell, shown, *size, None, ChartStyle())]
        for at, sample in enumerate(cell.samples[: layout.samples]):
            places = [
                (line.find(f"#{sample.number} "), y) for y, line in enumerate(f"{line} " for line in lines)
            ]
            x, y = next(place for place in places if place[0] >= 0)
            assert layout.sample_at(x, y) == at
    assert layout.sample_at(0, 0) is None
    assert layout.sample_at(layout.tile[0], 1) is None


@pytest.mark.parametrize("size", [*SIZES, (20, 4)])
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (3, 40), (40, 3), (1, 784), None])
@pytest.mark.parametrize("classes", [2, 300])
def test_every_enlarged_sample_fits(
    size: tuple[int, int], shape: tuple[int, int] | None, classes: int
) -> None:
    data, shown = made(classes, samples=60, shape=shape)
    label, predicted = looked(data, shown).mistakes.worst
    first = looked(data, shown).mistakes.samples(label, predicted)[0]
    cell = looked(data, shown, CellPage(label, predicted, enlarged=first)).cell
    assert cell is not None
    assert cell.enlarged is not None
    lines = draw_enlarged(cell, cell.enlarged, shown, *size, True, ChartStyle())
    assert len(lines) == size[1]
    assert max(line.cell_length for line in lines) <= size[0]


@pytest.mark.parametrize("style", [ChartStyle(), ChartStyle(ascii_only=True), ChartStyle(monochrome=True)])
def test_an_enlarged_sample_comes_with_all_probabilities(digits: Dataset, style: ChartStyle) -> None:
    shown = prototypes(digits)
    mistakes = inspect_mistakes(shown, digits.test_inputs, digits.test_labels)
    label, predicted = mistakes.worst
    number = int(mistakes.samples(label, predicted)[1])
    cell = looked(digits, shown, CellPage(label, predicted, enlarged=number)).cell
    assert cell is not None
    sample = cell.enlarged
    assert sample is not None
    lines = draw_enlarged(cell, sample, shown, 120, 40, True, style)
    text = [line.text for line in lines]
    assert text[0].startswith(f"Label {label} predicted as {predicted}: 2 of {len(cell.numbers)} ")
    facts = [line[74:].split() for line in text[1:15]]
    assert facts[:4] == [
        ["test", "sample", f"#{number}"], ["label", f"{label}"], ["predicted", f"{predicted}", "wrong"], []
    ]  # fmt: skip
    assert [line[0] for line in facts[4:]] == [f"{n}{'*' * (n == label)}" for n, _ in sample.likeliest]
    assert [line[-1] for line in facts[4:]] == [f"{share:.4f}" for _, share in sample.likeliest]
    assert "".join(text).isascii() is style.ascii_only
    # As large as it can be: 8 x 8 pixels, each of 9 cells by 4.5 lines.
    picture = [line.crop(0, 72) for line in lines[1:37]]
    assert (
        sum(bool(line.text.strip()) or any(s.style and s.style.bgcolor for s in line) for line in picture)
        > 30
    )


def test_of_a_sample_that_is_no_picture_the_features_that_decided_are_listed() -> None:
    data, shown = made(3, shape=None)
    names = tuple(f"column {at}" for at in range(16))
    data = replace(data, class_names=("no", "yes", "perhaps"), feature_names=names)
    label, predicted = looked(data, shown).mistakes.worst
    number = int(looked(data, shown).mistakes.samples(label, predicted)[0])
    cell = looked(data, shown, CellPage(label, predicted, enlarged=number)).cell
    assert cell is not None
    assert cell.enlarged is not None
    row = data.test_inputs.read(number, number + 1)[0]
    outputs = shown.weight @ row + shown.bias
    listed = cell.enlarged.contributions
    # Together with the biases they are what sets the two classes apart.
    difference = shown.bias[predicted] - shown.bias[label] + sum(each.difference for each in listed)
    assert difference == pytest.approx(outputs[predicted] - outputs[label], rel=1e-4)
    sizes = [abs(each.difference) for each in listed]
    assert sizes == sorted(sizes, reverse=True)
    for size in (*SIZES, (30, 12)):
        lines = draw_enlarged(cell, cell.enlarged, shown, *size, True, ChartStyle())
        assert max(line.cell_length for line in lines) <= size[0]
    text = [line.text for line in draw_enlarged(cell, cell.enlarged, shown, 110, 30, True, ChartStyle())]
    classes = data.class_names[predicted], data.class_names[label]
    assert f"for {classes[0]}, against {classes[1]}" in text[1]
    assert [f"column {each.feature} " in line for each, line in zip(listed, text[2:], strict=False)] == [
        True
    ] * 16
    assert f"{row[listed[0].feature]:.4g}" in text[2]


def test_where_it_is_low_the_probabilities_stand_in_columns(digits: Dataset) -> None:
    shown = prototypes(digits)
    number = int(inspect_mistakes(shown, digits.test_inputs, digits.test_labels).samples(3, 3)[0])
    cell = looked(digits, shown, CellPage(3, 3, enlarged=number)).cell
    assert cell is not None
    sample = cell.enlarged
    assert sample is not None
    lines = [line.text for line in draw_enlarged(cell, sample, shown, 58, 8, True, ChartStyle())]
    assert f"#{number}  label 3  predicted 3  right" in lines[1]
    rows = [line[10:].replace("█", " ").split() for line in lines[2:7]]
    classes = [row[0] for row in rows] + [row[2] for row in rows]
    assert classes == [f"{n}{'*' * (n == 3)}" for n, _ in sample.likeliest]
    assert [row[3] for row in rows] == [f"{share:.4f}" for _, share in sample.likeliest[5:]]
    lines = [line.text for line in draw_enlarged(cell, sample, shown, 30, 6, True, ChartStyle())]
    assert lines[4].rstrip().endswith("and 8 more classes")
