"""Memory of a process that trains: less than the data as float32, from disk a few blocks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.made_data import dataset, values

from logreg_tui.core.engine.device_data import check_model_memory, model_bytes
from logreg_tui.core.errors import UserError
from logreg_tui.tui.cli.main import main

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs the memory of a process as Linux tells it"
)

PROGRAM = """
import json, sys
import numpy as np
import torch
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.data.inputs import ArraySource, Inputs
from logreg_tui.core.engine.model import initial_parameters

# Memory now or at its peak, in bytes; ru_maxrss would be that of the parent at first.
def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

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

def stream():
    test = Inputs(MadeWhereItIsRead(20_000, 100))
    train(Inputs(MadeWhereItIsRead(100_000, 100)), test, 2, 4 << 20)
    yield memory("VmHWM")
    train(Inputs(MadeWhereItIsRead(1_500_000, 100)), test, 2, 4 << 20)

def keep():
    for rows in (1000, 41_000):
        inputs = sparse_bytes(rows, 784)
        train(inputs, inputs[:1000], 2)
        yield memory("VmHWM")

base = memory("VmRSS")
print(json.dumps([peak - base for peak in [*globals()[sys.argv[1]](), memory("VmHWM")]]))
"""


def peaks(name: str) -> list[int]:
    """Return peaks of memory in bytes above what the process took after its imports."""
    command = [sys.executable, "-c", PROGRAM, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[int] = json.loads(done.stdout)
    return found


def test_streamed_data_take_the_memory_of_a_few_blocks_however_many_rows_there_are() -> None:
    few, many = peaks("stream")
    bytes_of_the_others = 1_400_000 * 100
    assert many - few < 0.5 * bytes_of_the_others, "labels and noise, not inputs"


def test_sparse_bytes_take_less_than_they_would_as_float32() -> None:
    few, many, _ = peaks("keep")
    assert many - few < 4 * 784 * 40_000, "the bytes themselves and both orientations"


def test_models_of_too_many_classes_are_refused_with_what_they_take() -> None:
    cpu = torch.device("cpu")
    data = dataset(values(50, 100), values(9, 100), classes=100_000)
    needed = model_bytes(data, 2, 2)
    assert needed > 9 * 4 * 101 * 200_000
    check_model_memory(data, 2, cpu, 2, needed)
    with pytest.raises(UserError, match="2 runs of 100,000 classes and 100 features take about") as error:
        check_model_memory(data, 2, cpu, 2, needed - 1)
    assert "--memory-limit allows" in str(error.value)
    # What takes less than the program itself is never refused.
    check_model_memory(dataset(values(50, 100), values(9, 100)), 2, cpu, 2, 1)


def test_train_refuses_them_before_a_directory_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, labels = np.eye(2, 200), np.array([0, 99_999])
    np.savez(tmp_path / "a.npz", X_train=inputs, y_train=labels, X_test=inputs, y_test=labels)
    words = ["train", "--dataset", str(tmp_path / "a.npz"), "--memory-limit", "100M"]
    assert main([*words, "--device", "cpu", "--runs-dir", str(tmp_path / "runs")]) == 1
    assert "1 run of 100,000 classes and 200 features takes about" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
