"""The processes that torchrun or another launcher starts, joined through torch.distributed.

What rank 0 tells the others goes over the processors' network (gloo); gradients go over nccl if they
are on GPUs. Anyone who can reach the port can make the ranks run code, as with anything that
torch.distributed joins: it is for networks that are trusted.
https://docs.pytorch.org/docs/stable/distributed.html
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from logreg_tui.core.engine.process_group import PeerLost, ProcessGroup
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.session import start as session
from logreg_tui.core.session.heartbeat import MAY_MISS_AFTER_BREAK, POLL_S, STUCK_S, Ended, Heartbeat
from logreg_tui.core.session.meeting import cause_of, meet
from logreg_tui.core.training.replay import Replay
from logreg_tui.core.training.requests import Control, Leave

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.settings import ExperimentSettings

T = TypeVar("T")

SLICE = timedelta(seconds=0.5)
"""Of a wait: between two, signals are heard and the heartbeat is asked."""
NCCL_TIMEOUT = timedelta(seconds=60)
"""GPUs meet within a pass only: no pause falls into it."""
HEADER = 512
"""Bytes that every broadcast has; the rest of a longer message follows."""
READY = "logreg-tui/ready"
REMEDY = "go on with `logreg-tui resume DIR --no-screen`, with any number of ranks"


class Refused(UserError):
    """A process cannot train, and all know why."""


class Group(ProcessGroup):
    """This process among those that a launcher started with it, in contact with them inside the context."""

    def __init__(self, say: Callable[[str], None], fail: Callable[[UserError], None]) -> None:
        """Take rank and size from the launcher; `say` is told what this waits for, `fail` why all ended.

        Raises UserError if PyTorch cannot join processes.
        """
        if not dist.is_available():
            raise UserError("this build of PyTorch has no torch.distributed: train with a single process")
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        self.local_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        self.heartbeat = Heartbeat(self.rank, self.size, fail)
        self._say = say
        self._gpus: Any = None

    def __enter__(self) -> Self:
        """Meet the other ranks. Raises UserError if that fails."""
        self._store = meet(self.rank, self.size, self._say, self.heartbeat)
        self.heartbeat.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused):
            self.heartbeat.is_silent = self.rank > 0
        elif self.rank == 0 or error is not None:
            self.heartbeat.end(getattr(error, "exit_status", int(error is not None)))
        self.heartbeat.leave()
        if error is None:
            dist.destroy_process_group()
        self.heartbeat.stop()

    # What the ranks tell each other

    def from_first(self, make: Callable[[], T]) -> T:
        """Return on every rank what `make` returns on rank 0; it is called there alone. Raises PeerLost."""
        if self.rank:
            value: T = pickle.loads(self._broadcast(b""))
        else:
            value = make()
            self._broadcast(pickle.dumps(value))
        return value

    def receive(self) -> tuple[Any, ...]:
        """Return what rank 0 tells all others, which this one is. Raises PeerLost."""
        return self.from_first(lambda: ())

    def _broadcast(self, message: bytes) -> bytes:
        """Return rank 0's message."""
        head = len(message).to_bytes(8, "little") + message[: HEADER - 8]
        buffer = self._broadcast_bytes(head.ljust(HEADER, b"\0"))
        missing = int.from_bytes(buffer[:8], "little") - len(buffer) + 8
        if missing > 0:
            buffer += self._broadcast_bytes(message[HEADER - 8 :].ljust(missing, b"\0"))
        return buffer[8:]

    def _broadcast_bytes(self, data: bytes) -> bytes:
        buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        self._finish(dist.broadcast(buffer, 0, async_op=True))
        return buffer.numpy().tobytes()

    def all_reduce(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum over all ranks, the same bits in each. Raises PeerLost."""
        if tensor.device.type == "cuda":
            dist.all_reduce(tensor, group=self._gpus)
        else:
            self._finish(dist.all_reduce(tensor, async_op=True))

    def settle(self, device: torch.device) -> None:
        """Wait until a GPU has nothing left to compute. Raises PeerLost.

        Its kernels wait for those of other ranks, for ever if one was killed; so does a blocking wait.
        """
        if device.type == "cuda":
            stream = torch.cuda.current_stream(device)
            # Mostly there is little to wait for; later the thread that shows the life signs needs the GIL.
            deadline = time.monotonic() + POLL_S
            while not stream.query():
                if time.monotonic() > deadline:
                    self._check_others()
                    time.sleep(1e-4)

    def _finish(self, work: dist.Work | None) -> None:
        """Wait for an exchange. Raises PeerLost."""
        assert work is not None, "every process is a member of the group"
        while not work.is_completed():
            with suppress(RuntimeError):
                work.wait(SLICE)
                return
            if not work.is_completed():
                self._check_others()
        try:
            work.wait()
        except RuntimeError as error:
            raise self._broken(error) from error

    def _check_others(self) -> None:
        """Raise PeerLost if there is nobody to wait for."""
        if self.heartbeat.over is not None:
            raise self.heartbeat.over

    def _broken(self, error: RuntimeError) -> PeerLost:
        """Return who has gone, after a connection has broken."""
        self.heartbeat.may_miss = MAY_MISS_AFTER_BREAK
        deadline = time.monotonic() + STUCK_S / 2
        while self.heartbeat.over is None and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self.heartbeat.over or PeerLost(
            f"rank {self.rank} on {socket.gethostname()} lost contact with the other ranks "
            f"({cause_of(error)}); {self.heartbeat.remedy}"
        )

    # Before training and after it

    def share(self, settings: ExperimentSettings, dataset: Dataset, device: torch.device) -> None:
        """Let the others load the same data, which rank 0 has. Raises UserError."""
        if self.rank == 0:
            smallest = min(len(dataset.train_inputs), len(dataset.test_inputs))
            if smallest < self.size:
                raise UserError(f"{self.size} ranks are too many for {smallest} samples: start fewer")
            self.from_first(lambda: (settings, dataset.fingerprint))
            self.confirm(None, device)

    def confirm(self, problem: str | None, device: torch.device | None) -> None:
        """Tell the others the device of this rank, or what keeps it from training.

        Raises Refused if any of them has a problem, or if two share a GPU.
        """
        kind, gpu = device.type if device else "", None
        if kind == "cuda":
            gpu = str(torch.cuda.get_device_properties(device).uuid)
        keys = [f"{READY}/{rank}" for rank in range(self.size)]
        self._store.set(keys[self.rank], json.dumps([socket.gethostname(), problem, kind, gpu]))
        while not self._store.check(keys):
            self._check_others()
            time.sleep(POLL_S)
        problem = problem_of([json.loads(word) for word in self._store.multi_get(keys)])
        if problem is not None:
            raise Refused(problem)
        if device is not None and kind == "cuda":
            # Errors of the network are for the heartbeat to name: the watchdog would abort at once.
            os.environ.setdefault("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0")
            self._gpus = dist.new_group(backend="nccl", timeout=NCCL_TIMEOUT)
            # The ranks connect at the first exchange: here nothing is lost if they cannot.
            self.all_reduce(torch.zeros(1, device=device))
            self.settle(device)
        self.heartbeat.remedy = REMEDY


def problem_of(ranks: Sequence[tuple[str, str | None, str, str | None]]) -> str | None:
    """Return why these cannot train together: of each its host, own problem, kind of device and GPU."""
    kinds = [kind for _, _, kind, _ in ranks]
    gpus = [gpu for *_, gpu in ranks]
    for rank, (host, problem, kind, gpu) in enumerate(ranks):
        if problem is not None:
            return f"rank {rank} on {host} {problem}"
        if kind != kinds[0]:
            return f"rank {rank} on {host} would train on {kind}, rank 0 on {kinds[0]}: use one --device"
        if gpu is not None and gpu in gpus[:rank]:
            return (
                f"ranks {gpus.index(gpu)} and {rank} on {host} would train on the same GPU ({gpu}): start "
                "as many processes as there are GPUs"
            )
    return None


def serve(group: Group) -> int:
    """Train as rank 0 does, with this rank's part of the rows, until it ends; return the exit status.

    Signals are rank 0's to answer: it ends the training cleanly for all. Raises UserError.
    """
    control = Control()

    def pass_on(number: int, frame: FrameType | None) -> None:
        group.heartbeat.signal = number
        control.send(Leave(signal.Signals(number).name))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    try:
        _train(group, control)
        # The others would miss this one while rank 0 still writes.
        while group.heartbeat.over is None:
            time.sleep(POLL_S)
        if isinstance(group.heartbeat.over, Ended):
            return group.heartbeat.over.exit_status
        raise group.heartbeat.over
    except (PeerLost, Refused):
        raise
    except UserError as error:
        raise UserError(f"rank {group.rank} on {socket.gethostname()}: {error}") from error


def _train(group: Group, control: Control) -> None:
    from logreg_tui.core.experiment.checkpoint import restore
    from logreg_tui.core.training.trainer import train

    settings, fingerprint = group.receive()
    problem, environment = None, None
    try:
        environment = session.prepare(settings, control, lambda text: None, group)
        if environment.dataset.fingerprint != fingerprint:
            problem = f"has data of {settings.dataset!r} that are not those of rank 0"
    except UserError as error:
        problem = f"cannot train: {error}"
    except Cancelled:
        problem = f"was ended by {control.leave_cause}"
    group.confirm(problem, environment.device if environment else None)
    assert environment is not None, "without a problem"
    with session.out_of_memory_explained(environment):
        engine = environment.engine()
        settings, record, requests = group.receive()
        for _ in train(restore(record, settings, engine), control, replay=Replay(requests)):
            pass
