"""Tables as datasets: files as people write them, and what is refused in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.datafiles import never, nothing_is_told
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.table.encoding import TableEncoding
from logreg_tui.core.data.table.table_file import read_cells
from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import FileOptions

HEADER = "age,height,is_old,town,label\n"
ROWS = "".join(
    f"{20 + at},{1.5 + at / 100:.2f},{at > 9},{'Ulm' if at % 2 else 'Bonn'},{'yes' if at % 3 else 'no'}\n"
    for at in range(20)
)


def read(path: Path, pixels: str = "raw", **options: object) -> Dataset:
    file = FileOptions(**{"label": "label", **options})  # type: ignore[arg-type]
    return load_dataset(str(path), None, pixels, nothing_is_told, never, file=file)


def refusal(path: Path, **options: object) -> str:
    """Return the line by which a table is refused."""
    with pytest.raises(UsageError) as caught:
        read(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.exit_status == 2
    return text


def written(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def all_rows(data: Dataset) -> np.ndarray:
    """Return the rows of both sets in sorted order."""
    rows = np.concatenate([np.asarray(data.train_inputs), np.asarray(data.test_inputs)])
    return rows[np.lexsort(rows.T[::-1])]


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".CSV"])
def test_a_frame_saved_by_pandas_is_split_and_scaled_as_by_scikit_learn(
    tmp_path: Path, index: bool, ending: str
) -> None:
    iris = load_iris(as_frame=True)
    frame = iris.frame.assign(target=[iris.target_names[label] for label in iris.target])
    path = tmp_path / f"iris{ending}"
    compression = "gzip" if ending.endswith("gz") else None
    frame.to_csv(path, index=index, sep="\t" if ending == ".tsv" else ",", compression=compression)
    data = read(path, "standardized", label="target", test_share=0.3, split_seed=7)
    assert (data.name, data.classes, data.class_names) == ("iris", 3, ("setosa", "versicolor", "virginica"))
    assert data.feature_names == tuple(iris.feature_names)
    parts = train_test_split(
        iris.data.to_numpy(), iris.target, test_size=0.3, stratify=iris.target, random_state=7
    )
    train, test, train_labels, test_labels = parts
    scaler = StandardScaler().fit(train)
    np.testing.assert_allclose(data.train_inputs, scaler.transform(train), atol=1e-6)
    np.testing.assert_allclose(data.test_inputs, scaler.transform(test), atol=1e-6)
    assert (data.train_labels == train_labels).all()
    assert (data.test_labels == test_labels).all()
    assert data.notice is not None
    assert "45 of 150 rows are the test set" in data.notice
    assert "columns are standardized" in data.notice
    assert ("index of a data frame" in data.notice) is index
    # What a sample was before it was scaled is still to be had.
    np.testing.assert_allclose(data.test_inputs.original(0, 45), test, rtol=1e-5)
    assert data.table is not None
    np.testing.assert_allclose(data.table.shift, scaler.mean_)
    np.testing.assert_allclose(data.table.divisor, scaler.scale_)
    assert TableEncoding.from_json(json.loads(json.dumps(data.table.to_json()))) == data.table


def test_a_parquet_file_is_the_same_dataset_as_its_csv(tmp_path: Path) -> None:
    frame = pl.read_csv((HEADER + ROWS).encode())
    typed = frame.with_columns(pl.col("town").cast(pl.Categorical), pl.col("height").cast(pl.Decimal(10, 2)))
    typed.write_parquet(tmp_path / "t.parquet")
    csv = read(written(tmp_path, HEADER + ROWS), one_hot=True)
    parquet = read(tmp_path / "t.parquet", one_hot=True)
    assert csv.fingerprint == parquet.fingerprint
    assert csv.feature_names == ("age", "height", "is_old", "town=Bonn", "town=Ulm")
    assert csv.class_names == ("no", "yes")
    np.testing.assert_array_equal(all_rows(csv)[0], np.array([20, 1.5, 0, 1, 0], np.float32))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace(",", ";"),
        (HEADER + ROWS).replace(",", ";").replace(".", ","),
        (HEADER + ROWS).replace(",", ", "),
        (HEADER + ROWS).replace(",", "|"),
        (HEADER + ROWS).replace("Ulm", '"Ulm"').replace("\n20,", '\n"20",'),
        (HEADER + ROWS).replace("True", "TRUE").replace("False", "false"),
        HEADER + ROWS + "\n\n,,,,\n",
        (HEADER + ROWS).replace(",yes", ",yes,").replace(",no", ",no,").replace("label", "label,"),
        (HEADER + ROWS + ",,,,\n").replace("\n", ",,,\n"),
        gzip.compress((HEADER + ROWS).encode()),
    ],
    ids=[
        "bom",
        "crlf",
        "semicolons",
        "commas",
        "blanks",
        "bars",
        "quotes",
        "case",
        "empty",
        "trail",
        "trails",
    ]
    + ["gz"],
)
def test_the_ways_in_which_people_write_a_table_give_the_same_data(tmp_path: Path, text: str | bytes) -> None:
    expected = read(written(tmp_path, HEADER + ROWS, "expected.csv"), one_hot=True)
    assert read(written(tmp_path, text), one_hot=True).fingerprint == expected.fingerprint


def test_a_quoted_cell_may_hold_a_separator(tmp_path: Path) -> None:
    text = (HEADER + ROWS).replace("Ulm", '"Ulm, ""Donau"""')
    assert read(written(tmp_path, text), one_hot=True).feature_names[-1] == 'town=Ulm, "Donau"'


