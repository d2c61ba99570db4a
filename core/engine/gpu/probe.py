"""The process that tries the fused kernel: a crash, a hang or what Triton prints there ends no training.

    python -m logreg_tui.core.engine.gpu.probe

It loads what is slow at once, then waits for a line of JSON on stdin (`Request`), compiles the kernel, holds
what it computes on made samples against float64 on the processor, replays it as a CUDA graph, and writes a
line of JSON to stdout. If stdin ends without a line, nobody wants to know.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from logreg_tui.core.text import describe

LIMIT_S = 30
"""Seconds that compiling and trying may take."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape that the kernel is compiled for."""

    features: int
    """Features that are kept."""
    classes: int
    has_offset: bool
    """True if the scaling of the inputs has a shift."""


@dataclass(frozen=True, slots=True)
class Request:
    """A kernel to be tried."""

    nonce: str
    """Stands in the answer, which is thereby told from whatever else is printed."""
    device: int
    shape: Shape
    folder: str
    """For Triton's cache."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a trial."""

    nonce: str
    failure: str | None = None
    """Why the kernel cannot be used, in one line."""
    is_lasting: bool = True
    """False if another time it may be otherwise, such as with more memory free."""


def answer(request: Request, trial: Callable[[Request], str | None]) -> Answer:
    """Try the kernel by `trial`, which returns what is wrong, and say what came of it."""
    try:
        return Answer(request.nonce, trial(request))
    except subprocess.CalledProcessError as error:
        command = error.cmd if isinstance(error.cmd, str) else str(error.cmd[0])
        return Answer(request.nonce, f"{command} failed with status {error.returncode}")
    # Compiler and driver raise whatever they come across.
    except Exception as error:
        text = describe(error)
        return Answer(request.nonce, text, not _is_passing(text))


def _is_passing(text: str) -> bool:
    return any(words in text.lower() for words in ("out of memory", "busy or unavailable", "no space left"))


def main() -> None:
    """Answer one request."""
    import torch  # noqa: F401
    import triton  # noqa: F401

    from logreg_tui.core.engine.gpu.trial import failure_of

    line = sys.stdin.readline()
    if not line:
        return
    # Kills even what hangs in the driver, also if the process that asked is gone.
    signal.alarm(2 * LIMIT_S)
    request = Request(**json.loads(line))
    request = replace(request, shape=Shape(**request.shape))  # type: ignore[arg-type]
    os.environ["TRITON_CACHE_DIR"] = request.folder
    print(f"\n{json.dumps(asdict(answer(request, failure_of)))}", flush=True)


if __name__ == "__main__":
    main()
