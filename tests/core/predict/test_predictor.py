"""Which parameters are asked, and that a picture goes through what the data went through."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.drawn import drawn
from helpers.experiments import EPOCHS, make_ended, record_event, trained
from PIL import Image
from safetensors.numpy import save_file

from logreg_tui.core.analysis.inspection import probabilities
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.saved_model import saved_parameters
from logreg_tui.core.predict.predictor import newest_parameters, open_predictor
from logreg_tui.core.settings import PIXELS
from logreg_tui.core.training import events

WEIGHT = np.random.default_rng(0).normal(size=(10, 64))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An experiment of two runs that ended cleanly."""
    return trained(tmp_path, epochs=15)


def test_the_models_of_a_clean_end_are_what_the_checkpoint_holds(directory: Path) -> None:
    found, saved = newest_parameters(directory), saved_parameters(directory)
    for number, run in saved.items():
        assert (found[number].epoch, found[number].head, found[number].step) == (15, run.head, run.step)
        assert np.array_equal(found[number].weight, run.weight)
        assert np.array_equal(found[number].bias, run.bias)
    assert list(found) == list(saved) == [1, 2]
    (directory / "checkpoint.pt").unlink()
    assert list(newest_parameters(directory)) == [1, 2]


@pytest.mark.parametrize("case", ["resumed", "stopped", "damaged", "missing", "without events"])
def test_where_the_models_may_be_older_the_checkpoint_is_asked(case: str, directory: Path) -> None:
    saved = saved_parameters(directory)
    model = directory / "model-2.safetensors"
    if case == "resumed":
        record_event(directory, events.ExperimentResumed(15, "host", 1))
    elif case == "stopped":
        record_event(directory, events.ExperimentEnded(15, "stopped"))
    elif case == "damaged":
        model.write_bytes(b"no safetensors")
    elif case == "missing":
        model.unlink()
    else:
        (directory / "events.jsonl").write_text("")
    # Older, as far as anybody can see: it must not be read.
    older = {"weight": saved[1].weight + 1, "bias": saved[1].bias}
    save_file(older, directory / "model-1.safetensors")
    assert np.array_equal(newest_parameters(directory)[1].weight, saved[1].weight)


@pytest.mark.parametrize("pixels", PIXELS)
def test_a_sample_goes_through_what_the_data_went_through(pixels: str, tmp_path: Path) -> None:
    raw, scaled = (
        load_dataset("digits", None, each, lambda text: None, lambda: False) for each in ("raw", pixels)
    )
    directory = with_fingerprint(make_ended(tmp_path / "a", [WEIGHT], pixels=pixels), raw)
    predictor = open_predictor(directory)
    samples = raw.test_inputs.stored(0, 30).reshape(-1, 8, 8).astype(predictor.preprocessing.dtype)
    expected = probabilities(predictor.runs[1], scaled.test_inputs[:30])
    assert np.array_equal(predictor.predict(list(samples))[1], expected)


@pytest.mark.parametrize("pixels", PIXELS)
def test_a_test_image_of_mnist_as_png_gives_what_the_model_says_of_it(
    pixels: str, tmp_path: Path, mnist: Dataset, mnist_dir: str
) -> None:
    weight = np.random.default_rng(0).normal(size=(10, 784)) / 100
    made = make_ended(
        tmp_path / "a", [weight], shape=(28, 28), dataset="mnist", data_dir=mnist_dir, pixels=pixels
    )
    predictor = open_predictor(with_fingerprint(made, mnist))
    samples = []
    for image in mnist.test_inputs.stored(0, 100).reshape(-1, 28, 28):
        Image.fromarray(image).save(tmp_path / "image.png")
        samples.append(predictor.sample(tmp_path / "image.png"))
    scaled = load_dataset("mnist", mnist_dir, pixels, lambda text: None, lambda: False)
    expected = probabilities(predictor.runs[1], scaled.test_inputs[:100])
    assert np.array_equal(predictor.predict(samples)[1], expected)


