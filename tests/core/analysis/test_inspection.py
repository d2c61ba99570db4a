"""What a model makes of samples, against scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

from logreg_tui.core.analysis import inspection
from logreg_tui.core.analysis.inspection import head_facts, inspect_mistakes, probabilities
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.errors import UserError
from logreg_tui.core.heads import LOGITS, SIGMOID
from logreg_tui.core.training.snapshots import ParametersSnapshot


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", None, "raw", lambda _: None, lambda: False)


def shown(weight: np.ndarray, bias: np.ndarray | None = None, head: str = LOGITS) -> ParametersSnapshot:
    bias = np.zeros(len(weight)) if bias is None else bias
    return ParametersSnapshot(0, 2, 30, head, weight.astype(np.float32), bias.astype(np.float32))


def prototypes(data: Dataset, head: str = LOGITS) -> ParametersSnapshot:
    """Return the classifier by the nearest mean, which is a linear one."""
    inputs = data.train_inputs.read(0, len(data.train_inputs))
    means = np.stack([inputs[data.train_labels == label].mean(0) for label in range(data.classes)])
    return shown(means, -(means**2).sum(1) / 2, head)


@pytest.mark.parametrize("head", [LOGITS, SIGMOID])
@pytest.mark.parametrize("chunk", [1, 50, 4096])
def test_the_table_is_that_of_scikit_learn(
    digits: Dataset, head: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "CHUNK_ROWS", chunk)
    parameters, labels = prototypes(digits, head), digits.test_labels
    mistakes = inspect_mistakes(parameters, digits.test_inputs, labels)
    outputs = np.asarray(digits.test_inputs) @ parameters.weight.T + parameters.bias
    with np.errstate(over="ignore"):
        head_outputs = 1 / (1 + np.exp(-outputs)) if head == SIGMOID else outputs
    predicted = np.argmax(head_outputs, 1)
    assert (mistakes.predicted == predicted).all()
    assert (mistakes.counts == confusion_matrix(labels, predicted)).all()
    assert mistakes.accuracy == accuracy_score(labels, predicted)
    np.testing.assert_allclose(mistakes.class_accuracies, recall_score(labels, predicted, average=None))
    if head == LOGITS:
        np.testing.assert_allclose(mistakes.precisions, precision_score(labels, predicted, average=None))
    assert (mistakes.run, mistakes.epoch) == (2, 30)


def test_of_outputs_that_tie_the_first_class_is_predicted() -> None:
    # Both outputs of the sigmoid are 1 in float32, though the second linear output is the larger one.
    weight = np.array([[0.0], [20.0], [30.0]])
    inputs, labels = Inputs.of(np.ones((1, 1), np.float32)), np.array([2])
    assert inspect_mistakes(shown(weight, head=SIGMOID), inputs, labels).predicted.tolist() == [1]
    assert inspect_mistakes(shown(weight), inputs, labels).predicted.tolist() == [2]


def test_a_class_without_samples_or_predictions_has_no_share() -> None:
    inputs = Inputs.of(np.ones((3, 1), np.float32))
    mistakes = inspect_mistakes(shown(np.array([[2.0], [1.0], [0.0]])), inputs, np.array([0, 0, 1]))
    assert mistakes.class_accuracies.tolist()[:2] == [1, 0]
    assert np.isnan(mistakes.class_accuracies[2])
    assert mistakes.precisions[0] == pytest.approx(2 / 3)
    assert np.isnan(mistakes.precisions[1:]).all()


def test_the_samples_of_a_cell_are_found(digits: Dataset) -> None:
    mistakes = inspect_mistakes(prototypes(digits), digits.test_inputs, digits.test_labels)
    found = [mistakes.samples(label, predicted) for label, predicted in np.ndindex(mistakes.counts.shape)]
    assert [len(each) for each in found] == mistakes.counts.ravel().tolist()
    assert sorted(np.concatenate(found)) == list(range(len(digits.test_labels)))
    assert all((np.diff(each) > 0).all() for each in found)


def test_the_worst_mistake_is_the_most_frequent_one_off_the_diagonal(digits: Dataset) -> None:
    mistakes = inspect_mistakes(prototypes(digits), digits.test_inputs, digits.test_labels)
    label, predicted = mistakes.worst
    wrong = mistakes.counts - np.diag(np.diagonal(mistakes.counts))
    assert label != predicted
    assert wrong[label, predicted] == wrong.max() > 0


def test_without_mistakes_the_worst_cell_is_the_first() -> None:
    inputs = Inputs.of(np.eye(3, dtype=np.float32))
    assert inspect_mistakes(shown(np.eye(3)), inputs, np.arange(3)).worst == (0, 0)


def test_a_table_that_nobody_could_look_at_is_refused() -> None:
    parameters = shown(np.zeros((inspection.MOST_CLASSES + 1, 2)))
    with pytest.raises(UserError, match="1,001 classes"):
        inspect_mistakes(parameters, Inputs.of(np.zeros((1, 2), np.float32)), np.array([0]))


def test_with_many_features_few_rows_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "CHUNK_VALUES", 100)
    read: list[int] = []

    class Counted(Inputs):
        def read(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
            read.append(stop - start)
            return super().read(start, stop, out)

    inputs = Counted(Inputs.of(np.ones((7, 40), np.float32)).source)
    inspect_mistakes(shown(np.zeros((3, 40))), inputs, np.zeros(7, int))
    assert read == [2, 2, 2, 1]


@pytest.mark.parametrize("head", [LOGITS, SIGMOID])
def test_probabilities_are_the_softmax_of_what_the_head_puts_out(head: str) -> None:
    weight = np.array([[1.0, 2.0], [0.0, -1.0], [300.0, -300.0]])
    values = np.array([[1.0, 1.0], [0.0, 2.0]], np.float32)
    outputs = values.astype(float) @ weight.T
    if head == SIGMOID:
        outputs = 1 / (1 + np.exp(-np.clip(outputs, -500, 500)))
    exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
    expected = exponentials / exponentials.sum(1, keepdims=True)
    found = probabilities(shown(weight, head=head), Inputs.of(values))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("head", [LOGITS, SIGMOID])
def test_gradients_at_the_head_are_those_of_differences(head: str) -> None:
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(5, 3)).astype(np.float32), np.array([0, 1, 2, 1, 0])
    weight = random.normal(size=(3, 3))

    def losses(linear: np.ndarray) -> np.ndarray:
        outputs = 1 / (1 + np.exp(-linear)) if head == SIGMOID else linear
        return np.log(np.exp(outputs).sum(1)) - outputs[np.arange(5), labels]

    linear, small = values @ weight.T, 1e-5
    slopes = []
    for column in range(3):
        moved = np.eye(3)[column] * small
        slopes.append((losses(linear + moved) - losses(linear - moved)) / (2 * small))
    facts = head_facts(shown(weight, head=head), Inputs.of(values), labels)
    assert facts.mean_gradient == pytest.approx(np.abs(slopes).mean(), rel=1e-4)
    assert (facts.mean_gradient == facts.mean_gradient_without_head) is (head == LOGITS)
    assert (facts.saturated is None) is (head == LOGITS)


def test_saturated_tied_and_certain_are_counted() -> None:
    weight = np.array([[20.0], [30.0], [-20.0], [0.0]])
    inputs = Inputs.of(np.array([[1.0], [0.0]], np.float32))
    facts = head_facts(shown(weight, head=SIGMOID), inputs, np.array([0, 0]))
    assert (facts.samples, facts.saturated, facts.tied, facts.certain) == (2, 3 / 8, 1, 0)
    facts = head_facts(shown(weight), inputs, np.array([1, 0]))
    assert (facts.tied, facts.certain) == (0.5, 0.5)
