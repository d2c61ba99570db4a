"""The process that tries the fused kernel, seen from the one that trains: started early, and asked once."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from logreg_tui.core.engine.gpu.choice import LEAST_CAPABILITY
from logreg_tui.core.engine.gpu.probe import LIMIT_S, Answer, Request, Shape
from logreg_tui.core.engine.gpu.stamp import environment_facts, is_known
from logreg_tui.core.errors import Cancelled
from logreg_tui.core.hardware import find_card
from logreg_tui.core.text import describe, escape_control_chars, shortened

# -P: a user's folder may hold a file named like a package.
COMMAND = (sys.executable, "-P", "-m", "logreg_tui.core.engine.gpu.probe")
POLL_S = 0.02
LONGEST_LINE = 1 << 16
LONGEST_REASON = 160


class ProbeProcess:
    """A process that loads what it needs and waits for a request; if this one ends, so does it.

    Nothing that it prints is shown: of an error the first line is kept.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self.is_closed = False
        """True if it was asked, or nobody wants to know."""
        self._nonce = secrets.token_hex(8)
        self._first_line = ""
        self._answer: Answer | None = None
        self._problem: str | None = None
        try:
            # A session of its own: a ctrl-C is not for it, and its compilers end with it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._problem = f"no process could be started to try it ({describe(error)})"
            return
        self._reader = threading.Thread(target=self._read, name="probe", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Read all that is printed: a pipe that is full would hold the process."""
        assert self._process.stdout is not None, "a pipe"
        while line := self._process.stdout.readline(LONGEST_LINE):
            text = line.decode(errors="replace").strip()
            if self._nonce in text:
                with suppress(ValueError, TypeError):
                    found = Answer(**json.loads(text))
                    self._answer = found if found.nonce == self._nonce else None
            self._first_line = self._first_line or text

    def ask(
        self,
        device: int,
        shape: Shape,
        folder: Path,
        is_cancelled: Callable[[], bool] = lambda: False,
        limit_s: float = LIMIT_S,
    ) -> Answer:
        """Let the kernel be tried for data of this shape, and end the process. Raises Cancelled."""
        if self._problem is not None:
            return Answer(self._nonce, self._problem, is_lasting=False)
        request = Request(self._nonce, device, shape, str(folder))
        try:
            assert self._process.stdin is not None, "a pipe"
            # It may have ended before it was asked.
            with suppress(OSError):
                self._process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
                self._process.stdin.flush()
            end = time.monotonic() + limit_s
            while self._answer is None and not self._has_ended() and time.monotonic() < end:
                if is_cancelled():
                    raise Cancelled
                time.sleep(POLL_S)
            has_ended = self._has_ended()
        finally:
            self.close()
        self._reader.join(1)
        if self._answer is not None:
            return self._answer
        if not has_ended:
            return Answer(self._nonce, f"trying it took more than {limit_s:g} s")
        status = self._process.returncode
        how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        said = shortened(escape_control_chars(self._first_line), LONGEST_REASON)
        # Whoever kills it, such as a machine whose memory ran out, may not do so again.
        is_lasting = status not in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
        return Answer(self._nonce, f"the process that tried it ended {how}{said and f': {said}'}", is_lasting)

    def _has_ended(self) -> bool:
        """Return whether the process has, and leave its number taken until `close` has used it."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return self._process.returncode is not None or bool(os.waitid(os.P_PID, self._process.pid, options))

    def close(self) -> None:
        """End the process, whatever it does."""
        self.is_closed = True
        if self._problem is not None or self._process.returncode is not None:
            return
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(OSError):
            assert self._process.stdin is not None, "a pipe"
            self._process.stdin.close()


def start_early(device: str) -> ProbeProcess | None:
    """Start the process beside the import of PyTorch if the kernel was never tried on this GPU.

    `device` is one of `--device`.
    """
    card = find_card(device) if device == "auto" or device.startswith("cuda") else None
    # A GPU that lets one process compute is for the one that trains.
    if card is None or card.capability < LEAST_CAPABILITY or card.is_exclusive:
        return None
    facts = environment_facts(card.name, card.capability, card.driver)
    return None if facts["triton"] == "none" or is_known(facts) else ProbeProcess()