def with_fingerprint(directory: Path, dataset: Dataset) -> Path:
    config = directory / "config.json"
    config.write_text(config.read_text().replace("f" * 64, dataset.fingerprint))
    return directory


def own_data(path: Path) -> Dataset:
    """Write 8 x 8 images of one's own, dark on light, and return them."""
    squares = np.full((40, 8, 8), 9.0)
    squares[::2, :, 3:5] = 1
    squares[1::2, 1:7, 1:7] = 1
    labels = np.arange(40) % 2
    np.savez(path, X_train=squares[:20], y_train=labels[:20], X_test=squares[20:], y_test=labels[20:])
    return load_dataset(str(path), None, "raw", lambda text: None, lambda: False)


@pytest.mark.parametrize("pixels", PIXELS)
def test_images_of_ones_own_are_drawn_as_they_are(pixels: str, tmp_path: Path) -> None:
    dataset = own_data(tmp_path / "own.npz")
    bar, square = (np.zeros((8, 8), bool) for _ in range(2))
    bar[:, 3:5] = square[1:7, 1:7] = True
    is_bar = ((square & ~bar) / 24 - bar / 16).ravel()
    weights = np.stack([is_bar, -is_bar])
    made = make_ended(tmp_path / "a", [weights], dataset=str(tmp_path / "own.npz"), pixels=pixels)
    predictor = open_predictor(with_fingerprint(made, dataset))
    drawn(1, ink=255, ground=0, width=60).save(tmp_path / "one.png")
    sample = predictor.sample(tmp_path / "one.png")
    assert (sample[0, 0], sample[4, 4]) == (9, 1)
    assert predictor.predict([sample])[1].argmax() == 0


def test_data_that_are_needed_and_not_here_are_told_of(tmp_path: Path) -> None:
    own = make_ended(tmp_path / "own", [WEIGHT], dataset=str(tmp_path / "gone.npz"))
    with pytest.raises(UserError, match="not on this machine and how they were drawn is not known"):
        open_predictor(own)
    # Other digits than those that were trained on.
    standardized = make_ended(tmp_path / "standardized", [WEIGHT], pixels="standardized")
    with pytest.raises(UserError, match="not on this machine and their mean and deviation are needed"):
        open_predictor(standardized)


def test_data_that_are_no_images_are_refused(tmp_path: Path) -> None:
    directory = make_ended(tmp_path / "a", [WEIGHT], shape=None)
    with pytest.raises(UserError, match="are no images"):
        open_predictor(directory)


def test_one_run_can_be_chosen(tmp_path: Path) -> None:
    directory = make_ended(tmp_path / "a", [WEIGHT, -WEIGHT])
    assert list(open_predictor(directory, 2).runs) == [2]
    assert open_predictor(directory).runs[1].epoch == EPOCHS
    with pytest.raises(UsageError, match="no run 3: choose from 1, 2"):
        open_predictor(directory, 3)


@pytest.mark.parametrize(
    "weight", [WEIGHT[:, :60], WEIGHT * np.nan, WEIGHT[0]], ids=["too few", "not finite", "one dimension"]
)
def test_parameters_that_do_not_fit_are_refused(weight: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the parameters of run 1 are not finite, or do not fit"):
        open_predictor(make_ended(tmp_path / "a", [weight]))


@pytest.mark.parametrize("shape", ["x", [8], [8, 8, 1], [8.0, 8], [True, 64], [-8, -8], {}])
def test_a_shape_that_is_none_is_damage(shape: object, tmp_path: Path) -> None:
    directory = make_ended(tmp_path / "a", [WEIGHT])
    config = json.loads((directory / "config.json").read_text())
    config["dataset"]["image_shape"] = shape
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is damaged"):
        open_predictor(directory)


def test_a_directory_without_parameters_is_told_of(tmp_path: Path) -> None:
    directory = make_ended(tmp_path / "a", [WEIGHT])
    (directory / "model-1.safetensors").unlink()
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        open_predictor(directory)
