"""Ranks that find each other and notice who has gone, in one process; GPUs are played by stand-ins."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from helpers.running import free_port, wait_until

from logreg_tui.core.engine.process_group import PeerLost
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.session import distributed, heartbeat, meeting
from logreg_tui.core.session.distributed import Group, Refused, problem_of
from logreg_tui.core.session.heartbeat import Ended, Heartbeat

GPU = torch.device("cuda", 0)


def wait_for(condition: Callable[[], object]) -> None:
    wait_until(condition, lambda: "a heartbeat")


class Ranks:
    """The heartbeats of some ranks, each on its thread, over one store."""

    def __init__(self, size: int) -> None:
        self.failures: list[PeerLost] = []
        self.store = dist.HashStore()
        self.beats = [Heartbeat(rank, size, self.failures.append) for rank in range(size)]
        for beat in self.beats:
            beat.show(self.store)
            # A test that misses a beat on a busy machine is no lost rank.
            beat.may_miss = 10**9
        for beat in self.beats:
            beat.start()

    def lose_rank_2(self) -> None:
        """End one of three without a word, and wait until the others know."""
        self.beats[2].stop()
        for beat in self.beats[:2]:
            beat.may_miss = 100
        wait_for(lambda: self.beats[0].over and self.beats[1].over)


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ranks]:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    monkeypatch.setattr(heartbeat, "STUCK_S", 1e9)
    ranks = Ranks(3)
    yield ranks
    for beat in ranks.beats:
        beat.stop()


def test_a_rank_that_shows_no_sign_of_life_is_named_by_the_others(three: Ranks) -> None:
    three.lose_rank_2()
    assert "rank 2 on" in str(three.beats[0].over).partition(", as")[0]
    assert "start all of them again" in str(three.beats[1].over)


def test_ranks_that_live_are_waited_for(three: Ranks) -> None:
    for beat in three.beats:
        beat.may_miss = 200
    wait_for(lambda: int(three.store.get("logreg-tui/beat/1")) > 300)
    assert [beat.over for beat in three.beats] == [None] * 3


def test_the_first_that_ends_the_training_speaks_for_all(three: Ranks) -> None:
    three.beats[1].end(2)
    three.beats[2].end(1)
    wait_for(lambda: three.beats[0].over)
    assert isinstance(three.beats[0].over, Ended)
    assert three.beats[0].over.exit_status == 2
    assert [beat.is_silent for beat in three.beats[1:]] == [False, True]


def test_a_signal_to_any_rank_reaches_the_first_once(three: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *of: sent.append(of))
    three.beats[2].signal = signal.SIGTERM
    wait_for(lambda: sent)
    seen = int(three.store.get("logreg-tui/beat/0"))
    wait_for(lambda: int(three.store.get("logreg-tui/beat/0")) > seen + 3)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_a_store_that_is_gone_means_rank_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    ranks = Ranks(2)

    def fail(*_: object) -> None:
        raise dist.DistNetworkError("Connection reset by peer")

    ranks.beats[1]._store = SimpleNamespace(set=fail)
    wait_for(lambda: ranks.beats[1].over)
    for beat in ranks.beats:
        beat.stop()
    assert "rank 0 on" in str(ranks.beats[1].over).partition(", as")[0]


def test_a_process_that_cannot_leave_is_ended_with_one_line(
    three: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", lambda status: [exits.append(status), three.beats[0].stop()])
    three.lose_rank_2()
    # Rank 1 leaves by itself; rank 0 waits for its GPU.
    three.beats[1].stop()
    monkeypatch.setattr(heartbeat, "STUCK_S", 0.05)
    wait_for(lambda: exits)
    assert exits == [1]
    assert "rank 2" in str(*three.failures)


@pytest.mark.parametrize(
    ("rank", "address", "whom", "reason"),
    [
        (1, "no-such-host.invalid", "rank 0", r"rank 1 on .* cannot find .*'no-such-host.invalid' \(.+\)"),
        # An unknown name, and the address of a machine that never answers.
        (
            0,
            "no-such-host.invalid",
            "rank 1 and rank 2",
            r"did not meet .* \(no sign of rank 1 and rank 2 in",
        ),
        (0, "192.0.2.1", "rank 1 and rank 2", r"did not meet .* \(no sign of rank 1 and rank 2 in"),
        (1, "127.0.0.1", "rank 0", r"did not meet .* \(no sign of rank 0 in"),
        (
            0,
            "127.0.0.1",
            "rank 1 and rank 2",
            r"did not meet .* \(no sign of rank 1 and rank 2 in",
        ),
    ],
)
def test_a_rank_says_for_whom_it_waits_and_gives_up(
    monkeypatch: pytest.MonkeyPatch, rank: int, address: str, whom: str, reason: str
) -> None:
    said: list[str] = []
    port = str(free_port())
    monkeypatch.setenv("MASTER_ADDR", address)
    monkeypatch.setenv("MASTER_PORT", port)
    for name, seconds in (("SPEAK_AFTER_S", 0.01), ("RESOLVE_S", 0.5), ("MEETING_S", 1.0)):
        monkeypatch.setattr(meeting, name, seconds)
    with pytest.raises(UserError, match=reason):
        meeting.meet(rank, 3, said.append, Heartbeat(rank, 3, print))
    assert len(said) == 1
    assert f"rank {rank} on" in said[0]
    assert f"waits for {whom} at {address}:{port}" in said[0]
    assert "unset RANK and WORLD_SIZE" in said[0]


@pytest.mark.parametrize("port", ["", "x", "70000"])
def test_a_port_that_is_none_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", port)
    with pytest.raises(UsageError, match="a port as MASTER_PORT: use torchrun"):
        meeting.meet(1, 2, print, Heartbeat(1, 2, print))


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ([("b", None, "cuda", "GPU-2")], None),
        ([("b", "cannot train: no data", "", None)], "rank 1 on b cannot train: no data"),
        ([("b", None, "cpu", None)], "rank 1 on b would train on cpu, rank 0 on cuda"),
        ([("b", None, "cuda", "GPU-2"), ("a", None, "cuda", "GPU-1")], "ranks 0 and 2 on a .* the same GPU"),
    ],
)
def test_ranks_that_cannot_train_together_are_named(
    others: list[tuple[str, str | None, str, str | None]], problem: str | None
) -> None:
    found = problem_of([("a", None, "cuda", "GPU-1"), *others])
    assert found == problem or (problem and found and re.match(problem, found))


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    """Rank 0 of two on GPUs, the other of which is not there."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    group = Group(print, print)
    group._store = dist.HashStore()
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=f"GPU-{device.index}")
    )
    return group


