"""Tables as text."""

from __future__ import annotations

from logreg_tui.core.export.tables import escaped, markdown_table, plain_table

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


def test_a_table_without_rows_is_its_header() -> None:
    assert plain_table(HEADER, []) == "run  test acc"
    assert markdown_table(("x",), []).splitlines() == ["| x   |", "| --- |"]


def test_markdown_makes_nothing_of_escaped_text() -> None:
    assert escaped("a_b `c`") == r"a\_b \`c\`"
