"""Command lines on a disk that fails, in a process that has everything imported; a child of it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from select import select
from typing import IO, Any

import pytest

from helpers.disk import Call, Disk, Fault

DEADLINE_S = 90.0
"""How long a command may take that should take a tenth of a second: it hangs then."""


@dataclass(frozen=True)
class Outcome:
    """What came of a command line."""

    status: int
    """Its exit status, or negative the signal that ended it."""
    out: str
    err: str
    calls: Sequence[str]
    """The calls it made on the disk, by kind and file name; none if it was killed."""


class CommandServer:
    """Runs command lines on a disk that is the folder `root`; `scratch` is for what they print."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.command_server", root, scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

    def run(self, *words: str, at: int = 0, fault: Fault | None = None, lasts: bool = False) -> Outcome:
        """Run a command line with a fault at call `at`, from 1, and at all later ones if it lasts."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(json.dumps([words, at, fault and asdict(fault), lasts]) + "\n")
        asked.flush()
        if not select([answers], [], [], DEADLINE_S)[0]:
            self._process.kill()
            raise AssertionError(f"{words} hangs behind {fault} at call {at}")
        return Outcome(**json.loads(answers.readline()))

    def close(self) -> None:
        """End the process, without the seconds that torch takes to go."""
        self._process.kill()
        self._process.communicate()


class _Server:
    def __init__(self, root: str, scratch: Path) -> None:
        from logreg_tui.core.export import plots
        from logreg_tui.core.session import recorder

        recorder.CHECKPOINT_INTERVAL_S, recorder.CHECKPOINT_SHARE = 0.0, float("inf")
        plots.STYLE["savefig.dpi"] = 20
        tempfile.tempdir = os.path.join(root, "tmp")
        self._disk = Disk(pytest.MonkeyPatch(), root)
        self._outputs = scratch / "out", scratch / "err"
        for number, path in enumerate(self._outputs, 1):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)

    def answer(self, words: list[str], at: int, fault: dict[str, Any] | None, lasts: bool) -> Outcome:
        calls: list[str] = []
        chosen = None if fault is None else Fault(**fault)

        def watch(call: Call) -> Fault | None:
            calls.append(f"{call.kind} {os.path.basename(call.path)}")
            if chosen is None or not (len(calls) == at or (lasts and len(calls) > at)):
                return None
            # Half of what is written goes through.
            return replace(chosen, taken=len(call.data) // 2) if chosen.taken else chosen

        for path in self._outputs:
            os.truncate(path, 0)
        self._disk.fault = watch
        status = self._in_child(words) if chosen is not None and chosen.kills else self._run(words)
        self._disk.fault = lambda call: None
        out, err = (path.read_text() for path in self._outputs)
        return Outcome(status, out, err, calls)

    def _in_child(self, words: list[str]) -> int:
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            # A clock that has just been stopped, say; no thread lives on in a child.
            thread.join(DEADLINE_S)
        pid = os.fork()
        if pid == 0:
            os._exit(self._run(words))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _run(self, words: list[str]) -> int:
        from logreg_tui.tui.cli.main import main

        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        try:
            return main(words)
        except BaseException:
            traceback.print_exc()
            return 70
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _serve(requests: IO[str], answers: IO[str], root: str, scratch: str) -> None:
    server = _Server(root, Path(scratch))
    for line in requests:
        print(json.dumps(asdict(server.answer(*json.loads(line)))), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.stdin, os.fdopen(os.dup(1), "w"), *sys.argv[1:])
