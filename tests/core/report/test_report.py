"""The report: its sections, its figures against the files they come from, what it does with damage."""

from __future__ import annotations

import csv
import locale
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.reporting import HEADINGS, rewritten, rows_of_table, trained, written

from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.report.write import write_report
from logreg_tui.core.settings import RunSettings, Schedule, grid


def test_the_sections_follow_the_experiment(directory: Path, tmp_path: Path) -> None:
    text = written(tmp_path / "report.md", directory)
    assert [line for line in text.splitlines() if line.startswith("#")] == HEADINGS
    assert text.endswith(".\n")


def test_the_log_has_the_rows_of_metrics_csv_at_the_report_points(directory: Path, tmp_path: Path) -> None:
    text = written(tmp_path / "report.md", directory)
    with (directory / "metrics.csv").open() as file:
        rows = [{name: float(row[name]) for name in row if name != "head"} for row in csv.DictReader(file)]
    for run, heading in ((1, "### Run 1, sigmoid"), (2, "### Run 2, logits")):
        expected = [
            [
                f"{row['epoch']:.0f}",
                *(
                    f"{value:.4f}"
                    for value in (
                        row["train_loss"] + row["l2_penalty"],
                        row["train_loss"],
                        row["test_loss"],
                        row["train_accuracy"],
                        row["test_accuracy"],
                    )
                ),
            ]
            for row in rows
            if row["run"] == run and row["epoch"] in (0, 10, 20, 30)
        ]
        assert rows_of_table(text, heading)[2:] == expected


def test_what_the_head_does_is_measured_and_explained(directory: Path, tmp_path: Path) -> None:
    text = written(tmp_path / "report.md", directory)
    table = rows_of_table(text, "## What removing the sigmoid changed, and why")
    figures = {name: cells for name, *cells in table}
    assert figures["floor of the loss"] == ["1.4612", "0.0000"]
    train, above = (figures[name][0] for name in ("train loss", "train loss above the floor"))
    assert float(train) - float(above) == pytest.approx(1.4612, abs=2e-4)
    assert figures["outputs within 0.001 of 0 or 1"][1] == "-"
    assert "measured on all 1437 training samples" in text
    for words in ("**The floor.**", "**The slope.**", "**No floor.**", "**The losses do not compare.**"):
        assert words in text
    assert "paired: both runs answered the same 360 test samples" in text
    assert "Newcombe 1998" in text
    assert "what differs is the head alone" in text


def test_every_figure_is_beside_the_report_and_referenced(
    directory: Path, tmp_path: Path, quick_figures: list[str]
) -> None:
    target = tmp_path / "my report (1).md"
    figures = write_report([directory], target)
    names = [f"my report (1)-{name}.png" for name in ("loss", "weights-1", "weights-2")]
    assert [figure.name for figure in figures] == names
    references = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", target.read_text())
    assert references == [name.replace(" ", "%20").replace("(", "%28").replace(")", "%29") for name in names]
    assert quick_figures[0] == "run 1, sigmoid, run 2, logits"
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "my report (1).md", "runs"])


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Another time zone, and a language that writes numbers with commas where the machine has one."""
    before, spoken = os.environ.get("TZ"), locale.setlocale(locale.LC_ALL)
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"):
        with suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
            break
    yield
    locale.setlocale(locale.LC_ALL, spoken)
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_the_same_experiment_gives_the_same_bytes(
    directory: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rewritten(directory, lambda record: record.update(started="2026-11-22T18:45:30"))
    first = written(tmp_path / "report.md", directory)
    assert written(tmp_path / "report.md", directory) == first
    request.getfixturevalue("elsewhere")
    assert written(tmp_path / "report.md", directory) == first
    assert "started 2026-11-22 18:45 UTC" in first


@pytest.mark.parametrize("head", ["sigmoid", "logits"])
def test_a_single_head_says_what_is_missing_and_how_to_get_it(head: str, tmp_path: Path) -> None:
    directory = trained(tmp_path / "runs", grid([head], [0.5], [0.001], [7], Schedule(period=30)))
    text = written(tmp_path / "report.md", directory)
    other = "logits" if head == "sigmoid" else "sigmoid"
    assert f"There is no run with the head `{other}` to compare it with." in text
    assert f"Only the head `{head}` was trained" in text
    assert "--head sigmoid logits --l2 0.5 --lr 0.001 --seed 7 --schedule constant --epochs 30" in text
    assert "do not compare" not in text


def test_several_experiments_are_told_apart(kept: Path, directory: Path, tmp_path: Path) -> None:
    rewritten(directory, lambda record: record["dataset"].update(fingerprint="0" * 64, name="other"))
    figures = write_report([kept, directory, kept], tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "### Run A1, sigmoid" in text
    assert "### Run B2, logits" in text
    assert "### Run C1" not in text
    assert "### On digits" in text
    assert "### On other" in text
    assert "### Experiment B" in text
    assert [figure.name for figure in figures][:2] == ["report-loss.png", "report-loss-2.png"]


def test_a_long_log_is_thinned(tmp_path: Path) -> None:
    runs = grid(["logits"], [0.0], [0.001], [0], Schedule(period=100))
    directory = trained(tmp_path / "runs", runs, epochs=100, report_every=1)
    text = written(tmp_path / "report.md", directory)
    epochs = [line[0] for line in rows_of_table(text, "### Run 1, logits")[2:]]
    assert (epochs[0], epochs[1], epochs[-1]) == ("0", "2", "100")
    assert "These are 51 of 101 report points" in text


def test_many_runs_stay_readable(tmp_path: Path) -> None:
    runs = grid(["sigmoid", "logits"], [0.0, 0.01], [0.01], [0, 1, 2], Schedule(period=10))
    figures = write_report([trained(tmp_path / "runs", runs, epochs=10)], tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert len(figures) == 3
    assert "Run 1 and run 7 stand for the two heads" in text
    assert "Of 12 runs the one with the highest test accuracy of each head is shown." in text
    pairs = rows_of_table(text, "### All pairs that differ in their head alone")[2:]
    assert [line[:2] for line in pairs] == [[f"run {at}", f"run {at + 6}"] for at in range(1, 7)]
    assert "Of 6 pairs of runs that differ in their head alone" in text
    assert len(re.findall(r"a mean difference of .* over 3 seeds", text)) == 2
    assert len(rows_of_table(text, "### All runs at the end")) == 2 + 12


def test_real_figures_are_drawn(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.undo()
    for figure in write_report([directory], tmp_path / "report.md"):
        assert figure.read_bytes().startswith(b"\x89PNG")


def test_optimizers_stand_there_in_the_words_of_torch(tmp_path: Path, quick_figures: list[str]) -> None:
    optimizers = Optimizer(), Optimizer("nesterov", 0.8), Optimizer("adam")
    runs = tuple(RunSettings("logits", optimizer=optimizer) for optimizer in optimizers)
    text = written(tmp_path / "report.md", trained(tmp_path / "runs", runs))
    words = (
        "`SGD` without momentum, `SGD(momentum=0.8, nesterov=True)`, `Adam(betas=(0.9, 0.999))`, full-batch"
    )
    assert words in " ".join(text.split())
    cells = rows_of_table(text, "## Settings and model")
    assert [line[2] for line in cells[2:5]] == ["sgd", "nesterov 0.8", "adam"]
