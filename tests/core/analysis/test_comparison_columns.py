"""What the comparison's table says, on the screen and to other programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers.compared import ORIGIN, made

from logreg_tui.core.analysis.comparison import (
    UNPAIRED,
    rows_of,
    with_differences,
)
from logreg_tui.core.analysis.comparison_columns import COLUMNS, FIELDS, as_tsv, record


def test_a_record_holds_plain_values_in_full_precision() -> None:
    rows = with_differences(rows_of([made(1, 0.91234), made(2, 0.9)]), made(2).key, {})
    values = record(rows[0])
    assert tuple(values) == FIELDS
    assert (values["run"], values["experiment"], values["test_accuracy"]) == (1, "a", 0.91234)
    assert values["difference_pp"] == pytest.approx(1.234)
    assert values["interval_method"] == UNPAIRED
    assert json.loads(json.dumps(values)) == values


def test_the_copied_table_has_a_header_and_numbers_that_read_back() -> None:
    text = as_tsv(with_differences(rows_of([made(1, 0.91234), made(2, 0.9)]), made(2).key, {}))
    header, *lines = (line.split("\t") for line in text.splitlines())
    values = dict(zip(header, lines[0], strict=True))
    assert float(values["test_accuracy"]) == 0.91234
    assert float(values["difference_pp"]) == pytest.approx(1.234)
    assert "changes" not in header
    assert len(lines) == 2


def test_a_copied_name_is_no_formula_and_breaks_no_line() -> None:
    origin = replace(ORIGIN, experiment="=cmd|'/c calc'!A1", dataset="a\tb\nc")
    text = as_tsv(rows_of([made(origin=origin)]))
    assert "'=cmd" in text
    assert len(text.splitlines()) == 2
    assert len({line.count("\t") for line in text.splitlines()}) == 1


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("test_accuracy", 0.90417, "0.9042"),
        ("epochs", 12_000, "12,000"),
        ("test_loss", 23.20001, "23.2000"),
        ("test_loss", 123_456.7, "1.235e+05"),
        ("l2", 0.0001, "0.0001"),
        ("difference_pp", -0.5, "-0.50"),
        ("epochs_per_s", 1234.5, "1,234"),
        ("epochs_per_s", 0.01234, "0.0123"),
        ("seconds", 12.345, "12.3"),
    ],
)
def test_figures_are_shown_as_a_reader_expects(name: str, value: float, text: str) -> None:
    assert COLUMNS[name].text(value) == text
