"""The files of the MNIST family: layout, packed files, damage of every kind."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import (
    COLUMNS,
    DOWNLOADED,
    ROWS,
    TEST,
    TRAIN,
    family_files,
    idx_bytes,
    images,
    labels,
    never,
    nothing_is_told,
    write_family,
)

from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.mnist_files import FAMILIES, FILES, FIRST_LABELS
from logreg_tui.core.errors import UsageError, UserError


def load(name: str, data_dir: Path) -> Dataset:
    return load_dataset(name, str(data_dir), "raw", nothing_is_told, never)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", DOWNLOADED)
def test_files_in_torchvisions_layout_are_read(name: str, packed: bool, tmp_path: Path) -> None:
    write_family(tmp_path, name, packed)
    dataset = load(name, tmp_path)
    assert (dataset.name, dataset.classes, dataset.image_shape) == (name, 10, (ROWS, COLUMNS))
    expected = np.arange(TRAIN * ROWS * COLUMNS) * 7 % 256
    assert np.array_equal(dataset.train_inputs, expected.reshape(TRAIN, -1))
    assert dataset.train_labels.tolist() == [index % 10 for index in range(TRAIN)]
    assert dataset.test_labels.tolist() == [index % 10 for index in range(TEST)]


SPELLINGS = ["{}", "{}.gz", "{dotted}", "{dotted}.gz", "{}/{}", "{dotted}/{dotted}", "{dotted}/{}"]
PLACES = ["", "raw", "gzip", "MNIST", "MNIST/raw", "MNIST/raw/gzip"]


def put(folder: Path, spelling: str, files: dict[str, bytes]) -> None:
    """Write files into a folder under names that people have them by."""
    for name, content in files.items():
        path = folder / spelling.format(name, name, dotted=name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_files_are_found_under_the_names_people_have(spelling: str, tmp_path: Path) -> None:
    put(tmp_path, spelling, family_files("mnist"))
    named, of_folder = load("mnist", tmp_path), load(str(tmp_path), tmp_path)
    assert (named.name, len(named.train_inputs)) == ("mnist", TRAIN)
    assert of_folder.fingerprint == named.fingerprint
    assert of_folder.name == tmp_path.name


@pytest.mark.parametrize("place", PLACES)
def test_files_are_found_in_the_folders_people_have(place: str, tmp_path: Path) -> None:
    put(tmp_path / place, "{}.gz", family_files("mnist"))
    assert len(load("mnist", tmp_path).train_inputs) == TRAIN


def with_labels(first: tuple[int, ...]) -> dict[str, bytes]:
    """Return files whose training labels begin with those of a dataset."""
    files = family_files("mnist")
    values = bytes(first) + labels(TRAIN)[18:]
    return files | {"train-labels-idx1-ubyte": idx_bytes(0x0801, (TRAIN,), values)}


@pytest.mark.parametrize(("own", "other"), [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")])
def test_files_of_one_dataset_are_not_taken_for_another_of_the_same_names(
    own: str, other: str, tmp_path: Path
) -> None:
    put(tmp_path, "{}", with_labels(FIRST_LABELS[own]))
    assert FAMILIES[own].missing(tmp_path) == []
    assert FAMILIES[other].missing(tmp_path) == list(FILES)
    # In torchvision's own folder the folder says what they are.
    put(FAMILIES[other].raw_folder(tmp_path), "{}", with_labels(FIRST_LABELS[own]))
    assert FAMILIES[other].missing(tmp_path) == []


EMNIST = [name for name in FAMILIES if name.startswith("emnist-")]


def emnist_files(name: str) -> dict[str, bytes]:
    """Return the files of a split of EMNIST: columns of images where others have rows, all its classes."""
    family = FAMILIES[name]
    contents = []
    for samples in (2 * family.classes, family.classes):
        values = np.arange(samples * ROWS * COLUMNS, dtype="<i8").reshape(samples, ROWS, COLUMNS) * 7 % 256
        columns = np.ascontiguousarray(values.transpose(0, 2, 1)).astype("u1")
        numbers = bytes(index % family.classes + family.first_label for index in range(samples))
        contents.append(idx_bytes(0x0803, columns.shape, columns.tobytes()))
        contents.append(idx_bytes(0x0801, (samples,), numbers))
    return dict(zip(family.files, contents, strict=True))


@pytest.mark.parametrize("name", EMNIST)
def test_emnist_has_upright_images_and_characters_for_labels(name: str, tmp_path: Path) -> None:
    put(tmp_path / "gzip", "{}.gz", emnist_files(name))
    dataset, family = load(name, tmp_path), FAMILIES[name]
    assert (dataset.name, dataset.classes, dataset.image_shape) == (name, family.classes, (ROWS, COLUMNS))
    expected = np.arange(2 * family.classes * ROWS * COLUMNS) * 7 % 256
    assert np.array_equal(dataset.train_inputs, expected.reshape(-1, ROWS * COLUMNS))
    assert dataset.train_labels.tolist() == [index % family.classes for index in range(2 * family.classes)]
    assert load(str(tmp_path), tmp_path).fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("name", "count", "characters"),
    [
        ("emnist-balanced", 47, {0: "0", 10: "A", 35: "Z", 36: "a", 38: "d", 46: "t"}),
        ("emnist-bymerge", 47, {10: "A", 41: "g", 46: "t"}),
        ("emnist-byclass", 62, {9: "9", 35: "Z", 36: "a", 61: "z"}),
        ("emnist-letters", 26, {0: "a", 25: "z"}),
    ],
)
def test_the_characters_of_emnist_are_those_of_its_paper(
    name: str, count: int, characters: dict[int, str], tmp_path: Path
) -> None:
    put(tmp_path, "{}", emnist_files(name))
    names = load(name, tmp_path).class_names
    assert len(names) == count
    assert {number: names[number] for number in characters} == characters


def test_square_images_are_turned_upright_too(tmp_path: Path) -> None:
    images = np.arange(2000 * 16).reshape(2000, 4, 4).astype("u1")
    contents = {
        file: idx_bytes(0x0803, images.shape, np.ascontiguousarray(images.transpose(0, 2, 1)).tobytes())
        if "images" in file
        else labels(2000)
        for file in FAMILIES["emnist-digits"].files
    }
    put(tmp_path, "{}", contents)
    assert np.array_equal(load("emnist-digits", tmp_path).train_inputs, images.reshape(2000, 16))


def test_emnist_that_is_not_there_is_said_where_to_get_and_to_put(tmp_path: Path) -> None:
    raw = tmp_path / "EMNIST" / "raw"
    with pytest.raises(UserError, match=rf"get https://\S+gzip.zip and put its files .* into {raw}"):
        load("emnist-letters", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_several_datasets_asks_which(tmp_path: Path) -> None:
    for name in ("emnist-digits", "emnist-letters"):
        put(tmp_path, "{}", emnist_files(name))
    with pytest.raises(UserError, match="holds emnist-letters, emnist-digits: choose one with --dataset"):
        load(str(tmp_path), tmp_path)


def test_a_folder_that_lacks_a_file_says_which(tmp_path: Path) -> None:
    put(tmp_path, "{}", family_files("mnist"))
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"has no t10k-labels-idx1-ubyte, nor with \.gz"):
        load(str(tmp_path), tmp_path)


def test_packed_and_unpacked_files_have_one_fingerprint(tmp_path: Path) -> None:
    write_family(tmp_path / "a")
    write_family(tmp_path / "b", packed=True)
    assert load("mnist", tmp_path / "a").fingerprint == load("mnist", tmp_path / "b").fingerprint


def test_the_unpacked_file_goes_before_the_packed_one(tmp_path: Path) -> None:
    folder = write_family(tmp_path)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert load("mnist", tmp_path).name == "mnist"


HUGE = 0xFFFFFFFF
DAMAGES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("train-images-idx3-ubyte", b"", "magic number 2051"),
    "three bytes": ("train-images-idx3-ubyte", b"\0\0\x08", "magic number 2051"),
    "a web page": ("train-images-idx3-ubyte", b"<html>no</html>" * 99, "magic number 2051"),
    "labels for images": ("train-images-idx3-ubyte", labels(TRAIN), "magic number 2051"),
    "images for labels": ("t10k-labels-idx1-ubyte", images(TEST), "magic number 2049"),
    "half a header": ("t10k-images-idx3-ubyte", images(TEST)[:10], "ends within its header"),
    "one byte short": ("train-images-idx3-ubyte", images(TRAIN)[:-1], "ends after 799 of 800 bytes"),
    "cut in half": ("train-labels-idx1-ubyte", labels(TRAIN)[:20], "announces 40 bytes|ends after 12 of 40"),
    "one byte long": ("train-images-idx3-ubyte", images(TRAIN) + b"x", "goes on after the 800 bytes"),
    "no samples": ("train-images-idx3-ubyte", idx_bytes(0x0803, (0, 5, 4), b""), "no samples"),
    "no pixels": ("train-images-idx3-ubyte", idx_bytes(0x0803, (TRAIN, 0, 4), b""), "no samples"),
    "hostile size": ("train-images-idx3-ubyte", idx_bytes(0x0803, (HUGE, HUGE, HUGE), b"x"), "announces"),
    "label 10": ("train-labels-idx1-ubyte", idx_bytes(0x0801, (TRAIN,), bytes([10] * TRAIN)), "above 9"),
    "all labels 0": (
        "train-labels-idx1-ubyte",
        idx_bytes(0x0801, (TRAIN,), bytes(TRAIN)),
        "every label is 0",
    ),
    "label 200": ("t10k-labels-idx1-ubyte", idx_bytes(0x0801, (TEST,), bytes([200] * TEST)), "above 9"),
}


@pytest.mark.parametrize(("file", "content", "part"), DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_with_what_is_wrong_and_what_to_do(
    file: str, content: bytes, part: str, packed: bool, tmp_path: Path
) -> None:
    folder = write_family(tmp_path, packed=packed)
    path = folder / (f"{file}.gz" if packed else file)
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(UserError, match=part) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert not isinstance(caught.value, UsageError)
    assert message.isprintable()
    assert message.startswith(f"{path} is damaged (")
    assert message.endswith("delete it to download it again")


def test_files_of_ones_own_are_replaced_rather_than_downloaded(tmp_path: Path) -> None:
    folder = write_family(tmp_path)
    (folder / "t10k-images-idx3-ubyte").write_bytes(images(TEST, 4, 5))
    with pytest.raises(UsageError, match="images of different sizes: replace them$"):
        load(str(folder), tmp_path)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(UsageError, match=r"train-labels-idx1-ubyte is damaged \(.*\): replace it$"):
        load(str(folder), tmp_path)


def test_files_of_emnist_are_got_from_where_they_are(tmp_path: Path) -> None:
    folder = write_family(tmp_path, "emnist-letters")
    (folder / "emnist-letters-test-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match=r"is damaged \(.*\): get it anew from https://\S+gzip.zip$"):
        load("emnist-letters", tmp_path)


def cut(packed: bytes) -> bytes:
    return packed[:-20]


def flip(packed: bytes) -> bytes:
    return packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:]


def scramble(packed: bytes) -> bytes:
    return packed[:12] + b"\xff" * 40 + packed[52:]


def not_gzip(packed: bytes) -> bytes:
    return b"hello" + packed


def add(packed: bytes) -> bytes:
    return packed + b"trailing"


@pytest.mark.parametrize("damage", [cut, flip, scramble, not_gzip, add])
def test_a_broken_packed_file_is_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    folder = write_family(tmp_path, packed=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="delete it to download it again") as caught:
        load("mnist", tmp_path)
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert str(caught.value).isprintable()


def test_a_test_label_that_training_never_saw_is_an_error(tmp_path: Path) -> None:
    folder = write_family(tmp_path)
    few = bytes(index % 3 for index in range(TRAIN))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(0x0801, (TRAIN,), few))
    with pytest.raises(
        UserError, match=r"t10k-labels.*label 9 is above 2, the largest label of the training"
    ):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [("train-labels-idx1-ubyte", labels(TRAIN - 1)), ("t10k-images-idx3-ubyte", images(TEST + 1))],
)
def test_images_and_labels_of_different_number_name_both_files(
    file: str, content: bytes, tmp_path: Path
) -> None:
    folder = write_family(tmp_path)
    (folder / file).write_bytes(content)
    with pytest.raises(
        UserError, match=r"-images-\S+ holds \d+ images, .*-labels-\S+ \d+ labels: delete them to"
    ):
        load("mnist", tmp_path)


def test_training_and_test_images_of_different_size_are_an_error(tmp_path: Path) -> None:
    folder = write_family(tmp_path)
    (folder / "t10k-images-idx3-ubyte").write_bytes(images(TEST, 4, 5))
    with pytest.raises(UserError, match="images of different sizes"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("label", [-1, 10, 2**31 - 1])
def test_qmnist_labels_out_of_range_are_an_error(label: int, tmp_path: Path) -> None:
    folder = write_family(tmp_path, "qmnist")
    table = np.zeros((TEST, 8), ">i4")
    table[3, 0] = label
    path = folder / "qmnist-test-labels-idx2-int"
    path.write_bytes(idx_bytes(0x0C02, (TEST, 8), table.tobytes()))
    with pytest.raises(UserError, match=f"qmnist-test-labels-idx2-int is damaged .label {label}"):
        load("qmnist", tmp_path)