@pytest.mark.parametrize("gap", ["", "NA", "NaN", "nan", "null", "None", "?", " N/A "])
def test_missing_values_are_counted_or_filled_from_the_training_set(tmp_path: Path, gap: str) -> None:
    rows = ROWS.replace("\n23,", f"\n{gap},").replace("\n27,", f"\n{gap},").replace("Bonn,no", f"{gap},no")
    train = written(tmp_path, HEADER + rows)
    line = refusal(train, one_hot=True)
    assert "missing" in line
    assert "'town' 4, 'age' 2" in line
    assert "--fill mean or --fill zero" in line
    test = written(tmp_path, HEADER + f"{gap},1,True,Ulm,no\n" + "900,1,True,Ulm,no\n" * 9, "test.csv")
    ages = [20 + at for at in range(20) if at not in (3, 7)]
    for fill, value in (("mean", np.mean(ages)), ("zero", 0)):
        data = read(train, one_hot=True, fill=fill, test=str(test))
        assert np.asarray(data.train_inputs)[[3, 7], 0] == pytest.approx([value, value])
        assert np.asarray(data.test_inputs)[0, 0] == pytest.approx(value)
        # A text that is missing is none of the texts.
        assert np.asarray(data.train_inputs)[0, 3:].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("labels", "names", "classes"),
    [
        (["b", "a", "c"], ("a", "b", "c"), 3),
        (["0", "1", "2"], (), 3),
        (["1", "2", "10"], ("1", "2", "10"), 3),
        (["1.0", "2.0"], ("1", "2"), 2),
        (["-1", "1"], ("-1", "1"), 2),
        (["0.5", "1.5"], ("0.5", "1.5"), 2),
        (["True", "False"], ("False", "True"), 2),
    ],
)
def test_labels_of_any_kind_are_classes_in_their_order(
    tmp_path: Path, labels: list[str], names: tuple[str, ...], classes: int
) -> None:
    text = "x,label\n" + "".join(f"{at},{label}\n" for label in labels for at in range(10))
    data = read(written(tmp_path, text))
    assert (data.class_names, data.classes) == (names, classes)
    assert np.bincount(data.test_labels).tolist() == [2] * classes


def test_a_test_file_is_encoded_as_the_training_set_was(tmp_path: Path) -> None:
    train = written(tmp_path, HEADER + ROWS)
    test = written(
        tmp_path, "label,town,is_old,height,age,other\nno,Rom,True,2,99,x\nyes,Ulm,False,1,9,y\n", "test.tsv"
    )
    data = read(train, "standardized", one_hot=True, test=str(test))
    assert len(data.train_inputs) == 20
    assert data.test_labels.tolist() == [0, 1]
    assert data.test_inputs.original(0, 2) == pytest.approx(
        np.array([[99, 2, 1, 0, 0], [9, 1, 0, 0, 1]]), abs=1e-5
    )
    assert data.notice is not None
    assert "1 text of the test set not in training, in column 'town'" in data.notice
    assert refusal(train, one_hot=True, test=str(written(tmp_path, "label\nno\n", "u.csv"))).endswith(
        "has no column 'age', 'height', 'is_old', 'town', on which the model was trained"
    )
    other = written(tmp_path, HEADER + "1,1,True,Ulm,perhaps\n", "other.csv")
    assert "label 'perhaps' is none of the 2 of the training set" in refusal(
        train, one_hot=True, test=str(other)
    )


