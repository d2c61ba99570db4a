"""The fused kernels without a GPU: interpreted, and compiled for the cards they are for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED_MEMORY = {(8, 0): 163, (8, 6): 99, (8, 9): 99, (9, 0): 227, (10, 0): 227, (12, 0): 99}
"""KiB that a program may have on cards of each capability, as the CUDA programming guide lists them."""
REGISTERS, LANES = 1 << 16, 32
"""Of a multiprocessor, and threads of a warp, on all of them."""
LIMIT_S = 900


# Each takes a while, on one processor. Other tests of this process hide Triton from `import`.
pytestmark = [
    pytest.mark.skipif(
        PathFinder.find_spec("triton") is None, reason="needs Triton, which is not installed here"
    ),
    pytest.mark.xdist_group("fused_kernels"),
]


def started(command: list[str], folder: Path, **environment: str) -> str:
    """Return what a process prints that may import Triton; it fails if that does."""
    tests = next(parent for parent in HERE.parents if parent.name == "tests")
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tests), "TRITON_CACHE_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return done.stdout


def test_interpreted_they_compute_what_pytorch_does(tmp_path: Path) -> None:
    """Run the tests in `interpreted_kernels.py`."""
    # Without conftest.py, which hides Triton.
    options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-n", "0", "--tb", "short"]
    command = ["-m", "pytest", *options, str(HERE / "interpreted_kernels.py")]
    assert " passed" in started(command, tmp_path, TRITON_INTERPRET="1")


def test_compiled_for_every_card_they_spill_nothing_and_fit(tmp_path: Path) -> None:
    lines = started([str(HERE / "compile_kernels.py")], tmp_path).splitlines()
    kernels = [json.loads(line) for line in lines]
    assert {tuple(kernel["capability"]) for kernel in kernels} == set(SHARED_MEMORY)
    for kernel in kernels:
        assert kernel["spilled"] == 0, kernel
        assert kernel["shared_memory"] <= 1024 * SHARED_MEMORY[tuple(kernel["capability"])], kernel
        assert kernel["registers"] * kernel["warps"] * LANES <= REGISTERS, kernel
    # Of each, the pass with and without figures and gradient, and the update with and without a step.
    assert all(
        len({kernel["kernel"] for kernel in kernels if tuple(kernel["capability"]) == capability}) == 5
        for capability in SHARED_MEMORY
    )
