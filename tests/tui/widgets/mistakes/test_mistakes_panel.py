"""The tab of mistakes: its table, the samples of a cell, its keys, and what is computed when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.app import PanelApp, dataset, looked_at, parameters, settle
from sklearn.metrics import accuracy_score, confusion_matrix

from logreg_tui.core.analysis.inspection import inspect_mistakes
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.training.history import History
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
from logreg_tui.tui.widgets.mistakes.error_analysis import MOST_SAMPLES, ErrorAnalysis, analyse_errors
from logreg_tui.tui.widgets.mistakes.images import LEAST_HEIGHT, MARKED, draw_images, page_layout
from logreg_tui.tui.widgets.mistakes.panel import LEAST_REST_S, MistakesPanel
from logreg_tui.tui.widgets.palette import contrast, readable_on
from logreg_tui.tui.widgets.scrolling_lines import first_in_view

SIZES = [(58, 8), (58, 45), (80, 14), (100, 30), (160, 45), (160, 8)]


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", None, "raw", lambda _: None, lambda: False)


def prototypes(data: Dataset, **options: Any) -> ParametersSnapshot:  # noqa: ANN401
    """Return the classifier by the nearest mean, which is a linear one."""
    inputs = data.train_inputs.read(0, len(data.train_inputs))
    means = np.stack([inputs[data.train_labels == label].mean(0) for label in range(data.classes)])
    return parameters(means, -(means**2).sum(1) / 2, **options)


def made(
    classes: int, samples: int = 400, shape: tuple[int, int] | None = (4, 4)
) -> tuple[Dataset, ParametersSnapshot]:
    """Return made data of so many classes and a model that errs."""
    random = np.random.default_rng(0)
    features = 16 if shape is None else shape[0] * shape[1]
    values = random.integers(0, 255, (samples, features)).astype(np.uint8)
    weight = random.normal(size=(classes, features)) / 1000
    return dataset(values, random.integers(0, classes, samples), shape, classes), parameters(weight)


def looked(data: Dataset, shown: ParametersSnapshot, page: CellPage | None = None) -> ErrorAnalysis:
    result = analyse_errors(data, shown, page, None)
    assert isinstance(result, ErrorAnalysis)
    return result


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


# The table


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


NAMES = ("setosa", "versicolor", "a name that is far too long for it")


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


# The samples of a cell


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


# The panel


def history(data: Dataset | None, shown: ParametersSnapshot | None) -> History:
    return looked_at(shown, data)


async def test_the_table_appears_with_the_cursor_on_the_worst_mistake(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, shown), 1)
        await settle(pilot)
        label, predicted = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).worst
        assert f"label {label} predicted as {predicted}:" in app.lines()[-1]


async def test_a_click_on_a_column_of_names_finds_its_cell() -> None:
    data, shown = made(3, shape=None)
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(replace(data, class_names=NAMES), shown), 1)
        await settle(pilot)
        header = app.lines()[2]
        await pilot.click(panel, offset=(header.index("versicolor") + 8, 3))
        assert app.lines()[-1].startswith("label setosa predicted as versicolor:")


async def test_keys_move_the_cursor_open_the_cell_and_come_back(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("pageup", *["left"] * 9, "down", "right", "enter")
        await settle(pilot)
        assert app.lines()[0].startswith("Label 1 predicted as 1: 1-")
        await pilot.press("escape")
        assert "test accuracy" in app.lines()[0]
        assert app.lines()[-1].startswith("label 1 predicted as 1:")
        await pilot.press("up", "up", "left", "left", "left")
        assert app.lines()[-1].startswith("label 0 predicted as 0:")
        await pilot.press("home", "enter")
        await settle(pilot)
        assert app.lines()[0].startswith("Label ")


async def test_pages_of_samples_turn_forth_and_back_and_end(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        first = app.lines()[0]
        assert "0: 1-2 of" in first
        await pilot.press("right")
        await settle(pilot)
        assert app.lines()[0] == first
        await pilot.press("right")
        await settle(pilot)
        assert "0: 3-4 of" in app.lines()[0]
        await pilot.press("pageup")
        await settle(pilot)
        assert app.lines()[0] == first
        await pilot.press(*["pagedown"] * 20)
        await settle(pilot)
        shown, _, total = app.lines()[0].split()[5:8]
        assert shown.split("-")[1] == total


async def test_a_sample_is_enlarged_and_the_keys_go_from_one_to_the_next(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    numbers = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).samples(0, 0).tolist()
    app = PanelApp(panel)

    def enlarged() -> str:
        return app.text().split("#")[1].split()[0]

    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(digits, shown), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        await pilot.press("right", "enter")
        await settle(pilot)
        assert "predicted as 0: 2 of" in app.lines()[0]
        assert enlarged() == f"{numbers[1]}"
        await pilot.press("right", "right")
        await settle(pilot)
        assert enlarged() == f"{numbers[3]}"
        await pilot.press("left")
        await settle(pilot)
        assert enlarged() == f"{numbers[2]}"
        await pilot.press("escape")
        await settle(pilot)
        assert "0: 3-4 of" in app.lines()[0]
        assert marked(panel) == f"#{numbers[2]}"
        await pilot.press("escape")
        assert app.lines()[-1].startswith("label 0 predicted as 0:")
        assert not panel.check_action("back", ())


def marked(panel: MistakesPanel) -> str:
    """Return the number that the cursor is on."""
    segments = [segment for line in panel.lines(*panel.content_size) for segment in line]
    return next(s.text for s in reversed(segments) if s.style == MARKED)


async def test_a_click_enlarges_a_sample_and_another_one_goes_back(digits: Dataset) -> None:
    panel, shown = MistakesPanel(), prototypes(digits)
    numbers = inspect_mistakes(shown, digits.test_inputs, digits.test_labels).samples(0, 0).tolist()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, shown), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press(*["up"] * 9, *["left"] * 9, "enter")
        await settle(pilot)
        y, line = next((y, line) for y, line in enumerate(app.lines()) if f"#{numbers[2]} " in f"{line} ")
        await pilot.click(panel, offset=(line.index(f"#{numbers[2]}"), y))
        await settle(pilot)
        assert "predicted as 0: 3 of" in app.lines()[0]
        await pilot.click(panel, offset=(3, 3))
        await settle(pilot)
        assert "predicted as 0: 1-" in app.lines()[0]
        assert marked(panel) == f"#{numbers[2]}"


async def test_an_enlarged_sample_stays_when_it_leaves_the_cell() -> None:
    data = dataset(np.eye(4, dtype=np.uint8), np.arange(4), (2, 2), 4)
    panel, clock = MistakesPanel(), Clock()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(80, 14)) as pilot:
        now = history(data, parameters(np.eye(4)))
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "Label 0 predicted as 0: 1 of 1" in app.text()
        clock.now += 1000
        now.apply(parameters(np.roll(np.eye(4), 1, 0), epoch=4000))
        panel.draw(now, 1)
        await settle(pilot)
        assert "Label 0 not predicted as 0 now" in app.text()
        assert "predicted   1  wrong" in app.text()
        assert "#0" in app.text()
        await pilot.press("right", "left", "enter")
        await settle(pilot)
        assert "No test sample with label 0 is predicted as 0" in app.text()


async def test_a_click_moves_the_cursor_and_a_second_one_opens_the_cell(digits: Dataset) -> None:
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        panel.draw(history(digits, prototypes(digits)), 1)
        await settle(pilot)
        layout = lay_out(10, 37, 100, 30)
        at = (layout.label_width + 3 * layout.cell_width + 1, layout.top + 3)
        await pilot.click(panel, offset=at)
        assert app.lines()[-1].startswith("label 3 predicted as 3:")
        await pilot.click(panel, offset=at)
        await settle(pilot)
        assert app.lines()[0].startswith("Label 3 predicted as 3:")


async def test_the_samples_of_an_empty_cell_are_none() -> None:
    data = dataset(np.eye(4, dtype=np.uint8), np.arange(4), (2, 2), 4)
    panel = MistakesPanel()
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(data, parameters(np.eye(4))), 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("right", "enter")
        await settle(pilot)
        assert "No test sample with label 0 is predicted as 1" in app.text()
        await pilot.press("right", "left", "home", "escape")
        assert "test accuracy 1.0000" in app.text()


async def test_new_parameters_are_looked_at_about_once_a_second() -> None:
    data, shown = made(3)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 3,210" in app.text()
        drawn = panel.signature(now, 1)
        assert panel.signature(now, 1) == drawn
        now.apply(parameters(shown.weight, epoch=4000))
        assert panel.signature(now, 1) != drawn
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 3,210" in app.text()
        waiting = panel.signature(now, 1)
        clock.now += LEAST_REST_S + 100
        assert panel.signature(now, 1) != waiting
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 4,000" in app.text()


async def test_samples_follow_new_parameters() -> None:
    data, shown = made(2, samples=40)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        clock.now += 1000
        now.apply(parameters(shown.weight, epoch=4000))
        panel.draw(now, 1)
        await settle(pilot)
        assert "epoch 4,000" in app.lines()[0]
        assert app.lines()[0].startswith("Label ")


async def test_another_run_is_looked_at_without_a_rest() -> None:
    data, shown = made(3)
    panel = MistakesPanel()
    panel.clock = Clock()
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        panel.draw(now, 1)
        await settle(pilot)
        now.apply(parameters(shown.weight, run=2))
        panel.draw(now, 2)
        assert "test accuracy" not in app.text() or "Run 1" not in app.text()
        await settle(pilot)
        assert "Run 2 logits" in app.text()


async def test_what_cannot_be_read_is_said_and_tried_again() -> None:
    data, shown = made(3)
    clock = Clock()
    panel = MistakesPanel()
    panel.clock = clock
    app = PanelApp(panel)
    async with app.run_test(size=(100, 30)) as pilot:
        now = history(data, shown)
        values, data.test_inputs.source.values = data.test_inputs.source.values, None  # type: ignore[attr-defined]
        panel.draw(now, 1)
        panel.focus()
        await settle(pilot)
        assert "The mistakes cannot be shown" in app.text()
        await pilot.press("enter", "right", "home")
        data.test_inputs.source.values = values  # type: ignore[attr-defined]
        drawn = panel.signature(now, 1)
        clock.now += LEAST_REST_S + 1
        assert panel.signature(now, 1) != drawn
        panel.draw(now, 1)
        await settle(pilot)
        assert "test accuracy" in app.text()


@pytest.mark.parametrize(
    ("has_data", "has_parameters", "watching", "expected"),
    [
        (True, False, False, "Waiting for the parameters of run 1."),
        (False, True, False, "The test set is not in this process"),
        (False, False, True, "Reading run 1 from the newest"),
    ],
)
async def test_it_says_what_it_waits_for(
    has_data: bool, has_parameters: bool, watching: bool, expected: str
) -> None:
    data, shown = made(3)
    panel = MistakesPanel()
    panel.is_watching = watching
    app = PanelApp(panel)
    async with app.run_test(size=(58, 8)) as pilot:
        panel.draw(history(data if has_data else None, shown if has_parameters else None), 1)
        panel.focus()
        await pilot.press("enter", "right", "home", "pagedown")
        await settle(pilot)
        assert expected in app.text()
