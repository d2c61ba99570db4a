"""Sizes in words, and how much memory may be used on a machine or in a control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from logreg_tui.core.errors import UsageError
from logreg_tui.core.memory import available_memory, parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("4096", 4096),
        ("512b", 512),
        ("3k", 3 << 10),
        ("500M", 500 << 20),
        ("500MB", 500 << 20),
        ("1.5GB", 3 << 29),
        ("2g", 2 << 30),
        ("2 GiB", 2 << 30),
        ("0.5T", 1 << 39),
        (" 1K ", 1024),
    ],
)
def test_sizes_are_read_in_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0.0G",
        "-1G",
        "1P",
        "G",
        "1.G",
        ".5G",
        "1e9",
        "nan",
        "inf",
        "1,5G",
        "1 0",
        "0.1",
        "9" * 19 + "T",
        "١G",
    ],
)
def test_what_is_no_size_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size: give bytes above 0, or K, M, G or T"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "0.977 KB"), (3 << 29, "1.5 GB"), (5 << 50, "5.12e+03 TB")],
)
def test_a_size_in_words_has_three_digits(size: int, text: str) -> None:
    assert size_text(size) == text


MEMINFO = "MemTotal:  9000000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n"
MACHINE = 4000 * 1024
STAT = "anon 1\nfile 999\ninactive_file 100\nactive_file 20\n"
STAT_V1 = "inactive_file 1\nactive_file 2\ntotal_inactive_file 100\ntotal_active_file 20\n"
CASES: dict[str, tuple[dict[str, str], int | None]] = {
    "nothing known": ({}, None),
    "a machine": ({"proc/meminfo": MEMINFO}, MACHINE),
    "an old kernel": ({"proc/meminfo": "MemTotal:  9000000 kB\n"}, None),
    "a group without a limit": (
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/a\n",
            "sys/fs/cgroup/a/memory.max": "max\n",
            "sys/fs/cgroup/a/memory.current": "77\n",
        },
        MACHINE,
    ),
    "a group with more than the machine": (
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "99999999999\n",
            "sys/fs/cgroup/memory.current": "0\n",
        },
        MACHINE,
    ),
    "a container": (
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "5000\n",
            "sys/fs/cgroup/memory.current": "3000\n",
            "sys/fs/cgroup/memory.stat": STAT,
        },
        2120,
    ),
    "a group within one with a smaller limit": (
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "1:name=systemd:/\n0::/job/step:1\n",
            "sys/fs/cgroup/job/step:1/memory.max": "max\n",
            "sys/fs/cgroup/job/step:1/memory.current": "10\n",
            "sys/fs/cgroup/job/memory.max": "5000\n",
            "sys/fs/cgroup/job/memory.current": "4000\n",
        },
        1000,
    ),
    "a full group": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "5000\n",
            "sys/fs/cgroup/memory.current": "6000\n",
        },
        0,
    ),
    "groups of the first version": (
        {
            "proc/self/cgroup": "4:cpu,memory:/docker/1\n3:cpuset:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "3000\n",
            "sys/fs/cgroup/memory/memory.stat": STAT_V1,
        },
        2120,
    ),
}


@pytest.mark.parametrize(("files", "expected"), CASES.values(), ids=CASES)
def test_the_smallest_of_what_machine_and_groups_leave_is_available(
    files: dict[str, str], expected: int | None, tmp_path: Path
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert available_memory(str(tmp_path)) == expected


def test_this_machine_has_some_memory_left_or_does_not_say() -> None:
    available = available_memory()
    assert available is None or available >= 0
