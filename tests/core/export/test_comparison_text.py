"""The comparison for a terminal, in Markdown, and for other programs."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas
import pytest
from helpers.compared import ORIGIN, made, seeds

from logreg_tui.core.analysis.compared_runs import ComparedRun
from logreg_tui.core.analysis.comparison import Comparison, ContingencyTable, compare
from logreg_tui.core.analysis.comparison_columns import COLUMNS, FIELDS, IMPORTANCE, best_first
from logreg_tui.core.analysis.intervals import paired_difference, unpaired_difference
from logreg_tui.core.export.comparison_text import as_csv, as_json, as_markdown, as_plain
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings

ELSEWHERE = replace(ORIGIN, directory="/runs/b", experiment="b", fingerprint="0" * 64, dataset="digits")
LOGITS = RunSettings("logits")


def compared(
    *runs: ComparedRun, pairs: ContingencyTable | None = None, order: str | None = None
) -> Comparison:
    known = {} if pairs is None else {runs[1].key: pairs}
    return compare(runs, runs[0].key, known, order=best_first(order) if order else None)


def folded(runs: Sequence[ComparedRun]) -> Comparison:
    return compare(runs, runs[0].key, {}, folds_seeds=True)


# Plain


def test_what_all_rows_share_is_said_once_above_the_table() -> None:
    above, table, *_ = as_plain(compared(made(1), made(2, 0.95, settings=LOGITS))).split("\n\n")
    assert above == (
        "dataset mnist, pixels raw, l2 0.001, lr 0.01, schedule constant, seed 0, epochs 100, state finished"
    )
    header, first, second = table.splitlines()
    assert header.split()[:4] == ["run", "head", "test", "acc"]
    assert first.split()[:3] == ["1", "sigmoid", "0.9000"]
    assert second.split()[:4] == ["2", "logits", "0.9500", "+5.00"]
    assert len({line.index(text) + 6 for line, text in ((first, "0.9000"), (second, "0.9500"))}) == 1


def test_figures_that_happen_to_be_equal_stay_in_the_table() -> None:
    above, table, *_ = as_plain(compared(made(1), made(2, settings=LOGITS))).split("\n\n")
    assert "0.9000" in table
    assert "acc" not in above


def test_experiments_are_named_where_there_are_several() -> None:
    text = as_plain(compared(made(1), made(1, origin=ELSEWHERE)))
    assert text.startswith("pixels raw")
    assert "other test set" in text
    assert "minus that of run 1 of a," in text
    assert "experiment" not in as_plain(compared(made(1), made(2)))


def test_the_method_of_the_interval_is_cited() -> None:
    runs, pairs = (made(1, 0.9), made(2, 0.912)), ContingencyTable(8900, 220, 100, 780)
    low, high = (100 * end for end in paired_difference(*pairs))
    text = as_plain(compared(*runs, pairs=pairs))
    assert f"{low:+.2f} to {high:+.2f} p" in text
    assert "Newcombe 1998, p: paired" in text
    assert "unpaired" not in text
    low, high = (100 * end for end in unpaired_difference(9120, 10_000, 9000, 10_000))
    text = as_plain(compared(*runs))
    assert f"{low:+.2f} to {high:+.2f}\n" not in text
    assert f"{low:+.2f} to {high:+.2f} " in text
    assert "Newcombe 1998, unpaired, which is wider" in text
    both = as_plain(compared(*runs, made(3), pairs=pairs))
    assert "p: paired, on the same test samples; else unpaired" in both


def test_a_turned_knob_is_told_below_the_table() -> None:
    text = as_plain(compared(made(1), made(2, changes=("10: λ 0.1 → 0", "20: lr 1 → 2"))))
    assert "sigmoid*" in text
    assert "* run 2: at epoch 10: λ 0.1 → 0; 20: lr 1 → 2" in text.splitlines()


def test_means_over_seeds_follow_with_the_deviation_that_numpy_finds() -> None:
    accuracies = [0.90, 0.91, 0.95]
    runs = [*seeds(*accuracies), made(4, 0.97, settings=LOGITS)]
    text = as_plain(compared(*runs), folded(runs))
    assert f"{np.mean(accuracies):.4f} ±{np.std(accuracies, ddof=1):.4f}" in text
    assert "standard deviations (n - 1)" in text
    assert "diff pp to runs 1-3" in text
    assert f"{100 * (0.97 - np.mean(accuracies)):+.2f}" in text.split("Means")[1]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_it_fits_the_terminal_and_says_what_there_is_no_room_for(width: int) -> None:
    runs = [*seeds(0.90, 0.91, 0.95), made(4, 0.97, settings=LOGITS, origin=ELSEWHERE)]
    text = as_plain(compared(*runs, order="gap"), folded(runs), width)
    assert max(map(len, text.splitlines())) <= width
    assert "gap" in text
    assert ("no room here for" in text) == (width < 200)


def test_every_column_is_somewhere_however_narrow_the_terminal() -> None:
    adam = replace(LOGITS, optimizer=Optimizer("adam"))
    text = as_plain(compared(made(1), made(2, 0.95, settings=adam)), None, 40)
    words = " ".join(text.split())
    assert all(column.title in words for column in COLUMNS.values())


def test_names_are_shortened_only_as_far_as_they_still_differ() -> None:
    names = "20261122T184530-sigmoid-logits", "20261122T184931-sigmoid-logits"
    runs = [
        made(origin=replace(ORIGIN, directory=f"/{name}", experiment=name), settings=settings)
        for name, settings in zip(names, (LOGITS, RunSettings()), strict=True)
    ]
    assert "20261122T1845..." in as_plain(compared(*runs), None, 60)
    assert names[0] in as_plain(compared(*runs), None, 300)


def test_a_run_alone_is_a_table_too() -> None:
    text = as_plain(compared(made(1)))
    assert "0.9000" in text
    assert "diff" not in text


def test_rows_come_in_the_order_of_a_column_with_the_best_first() -> None:
    runs = [made(1, 0.8), made(2, 0.9, test_loss=2.5), made(3, 0.85, test_loss=0.5)]
    assert [row.first.run for row in compared(*runs, order="test_accuracy").rows] == [2, 3, 1]
    assert [row.first.run for row in compared(*runs, order="test_loss").rows] == [3, 1, 2]
    assert [row.first.run for row in compared(*runs).rows] == [1, 2, 3]


def test_every_column_has_its_importance() -> None:
    assert sorted(IMPORTANCE) == sorted(COLUMNS)


# Markdown


def test_markdown_has_the_same_tables_with_numbers_to_the_right() -> None:
    runs = [*seeds(0.9, 0.95), made(3, 0.97, settings=LOGITS)]
    text = as_markdown(compared(*runs), folded(runs))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) for table in tables] == [5, 4]
    for header, rule, *lines in tables:
        assert len({line.count("|") for line in (header, rule, *lines)}) == 1
        titles = [cell.strip() for cell in header.strip("|").split("|")]
        right = [cell.strip().endswith(":") for cell in rule.strip("|").split("|")]
        assert dict(zip(titles, right, strict=True))["test acc"]
        assert not right[0]
    assert "| 0.9250 ±0.0354 |" in text
    assert "\n- diff pp: " in text


def test_markdown_makes_nothing_of_a_strangers_name() -> None:
    name = "a|b `c` *d* [e](f) <g> \\| _h_"
    text = as_markdown(compared(made(1), made(1, origin=replace(ELSEWHERE, experiment=name))))
    assert r"a\|b \`c\` \*d\* \[e\](f) \<g\> \\\| \_h\_" in text


# Other programs


def test_pandas_reads_the_csv_in_full_precision() -> None:
    accuracy = 0.1 + 0.2
    frame = pandas.read_csv(io.StringIO(as_csv(compared(made(1, accuracy), made(2, 0.9), made(3, None)))))
    assert tuple(frame.columns) == FIELDS
    assert len(frame) == 3
    assert frame["test_accuracy"][0] == accuracy
    assert frame["difference_pp"][1] == pytest.approx(100 * (0.9 - accuracy))
    assert math.isnan(frame["test_accuracy"][2])
    assert frame["run"].tolist() == [1, 2, 3]


def test_the_csv_holds_no_formula_and_one_line_per_run() -> None:
    text = as_csv(compared(made(origin=replace(ORIGIN, experiment='=cmd|"x",1', dataset="a\nb"))))
    assert text.count("\n") == 2
    assert '"\'=cmd|""x"",1"' in text


def test_folded_seeds_are_one_line_of_means_and_deviations() -> None:
    accuracies = [0.90, 0.91, 0.95]
    frame = pandas.read_csv(io.StringIO(as_csv(folded(seeds(*accuracies)))))
    assert frame["test_accuracy"].tolist() == pytest.approx([np.mean(accuracies)])
    assert frame["test_accuracy_sd"].tolist() == pytest.approx([np.std(accuracies, ddof=1)])
    assert (frame["seeds"][0], frame["run"][0]) == (3, "1 2 3")


def test_json_is_a_list_of_objects_without_anything_that_json_does_not_have() -> None:
    text = as_json(compared(made(1, 0.1 + 0.2, seconds=math.inf), made(2, train_loss=math.nan)))
    first, second = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert tuple(first) == FIELDS
    assert first["test_accuracy"] == 0.1 + 0.2
    assert first["seconds"] is None
    assert second["train_loss"] is None
    assert second["interval_method"] == "unpaired"


def test_figures_that_a_stranger_made_up_have_a_mean_all_the_same() -> None:
    runs = [
        made(run, settings=RunSettings(seed=run), test_loss=loss) for run, loss in ((1, 1e308), (2, -1e308))
    ]
    assert json.loads(as_json(folded(runs)))[0]["test_loss_sd"] is None
    assert "inf" in as_plain(folded(runs))
