"""The fused kernels without a GPU: interpreted, and compiled for the cards they are for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TESTS = next(parent for parent in FOLDER.parents if parent.name == "tests")
LIMIT_S = 600
CARDS = 6
KERNELS = 5
"""The pass with a gradient, with metrics, with both; the update with a step and without."""
SHARED_MEMORY = 99 * 1024
"""Bytes that a program may have on the card that has least, of compute capability 8.6."""
REGISTERS = 65_536
"""Of a multiprocessor."""

pytestmark = [
    pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, which PyTorch has on Linux only"),
    pytest.mark.xdist_group("fused-kernels"),
]


def run(*command: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, in which Triton can be imported."""
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TRITON_CACHE_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def test_they_compute_what_pytorch_does(tmp_path: Path) -> None:
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=")
    file = str(FOLDER / "interpreted_kernels.py")
    done = run(*command, file, tmp_path=tmp_path, TRITON_INTERPRET="1", PYTEST_ADDOPTS="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b4\d passed", done.stdout), done.stdout


def test_they_compile_for_every_card_and_nothing_is_spilled(tmp_path: Path) -> None:
    done = run(str(FOLDER / "compile_kernels.py"), tmp_path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    of_mnist = {(*kernel["capability"], kernel["kernel"]) for kernel in kernels if kernel["classes"] == 10}
    assert len(of_mnist) == CARDS * KERNELS
    for kernel in kernels:
        assert kernel["spilled"] == 0, kernel
        assert kernel["shared_memory"] <= SHARED_MEMORY, kernel
        assert kernel["registers"] * 32 * kernel["warps"] <= REGISTERS, kernel