def test_texts_that_look_like_numbers_or_booleans_stay_texts_in_other_files(tmp_path: Path) -> None:
    """A few rows may hold none of those that do not look so."""
    rows = [("1", "true", "a"), ("02", "False", "true"), ("x", "maybe", "1")] * 4
    train = written(tmp_path, "code,sure,label\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    test = written(tmp_path, "sure,label, code\n true,1,02\nFalse,1,1\n", "test.csv")
    data = read(train, one_hot=True, test=str(test))
    assert data.feature_names[:3] == ("code=02", "code=1", "code=x")
    assert data.feature_names[3:] == ("sure=False", "sure=maybe", "sure=true")
    assert np.asarray(data.test_inputs).tolist() == [[1, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0]]
    assert [data.class_names[label] for label in data.test_labels] == ["1", "1"]


@pytest.mark.parametrize(
    "names",
    [
        [f"pixel{at}" for at in range(9)],
        [f"pixel{at}" for at in range(1, 10)],
        [f"pixel_{row}_{column}" for row in range(3) for column in range(3)],
        [f"{row}x{column}" for row in range(1, 4) for column in range(1, 4)],
    ],
)
def test_columns_of_pixels_are_images(tmp_path: Path, names: list[str]) -> None:
    values = np.random.default_rng(0).integers(0, 256, (30, 9))
    frame = pd.DataFrame(values, columns=names)
    frame.insert(0, "label", np.arange(30) % 3)
    frame.to_csv(tmp_path / "train.csv", index=False)
    data = read(tmp_path / "train.csv", "unit")
    assert (data.image_shape, data.class_names) == ((3, 3), ())
    assert data.train_inputs.are_bytes
    assert np.asarray(data.train_inputs).max() <= 1
    rows = [*data.train_inputs.stored(0, 24), *data.test_inputs.stored(0, 6)]
    assert sorted(row.tolist() for row in rows) == sorted(values.tolist())


def test_values_far_from_0_keep_their_differences(tmp_path: Path) -> None:
    """As float32, 1.7e9 seconds would lose all below two minutes."""
    text = "seconds,label\n" + "".join(f"{1_700_000_000 + at},{at % 2}\n" for at in range(40))
    data = read(written(tmp_path, text), "standardized")
    values = np.sort(np.asarray(data.train_inputs)[:, 0])
    assert len(np.unique(values)) == 32
    assert values.std() == pytest.approx(1, abs=1e-5)


def test_unit_scales_each_column(tmp_path: Path) -> None:
    frame = load_breast_cancer(as_frame=True).frame
    frame.to_csv(tmp_path / "bc.csv", index=False)
    inputs = np.asarray(read(tmp_path / "bc.csv", "unit", label="target").train_inputs)
    assert (inputs.min(0), inputs.max(0)) == (pytest.approx(np.zeros(30)), pytest.approx(np.ones(30)))


def test_odd_columns_are_told_of(tmp_path: Path) -> None:
    text = "id,same,name,label\n" + "".join(f"{at + 1},5,n{at},{at % 2}\n" for at in range(60))
    notice = read(written(tmp_path, text), one_hot=True).notice
    assert notice is not None
    assert "column 'id' numbers the rows" in notice
    assert "column 'name' has another text in nearly every row" in notice
    assert "column 'same' has one value in all training rows" in notice
    assert "'id'" not in (read(written(tmp_path, text), drop=("id", "name")).notice or "")


def test_a_table_may_have_as_many_columns_as_there_are_genes(tmp_path: Path) -> None:
    names = [f"gene_{at}" for at in range(20_000)]
    rows = "".join(
        f"{','.join(str((at + row) % 3) for at in range(20_000))},{row % 2}\n" for row in range(12)
    )
    path = written(tmp_path, f"{','.join(names)},label\n{rows}")
    assert read(path).feature_names == tuple(names)


def test_types_that_change_far_down_the_file_are_read(tmp_path: Path) -> None:
    text = "a,b,label\n" + "1,2,0\n1,2,1\n" * 1000 + "1.5,x,0\n"
    assert "'b' is of text" in refusal(written(tmp_path, text))
    assert read(written(tmp_path, text), drop=("b",)).feature_names == ("a",)


def made(rows: str, header: str = "x,y,label") -> str:
    return f"{header}\n{rows}"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (HEADER + ROWS, {"label": None}, "needs --label COLUMN, one of its columns: 'age', 'height'"),
        (HEADER + ROWS, {"label": "lable"}, "no column 'lable' for --label: did you mean 'label'?"),
        ("speed [m/s],label\n1,2\n", {"label": "speed"}, "its columns are 'speed [m/s]', 'label'"),
        (",".join(f"x{at}" for at in range(30)) + ",y\n", {"label": None}, "'x10', 19 more and 'y'"),
        (HEADER + ROWS, {"drop": ("x",)}, "no column 'x' for --drop"),
        (HEADER + ROWS, {}, "column 'town' is of text: --one-hot makes"),
        (made("1,2,a\n3,na,b\n5,6,b\n"), {}, "of text ('na' in row 2 of column 'y' is no number): --one"),
        (HEADER + ROWS, {"label": "age", "one_hot": True}, "choose a column of classes"),
        (HEADER + ROWS * 2, {"label": "height", "one_hot": True, "drop": ("label",)}, "a quantity: choose"),
        (HEADER + ROWS, {"one_hot": True, "test_share": 0.01}, "leaves 1 test samples for 2 classes: raise"),
        (HEADER + ROWS, {"one_hot": True, "test_share": 0.99}, "leaves 0 training samples for 2 classes"),
        (HEADER + ROWS, {"test": "nowhere.csv"}, "nowhere.csv is no file"),
        (made("1,2,a\n3,4,a\n"), {}, "label 'label' is 'a' in every row"),
        (made("1,2,a\n3,4,\n"), {}, "label 'label' is missing in 1 row"),
        (made("1,2,a\n3,4,5,6\n"), {}, "more cells than the header line"),
        (made("1,,a\n3,,b\n"), {}, "column 'y' is empty"),
        (made("1,2,a\n3,4,b\n" * 20 + "inf,2,a\n"), {}, "column 'x' holds inf in row 41"),
        ("x,x,label\n1,2,a\n", {}, "more than one column 'x'"),
        ("5.1,3.5,label\n1,2,a\n", {}, "has no header line, its first line holds '5.1'"),
        ("5,0,0,0\n4,0,0,1\n", {"label": "5"}, "has no header line, its first line holds '0'"),
        ("label\na\nb\n", {}, "no column beside the label"),
        ("x,label\n", {}, "has no rows"),
        ("", {}, "is empty"),
        ("\nx,label\n1,a\n2,b\n", {}, "has an empty first line"),
        (made("1,2,3,a\n4,5,6,b\n", ",,x,label"), {}, "more than one column without a name"),
        (made("1,2,a\n4,5,b\n", '" "","x",label'), {}, "first line whose quotes do not pair"),
        ("x,label\n1,caf\xe9\n".encode("latin-1"), {}, "is not in UTF-8"),
        ("x,label\n1,a\n".encode("utf-16"), {}, "is in UTF-16"),
        (b"PK\x03\x04\0\0\0", {}, "is no text"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, text: str | bytes, options: dict[str, object], words: str
) -> None:
    assert words in refusal(written(tmp_path, text), **options)


def test_names_of_columns_may_hold_quotes(tmp_path: Path) -> None:
    names = ['5" disk', 'a "b", c', 'the "label"']
    frame = pd.DataFrame([[1, 2, "x"], [3, 5, "y"]] * 10, columns=names)
    frame.to_csv(tmp_path / "t.csv", index=False)
    path = tmp_path / "t.csv"
    assert read(path, label=names[2]).feature_names == tuple(names[:2])
    assert read(path, label=names[2], drop=(names[0],)).feature_names == (names[1],)
    # As predict reads it: a column of texts is one whatever its texts look like.
    typed, cells = read_cells(str(path), {names[1]})
    assert (typed.columns, cells.columns) == (names, names)
    assert typed[names[1]].dtype == pl.String


def test_a_parquet_file_whose_names_differ_in_blanks_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({" x": [1, 2], "x": [3, 4], "label": [0, 1]}).write_parquet(tmp_path / "t.parquet")
    assert "more than one column 'x'" in refusal(tmp_path / "t.parquet")


def test_a_parquet_file_that_is_none_or_holds_lists_is_refused(tmp_path: Path) -> None:
    assert "is no Parquet file" in refusal(written(tmp_path, "x,label\n", "t.parquet"))
    columns = {"x": [[1], [2]], "day": ["2026-01-01", "2026-01-02"], "label": [0, 1]}
    frame = pl.DataFrame(columns).with_columns(pl.col("day").str.to_date())
    frame.write_parquet(tmp_path / "t.parquet")
    assert "columns 'x', 'day' are of type Date, List(Int64)" in refusal(tmp_path / "t.parquet")


def test_a_table_that_does_not_fit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    file = FileOptions(label="label", one_hot=True)
    with pytest.raises(UsageError, match="of memory to read, more than --memory-limit"):
        load_dataset(str(path), None, "raw", nothing_is_told, never, memory_limit=1000, file=file)


def test_texts_that_would_make_more_features_than_fit_are_refused(tmp_path: Path) -> None:
    text = "name,label\n" + "".join(f"n{at},{at % 2}\n" for at in range(500))
    file = FileOptions(label="label", one_hot=True)
    with pytest.raises(UsageError, match="makes 400 features of 500 rows, .* --memory-limit allows"):
        load_dataset(
            str(written(tmp_path, text)), None, "raw", nothing_is_told, never, memory_limit=10**6, file=file
        )


def test_a_class_of_one_row_is_trained_on(tmp_path: Path) -> None:
    text = "x,label\n" + "".join(f"{at},{'ab'[at % 2]}\n" for at in range(20)) + "99,c\n"
    data = read(written(tmp_path, text))
    assert data.class_names == ("a", "b", "c")
    assert (data.train_labels == 2).sum() == 1
    assert (data.test_labels < 2).all()


def test_another_name_of_a_class_or_column_is_other_data(tmp_path: Path) -> None:
    first = read(written(tmp_path, HEADER + ROWS), one_hot=True).fingerprint
    assert read(written(tmp_path, HEADER + ROWS.replace("yes", "zes")), one_hot=True).fingerprint != first
    renamed = (HEADER + ROWS).replace("age", "years")
    assert read(written(tmp_path, renamed), one_hot=True).fingerprint != first


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test": "a.csv", "test_share": 0.5}, "leave --test-share out"),
        ({"test": "a.csv", "split_seed": 1}, "leave --split-seed out"),
        ({"test_share": 1.0}, "test share is 1"),
        ({"split_seed": -1}, "split seed is -1"),
        ({"fill": "median"}, "fill 'median' is unknown"),
        ({"label": "a", "drop": ("a",)}, "--drop 'a' is the --label"),
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FileOptions(**options)  # type: ignore[arg-type]


def test_the_words_of_the_options_and_their_json_tell_all() -> None:
    options = FileOptions("y", None, 0.3, 7, True, "mean", ("a b", "c"))
    words = ["--label", "y", "--test-share", "0.3", "--split-seed", "7", "--one-hot", "--fill", "mean"]
    assert options.words() == [*words, "--drop", "a b", "c"]
    assert FileOptions.from_json(json.loads(json.dumps(options.to_json()))) == options
    assert FileOptions.from_json({}) == FileOptions()


@pytest.mark.parametrize("name", ["rows [1].csv", "*.csv", "rows?.tsv", "[a-z].parquet"])
def test_the_name_of_a_file_is_no_pattern(tmp_path: Path, name: str) -> None:
    table = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 4, "label": ["a", "b"] * 8})
    if name.endswith(".parquet"):
        table.write_parquet(tmp_path / name)
    else:
        table.write_csv(tmp_path / name, separator="\t" if name.endswith(".tsv") else ",")
    (tmp_path / "rows.csv").write_text("y,label\n1,a\n2,b\n")
    assert read(tmp_path / name, label="label").classes == 2
