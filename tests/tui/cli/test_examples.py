"""The example of each format in docs/data: it trains, and report, compare, predict and export take it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import never, nothing_is_told
from PIL import Image

from logreg_tui.core.data.dataset import load_dataset
from logreg_tui.tui.cli.main import main

EXAMPLES = Path(__file__).parents[3] / "docs/data"
LABEL = {"iris.csv": ["--label", "species"], "iris.parquet": ["--label", "species"]}
LEAST_ACCURACY = 0.6


def test_there_is_an_example_of_each_format() -> None:
    assert {path.suffix for path in EXAMPLES.iterdir()} == {".csv", ".parquet", ".npz", ".svm", ""}


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir()))
def test_an_example_trains_and_every_command_takes_it(
    example: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--dataset", str(EXAMPLES / example), *LABEL.get(example, [])]
    run = ["--head", "logits", "--pixels", "standardized", "--lr", "0.5", "--epochs", "30", "--device", "cpu"]
    assert main(["train", *words, *run, "--runs-dir", str(tmp_path / "runs")]) == 0
    (directory,) = map(str, (tmp_path / "runs").iterdir())
    capfd.readouterr()
    assert main(["compare", directory, "--format", "json"]) == 0
    (compared,) = json.loads(capfd.readouterr().out)
    assert compared["test_accuracy"] > LEAST_ACCURACY
    assert main(["report", directory, "-o", str(tmp_path / "report.md")]) == 0
    assert "test accuracy" in (tmp_path / "report.md").read_text()
    assert main(["export", directory, "-o", str(tmp_path / "rows.csv")]) == 0
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 5
    rows = EXAMPLES / example
    if rows.is_dir() or rows.suffix == ".npz":
        data = load_dataset(str(rows), None, "raw", nothing_is_told, never)
        assert data.image_shape is not None
        picture = np.asarray(data.test_inputs.read(0, 1)).reshape(data.image_shape).astype(np.uint8)
        rows = tmp_path / "0.png"
        Image.fromarray(picture).save(rows)
    capfd.readouterr()
    assert main(["predict", directory, str(rows)]) == 0
    assert capfd.readouterr().out
