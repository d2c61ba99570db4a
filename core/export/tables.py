"""Tables as text: aligned columns for a terminal, and GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

GAP = "  "
"""Between two columns of a plain table."""
SPECIAL = re.compile(r"[\\`*_\[\]<>~&]")


def plain_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return aligned columns, those at the places `right` set to the right, without a newline at the end."""
    lines = _padded([header, *rows], right)
    return "\n".join(GAP.join(line).rstrip() for line in lines)


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
