"""What stdout can show, by its encoding and the user's locale, and what is written in place of the rest."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.parser import check_terminal
from logreg_tui.tui.text.output import can_show, print_answer, print_out

FLAGS = {name: getattr(sys.flags, name) for name in dir(sys.flags) if name[0] != "_"}


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding)


@pytest.mark.parametrize(
    ("encoding", "utf8_mode", "of_locale", "variables", "expected"),
    [
        ("utf-8", 0, "utf-8", (), True),
        ("latin-1", 0, "latin-1", (), False),
        ("ascii", 0, "ascii", (), False),
        # LC_ALL=C, in which Python writes UTF-8 for the sake of file names.
        ("utf-8", 1, "ANSI_X3.4-1968", (), False),
        ("utf-8", 1, "utf-8", (), True),
        ("utf-8", 1, "ANSI_X3.4-1968", ("PYTHONUTF8",), True),
        ("utf-8", 1, "no such codec", (), False),
    ],
)
def test_lines_and_blocks_are_for_terminals_that_have_them(
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    utf8_mode: int,
    of_locale: str,
    variables: tuple[str, ...],
    expected: bool,
) -> None:
    for name in ("PYTHONUTF8", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    for name in variables:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "flags", SimpleNamespace(**{**FLAGS, "utf8_mode": utf8_mode}))
    monkeypatch.setattr("locale.getencoding", lambda: of_locale)
    assert can_show("│⣿", stream(encoding)) is expected
    assert can_show("|#", stream(encoding)) is (of_locale != "no such codec")


@pytest.mark.parametrize("write", [print_answer, print_out])
def test_what_stdout_lacks_becomes_a_question_mark(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[str], None]
) -> None:
    stdout = stream("latin-1")
    monkeypatch.setattr(sys, "stdout", stdout)
    write("λ of Zürich")
    assert stdout.buffer.getvalue() == "? of Zürich\n".encode("latin-1")  # type: ignore[attr-defined]


def test_without_a_terminal_the_error_says_how_to_have_one_or_do_without() -> None:
    with pytest.raises(UsageError, match="add --no-screen; over ssh, `ssh -t` gives one"):
        check_terminal("add --no-screen")
