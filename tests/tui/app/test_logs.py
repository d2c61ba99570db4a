"""What the app writes beside the rows: never through a link, and never into what keeps a writer waiting."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logreg_tui.tui.app.watchdog import report_stuck_screen
from logreg_tui.tui.cli import launch
from logreg_tui.tui.messages import Outcome


def app_in(directory: Path) -> Any:  # noqa: ANN401  a stand-in
    return SimpleNamespace(
        crash=RuntimeError("surprise"),
        is_watching=False,
        history=SimpleNamespace(experiment=SimpleNamespace(directory=str(directory))),
        outcome=Outcome(0, None),
        action_repaint=None,
        call_later=lambda _: None,
    )


def train_on(app: Any) -> int:  # noqa: ANN401  a stand-in
    return launch._train_on(app)


WRITERS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "stacks": ("error.log", report_stuck_screen),
    "crash": ("error.log", launch._report_outcome),
    "output": ("detached.log", train_on),
}


@pytest.fixture(params=WRITERS)
def writer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Callable[[Any], object]]:
    """Return a file name and what writes to it, on a terminal that takes everything."""
    monkeypatch.setattr("select.select", lambda *_: ([], [1], []))
    monkeypatch.setattr(launch, "exit_summary", lambda *_: "")
    monkeypatch.setattr(launch, "farewell", lambda *_: "")
    monkeypatch.setattr(launch, "own_command", lambda: ["echo", "begins"])
    return WRITERS[request.param]


def test_it_is_written(tmp_path: Path, writer: tuple[str, Callable[[Any], object]]) -> None:
    name, write = writer
    write(app_in(tmp_path))
    for _ in range(500):
        if (tmp_path / name).read_text():
            return
        subprocess.run(["sleep", "0.02"], check=True)
    raise AssertionError("nothing was written")


def test_a_link_is_not_followed(
    tmp_path: Path, writer: tuple[str, Callable[[Any], object]], capsys: pytest.CaptureFixture[str]
) -> None:
    name, write = writer
    (tmp_path / "precious").write_text("precious")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    write(app_in(tmp_path))
    assert (tmp_path / "precious").read_text() == "precious"
    if name == "detached.log":
        assert "training cannot go on without a screen: it is a link" in capsys.readouterr().err


def test_a_pipe_does_not_make_anybody_wait(
    tmp_path: Path, writer: tuple[str, Callable[[Any], object]]
) -> None:
    name, write = writer
    os.mkfifo(tmp_path / name)
    write(app_in(tmp_path))


def test_a_process_that_ends_at_once_is_not_said_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "exit_summary", lambda *_: "")
    monkeypatch.setattr(launch, "own_command", lambda: ["false"])
    assert train_on(app_in(tmp_path)) == 1
    assert "does not go on without a screen: detached.log" in capsys.readouterr().err
