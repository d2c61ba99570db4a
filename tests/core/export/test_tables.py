"""Tables as text."""

from __future__ import annotations

import pytest

from logreg_tui.core.export.tables import escaped, fitted_table, markdown_table, plain_table

HEADER = ("run", "test acc")
ROWS = [("sigmoid", "0.9"), ("a|b", "10.25")]


def test_columns_of_a_plain_table_are_no_wider_than_need_be_and_titles_stand_as_their_cells() -> None:
    assert plain_table(HEADER, ROWS, right=(1,)).splitlines() == [
        "run      test acc",
        "sigmoid       0.9",
        "a|b         10.25",
    ]


def test_a_plain_table_has_no_spaces_at_the_ends_of_lines() -> None:
    assert plain_table(HEADER, ROWS).splitlines()[1] == "sigmoid  0.9"


def test_a_markdown_table_says_which_columns_are_set_to_the_right_and_escapes_what_parts_cells() -> None:
    assert markdown_table(HEADER, ROWS, right=(1,)).splitlines() == [
        "| run     | test acc |",
        "| ------- | -------: |",
        "| sigmoid |      0.9 |",
        r"| a\|b    |    10.25 |",
    ]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["run      test acc  state", "sigmoid       0.9  done", "a|b         10.25  left"]),
        (24, ["run      test acc  state", "sigmoid       0.9  done", "a|b         10.25  left"]),
        (23, ["run      test acc", "sigmoid       0.9", "a|b         10.25", "(no room here for: state)"]),
        (10, ["run", "sigmoid", "a|b", "(no room here for: state, test acc)"]),
    ],
)
def test_columns_give_way_in_their_order_where_a_table_is_too_wide(
    width: int | None, lines: list[str]
) -> None:
    rows = [(*cells, state) for cells, state in zip(ROWS, ("done", "left"), strict=True)]
    table = fitted_table((*HEADER, "state"), rows, ("test acc",), width, ("state", "test acc"))
    assert table.splitlines() == lines


def test_a_first_column_that_is_still_too_wide_is_shortened() -> None:
    table = fitted_table(HEADER, [("x" * 60, "0.9")], (), 40, ())
    assert [len(line) for line in table.splitlines()] == [40, 35]
    assert fitted_table(HEADER, [("x" * 60, "0.9")], (), 5, ()).splitlines()[1].startswith("x" * 13 + "...")


def test_a_table_without_rows_is_its_header() -> None:
    assert plain_table(HEADER, []) == "run  test acc"
    assert markdown_table(("x",), []).splitlines() == ["| x   |", "| --- |"]


def test_markdown_makes_nothing_of_escaped_text() -> None:
    assert escaped("a_b `c`") == r"a\_b \`c\`"
