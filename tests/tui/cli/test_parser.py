"""Every command's manual page and example, and the completion that derives from the parsers."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.commands.completion import SHELLS
from logreg_tui.tui.cli.main import app_parser, main
from logreg_tui.tui.cli.parser import COMMANDS, SECOND_NAMES, WIDEST, Parser, load, parser_of

SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLE", "EXIT STATUS")
OF_THE_APP = ("COMMANDS", "FILES")
FUNCTION = "_shtab_logreg_tui"


def parsers() -> dict[str, Parser]:
    """Return the parsers of the app, under an empty name, and of all commands."""
    return {"": app_parser(), **{name: parser_of(name) for name in COMMANDS}}


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_a_manual_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [name]), "--help"])
    assert not ended.value.code
    page = capsys.readouterr().out
    titles = [line for line in page.splitlines() if line and not line.startswith(" ")]
    assert [title for title in titles if title not in OF_THE_APP] == list(SECTIONS)
    assert set(titles) >= set(OF_THE_APP) if not name else set(titles).isdisjoint(OF_THE_APP)
    assert page.splitlines()[1].strip() == f"logreg-tui {name}".strip() + " - " + (
        COMMANDS.get(name) or "a terminal lab for logistic (softmax) regression"
    )


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_help_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for parser in parsers().values():
        lines = parser.format_help().splitlines()
        # An option's own words, and the example, are not cut.
        long = [line for line in lines if len(line) > min(columns, WIDEST) and " " in line.strip()]
        assert columns < 80 or long == []


def test_every_option_is_explained() -> None:
    for name, parser in parsers().items():
        for action in parser._actions:
            assert action.help, (name, action.option_strings or action.dest)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_is_one_the_parser_takes(name: str) -> None:
    words = shlex.split(load(name).EXAMPLE.partition(" > ")[0])
    assert words[0] == SECOND_NAMES.get(name, name)
    values = parser_of(name).parse_args(words[1:])
    assert isinstance(values, argparse.Namespace)


def test_a_wrong_option_names_the_help_that_tells_of_it() -> None:
    with pytest.raises(UsageError, match=r"see logreg-tui plot --help"):
        parser_of("plot").parse_args(["--no-such-option"])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_knows_every_command_and_option(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name, parser in parsers().items():
        for option in parser._option_string_actions:
            assert option.lstrip("-") in script, (name, option)
        assert name in script


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_takes_its_completion_script(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    main(["completion", shell])
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    subprocess.run([shell, "-n", str(script)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], "train"),
        (["train", "--pix"], "--pixels"),
        (["train", "--head", "sigmoid", "l"], "logits"),
        (["--engine", "gr"], "graph"),
        (["export", "--format", "tens"], "tensorboard"),
        (["resume", "ru"], "runs"),
        (["completion", "f"], "fish"),
    ],
)
def test_bash_completes(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    main(["completion", "bash"])
    line = shlex.join(["logreg-tui", *words])
    ask = f'COMP_WORDS=({line}); COMP_CWORD={len(words)}; {FUNCTION}; echo "${{COMPREPLY[@]}}"'
    answer = subprocess.run(
        ["bash", "--norc", "-c", f"{capsys.readouterr().out}\n{ask}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert expected in answer.stdout.split()
