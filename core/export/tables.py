"""Tables as text: aligned columns for a terminal, and GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from logreg_tui.core.text import shortened

GAP = "  "
"""Between two columns of a plain table."""
LEAST_NAME = 16
"""Characters that a name keeps however narrow a table is."""
SPECIAL = re.compile(r"[\\`*_\[\]<>~&]")


def plain_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return aligned columns, those at the places `right` set to the right, without a newline at the end."""
    lines = _padded([header, *rows], right)
    return "\n".join(GAP.join(line).rstrip() for line in lines)


def fitted_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    width: int | None,
    dispensable: Iterable[str],
) -> str:
    """Return aligned columns of which, in `width` cells, the `dispensable` ones give way, the first first.

    Columns are named by their titles, those of `right` set to the right. What has no room is named below. If
    nothing else helps, the cells of the first column are shortened. A width of None has room for everything.
    """
    columns = {title: [row[at] for row in rows] for at, title in enumerate(header)}
    missing = []
    for title in dispensable:
        if width is None or _total(columns) <= width:
            break
        del columns[title]
        missing.append(title)
    if width is not None and (excess := _total(columns) - width) > 0:
        first = columns[header[0]]
        longest = max(len(header[0]), max(map(len, first), default=0) - excess, LEAST_NAME)
        columns[header[0]] = [shortened(cell, longest) for cell in first]
    places = {at for at, title in enumerate(columns) if title in right}
    table = plain_table(list(columns), zip(*columns.values(), strict=True), places)
    return f"{table}\n(no room here for: {', '.join(missing)})" if missing else table


def _total(columns: Mapping[str, Sequence[str]]) -> int:
    """Return the width of a table of columns by their titles."""
    return sum(max(map(len, (title, *cells))) + len(GAP) for title, cells in columns.items()) - len(GAP)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return a table of Markdown, the columns `right` set to the right, without a newline at the end.

    Cells are Markdown of one line each; `|`, which parts cells, is escaped in them.
    """
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (header, *rows)]
    first, *others = _padded(lines, right, least=3)
    rule = ["-" * (len(cell) - 1) + ("-:"[at in right]) for at, cell in enumerate(first)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (first, rule, *others))


def escaped(text: str) -> str:
    """Return text of which Markdown makes nothing but text; `markdown_table` escapes `|` itself."""
    return SPECIAL.sub(r"\\\g<0>", text)


def _padded(lines: Sequence[Sequence[str]], right: Collection[int], least: int = 0) -> list[list[str]]:
    """Return cells as wide as their columns, `least` or wider."""
    widths = [max(least, *map(len, column)) for column in zip(*lines, strict=True)]
    return [
        [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
