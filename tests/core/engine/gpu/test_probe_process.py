"""The process that tries the fused kernel: in place of it stand others, that hang, crash or chatter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from logreg_tui.core.engine.gpu import probe_process
from logreg_tui.core.engine.gpu.probe import Answer, Request, Shape, answer
from logreg_tui.core.engine.gpu.probe_process import ProbeProcess
from logreg_tui.core.errors import Cancelled

SHAPE = Shape(720, 10, has_offset=True)
READ = "import json, os, signal, sys, time; request = json.loads(sys.stdin.readline()); "


def ask(
    code: str,
    tmp_path: Path,
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    limit_s: float = 60,
) -> tuple[ProbeProcess, Answer]:
    process = ProbeProcess((sys.executable, "-c", code))
    return process, process.ask(3, SHAPE, tmp_path, is_cancelled, limit_s)


def said(code: str, tmp_path: Path, **options: float) -> tuple[str | None, bool]:
    found = ask(code, tmp_path, **options)[1]
    return found.failure, found.is_lasting


def replying(**values: object) -> str:
    return READ + f"print(json.dumps({{'nonce': request['nonce'], **{values!r}}}), flush=True); "


def test_the_answer_is_taken_and_the_process_told_what_to_try(tmp_path: Path) -> None:
    code = READ + "json.dump(request, open(request['folder'] + '/request', 'w')); " + replying()[len(READ) :]
    assert said(code, tmp_path) == (None, True)
    request = json.loads((tmp_path / "request").read_text())
    assert request == {**request, "device": 3, "shape": asdict(SHAPE), "folder": str(tmp_path)}
    assert said(replying(failure="no compiler here", is_lasting=False), tmp_path) == (
        "no compiler here",
        False,
    )


def test_an_answer_counts_whatever_happens_afterwards(tmp_path: Path) -> None:
    for ending in ("os.abort()", "time.sleep(600)", "sys.exit(3)"):
        assert said(replying() + ending, tmp_path) == (None, True)


def test_chatter_is_read_and_of_an_error_the_first_line_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chatter = (
        READ + "[print(f'.reg .b32 %r{n};', file=(sys.stderr, sys.stdout)[n % 2]) for n in range(6000)]; "
    )
    assert said(chatter + replying()[len(READ) :], tmp_path) == (None, True)
    crash = "print('\\n\\x1b[31mptxas fatal: ' + 'x' * 9999 + '\\nmore', flush=True); " + chatter[len(READ) :]
    failure, is_lasting = said(READ + crash + "sys.exit(3)", tmp_path)
    assert failure is not None
    assert failure.startswith("the process that tried it ended with status 3: \\x1b[31mptxas fatal: xxx")
    assert len(failure) < 250
    assert is_lasting
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "failure", "is_lasting"),
    [
        ("os.abort()", "the process that tried it ended by SIGABRT", True),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process that tried it ended by SIGSEGV", True),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the process that tried it ended by SIGKILL", False),
        ("sys.exit(0)", "the process that tried it ended with status 0", True),
        (
            "print('{\"nonce\": ' + request['nonce'])",
            "the process that tried it ended with status 0: {",
            True,
        ),
    ],
)
def test_a_process_that_ends_without_an_answer_is_a_reason(
    code: str, failure: str, is_lasting: bool, tmp_path: Path
) -> None:
    found = said(READ + code, tmp_path)
    assert str(found[0]).startswith(failure)
    assert found[1] == is_lasting


def test_a_process_that_ended_before_it_was_asked_is_a_reason(tmp_path: Path) -> None:
    failure, _ = said("raise SystemExit('No module named triton')", tmp_path)
    assert failure == "the process that tried it ended with status 1: No module named triton"


def test_a_process_that_hangs_is_ended_with_those_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its time is over once it has started another, however long that takes.
    clock = SimpleNamespace(sleep=time.sleep, monotonic=lambda: 60.0 * (tmp_path / "pid").exists())
    monkeypatch.setattr(probe_process, "time", clock)
    child = "import subprocess; pid = subprocess.Popen(['sleep', '600']).pid; "
    child += "open(request['folder'] + '/new', 'w').write(str(pid)); "
    child += "os.rename(request['folder'] + '/new', request['folder'] + '/pid'); "
    process, found = ask(READ + child + "time.sleep(600)", tmp_path, limit_s=30)
    assert found == Answer(found.nonce, "trying it took more than 30 s")
    assert process._process.returncode == -9
    compiler = int((tmp_path / "pid").read_text())
    while _is_running(compiler):
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_stop_does_not_wait_for_it(tmp_path: Path) -> None:
    process = ProbeProcess((sys.executable, "-c", READ + "time.sleep(600)"))
    with pytest.raises(Cancelled):
        process.ask(0, SHAPE, tmp_path, lambda: True)
    assert process._process.returncode == -9


def test_a_process_that_cannot_be_started_is_a_reason(tmp_path: Path) -> None:
    found = ProbeProcess(("/nowhere/python",)).ask(0, SHAPE, tmp_path)
    assert found.failure == "no process could be started to try it (No such file or directory)"
    assert not found.is_lasting


def test_a_process_that_nobody_asks_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = "from logreg_tui.core.engine.gpu import probe_process as p; import sys; "
    code += "waiting = p.ProbeProcess((sys.executable, '-c', 'import sys; sys.stdin.readline()')); "
    code += "print(waiting._process.pid)"
    pid = int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout
    )
    while _is_running(pid):
        time.sleep(0.01)


def test_what_compilers_and_drivers_raise_becomes_a_line() -> None:
    request = Request("n", 0, SHAPE, "/tmp")

    def found(error: Exception) -> dict[str, object]:
        def trial(_: Request) -> str | None:
            raise error

        return asdict(answer(request, trial))

    gcc = subprocess.CalledProcessError(1, ["/bin/false", "main.c", "-O3"])
    assert found(gcc) == {"nonce": "n", "failure": "/bin/false failed with status 1", "is_lasting": True}
    ptxas = RuntimeError("PTXAS error: Internal Triton PTX codegen error\n" + ".reg .b32 %r1;\n" * 6000)
    assert found(ptxas)["failure"] == "PTXAS error: Internal Triton PTX codegen error"
    assert found(RuntimeError("CUDA out of memory. Tried"))["is_lasting"] is False
    assert found(OSError(28, os.strerror(28)))["is_lasting"] is False
    assert answer(request, lambda _: "wrong") == Answer("n", "wrong")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA GPU")
def test_the_process_itself_says_in_a_line_why_the_kernel_cannot_be_tried(tmp_path: Path) -> None:
    found = ProbeProcess().ask(0, SHAPE, tmp_path, limit_s=300)
    assert found.failure is not None
    assert "NVIDIA driver" in found.failure or "not compiled with CUDA" in found.failure
