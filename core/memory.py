"""Memory that may be used, and sizes in words.

Imports nothing heavy: the command line reads sizes before it needs data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from logreg_tui.core.errors import UsageError

UNITS = ("", "K", "M", "G", "T")
"""Each 1,024 times the one before."""
SIZE_PATTERN = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,19})?) ?([KMGT]?)(?:I?B)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `2G`, `500M`, `1.5GB` or `4096`. Raises UsageError."""
    match = SIZE_PATTERN.fullmatch(text.strip())
    size = int(float(match[1]) * 1024 ** UNITS.index(match[2].upper())) if match else 0
    if not 0 < size < 2**63:
        raise UsageError(
            f"{text!r} is not a size: give bytes above 0, or K, M, G or T, such as 500M or 1.5GB"
        )
    return size


def size_text(size: int) -> str:
    """Return a number of bytes in words, such as `1.5 GB`; a GB is 1,024 MB, as in `parse_size`."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.3g} {UNITS[unit]}B"


def available_memory(root: str = "/") -> int | None:
    """Return the bytes that can be used without taking them from others; None if that is unknown.

    It is what Linux says of the machine, or what the process's control groups leave of their limits.
    `root` is where `proc` and `sys` lie.
    """
    amounts = list(_of_groups(root))
    for line in _text(f"{root}/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            amounts.append(int(line.split()[1]) * 1024)
    return max(0, min(amounts)) if amounts else None


def shortage(needed: int, memory_limit: int | None) -> str | None:
    """Return the limit that so many bytes exceed, in words; None if they fit.

    `memory_limit` None is what the machine has left, if that is known.
    """
    allowed = available_memory() if memory_limit is None else memory_limit
    return None if allowed is None or needed <= allowed else limit_text(allowed, memory_limit)


def limit_text(allowed: int, memory_limit: int | None) -> str:
    """Return in words that so many bytes may be used, by `memory_limit` or, without one, as they are free."""
    size = size_text(allowed)
    return f"{size} are free" if memory_limit is None else f"--memory-limit allows {size}"


def _of_groups(root: str) -> Iterator[int]:
    mount = f"{root}/sys/fs/cgroup"
    for line in _text(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left(mount, path, "memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes"
            yield from _left(f"{mount}/memory", path, *names, "total_")


def _left(mount: str, path: str, limit_name: str, usage_name: str, prefix: str) -> Iterator[int]:
    """Yield what is left in a group and in those around it, each of which can have a limit."""
    folder = f"{mount}/{path.strip('/')}".rstrip("/")
    while len(folder) >= len(mount):
        # A group without a limit says `max`; one outside the container is not there.
        with suppress(ValueError):
            limit, used = int(_text(f"{folder}/{limit_name}")), int(_text(f"{folder}/{usage_name}"))
            statistics = dict(line.split(maxsplit=1) for line in _text(f"{folder}/memory.stat").splitlines())
            # Files that the kernel keeps only while nobody needs the room.
            kept = (int(statistics.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
            yield limit - used + sum(kept)
        folder = folder.rpartition("/")[0]


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