def test_a_gpu_that_waits_for_a_lost_rank_is_left(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def query() -> bool:
        asked.append(1)
        if len(asked) == 3:
            group.heartbeat.over = PeerLost("rank 1 failed")
        return False

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(query=query))
    with pytest.raises(PeerLost, match="rank 1 failed"):
        group.settle(GPU)


def test_gradients_of_gpus_go_over_nccl_once_all_have_one(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", raising=False)
    made: list[dict[str, object]] = []
    reduced: list[object] = []
    monkeypatch.setattr(dist, "new_group", lambda **of: made.append(of) or "gpus")
    monkeypatch.setattr(dist, "all_reduce", lambda tensor, group=None: reduced.append(group))
    monkeypatch.setattr(torch, "zeros", lambda size, device: SimpleNamespace(device=device))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(query=lambda: True))
    group._store.set("logreg-tui/ready/1", '["b", null, "cuda", "GPU-1"]')
    group.confirm(None, GPU)
    assert made == [{"backend": "nccl", "timeout": distributed.NCCL_TIMEOUT}]
    assert reduced == ["gpus"]
    assert os.environ["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "0"
    assert "resume DIR" in group.heartbeat.remedy


def test_two_ranks_on_one_gpu_are_refused(group: Group) -> None:
    group._store.set("logreg-tui/ready/1", '["a", null, "cuda", "GPU-0"]')
    with pytest.raises(Refused, match="ranks 0 and 1 on a would train on the same GPU"):
        group.confirm(None, GPU)
