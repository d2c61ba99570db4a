"""Memory of a process that trains: little more than the data as float32, and that of a few blocks from disk."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MB = 1 << 20
SLACK = 8 * MB
"""What libraries allocate at their first use, and noise."""

PROGRAM = """
import json, sys
import numpy as np
import torch
from logreg_tui.core.datasets import Dataset
from logreg_tui.core.engine import Engine
from logreg_tui.core.inputs import ArraySource, Inputs
from logreg_tui.core.model import initial_parameters

# The peak of the process so far in bytes; ru_maxrss would be that of its parent at first.
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

class MadeWhereItIsRead:
    is_on_disk, dtype = True, np.dtype("u1")
    def __init__(self, rows, features):
        self.shape = rows, features
    def read(self, start, stop):
        return np.full((stop - start, self.shape[1]), start % 7, np.uint8)

def train(train, test, threads, limit=None):
    labels = [np.arange(len(inputs)) % 10 for inputs in (train, test)]
    data = Dataset("made", train, labels[0], test, labels[1], 10, None, "")
    engine = Engine(data, torch.device("cpu"), threads, memory_limit=limit)
    for run, head in enumerate(("sigmoid", "logits"), 1):
        engine.add(run, head, 0.001, *initial_parameters(train.shape[1], 10, 0))
    engine.measure()
    engine.advance([{1: 0.01, 2: 0.01}])
    return engine

def sparse_bytes(rows, features):
    made = np.zeros((rows, features), np.uint8)
    random = np.random.default_rng(0)
    for start in range(0, rows, 1000):
        part = random.integers(1, 256, (1000, features), np.uint8)
        made[start : start + 1000] = part * (random.random(part.shape, np.float32) < 0.19)
    return Inputs(ArraySource(made))

base = peak()
test = Inputs(MadeWhereItIsRead(20_000, 100))
train(Inputs(MadeWhereItIsRead(100_000, 100)), test, 2, 4 << 20)
few = peak()
train(Inputs(MadeWhereItIsRead(500_000, 100)), test, 2, 4 << 20)
many = peak()
inputs = sparse_bytes(40_000, 784)
engine = train(inputs, inputs[:1000], 2)
print(json.dumps({"base": base, "few": few, "many": many, "kept": peak()}))
"""


@pytest.fixture(scope="module")
def peaks() -> dict[str, int]:
    """Return the peaks of resident memory, in bytes, of one process after another piece of work."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs the memory of a process as Linux tells it")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_streamed_data_take_the_memory_of_a_few_blocks_however_many_rows_there_are(
    peaks: dict[str, int],
) -> None:
    labels = 8 * 400_000
    assert peaks["many"] - peaks["few"] < 3 * labels + SLACK
    assert peaks["many"] - peaks["base"] < 64 * MB


def test_sparse_bytes_take_at_most_what_float32_takes_and_30_percent(peaks: dict[str, int]) -> None:
    as_float32 = 4 * 784 * 41_000
    assert peaks["kept"] - peaks["base"] < 1.3 * as_float32 + SLACK
