"""Files of the MNIST family from torchvision's mirrors, with progress, cancelling and limits on waiting.

Torchvision knows mirrors, names and checksums; it is imported only to ask it for them. A thread of its
own reads from the network, so that waiting can be cancelled and ends when it should.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit

from logreg_tui.core.data.arrays import check_cancelled
from logreg_tui.core.errors import UserError
from logreg_tui.core.files import replace_regular
from logreg_tui.core.text import describe, escape_control_chars

CHUNK_BYTES = 1 << 16
LARGEST_BYTES = 200_000_000
"""No file is larger than 12 MB: a server that sends without end must not fill the disk."""
POLL_S = 0.05
MESSAGE_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """Time to wait for a download, in seconds."""

    silence_s: float
    """From one byte to the next, and for the first byte of one mirror."""
    first_byte_s: float
    """For the first byte of a file, over all mirrors."""
    total_s: float
    """For all files."""


PATIENT = Patience(silence_s=10, first_byte_s=30, total_s=math.inf)
HASTY = Patience(silence_s=5, first_byte_s=5, total_s=30)
"""For data that have a substitute."""


class DownloadError(UserError):
    """Files are neither on disk nor could they be downloaded.

    `reason` says why in a few words, `remedy` what helps.
    """

    def __init__(self, title: str, reason: str, remedy: str) -> None:
        super().__init__(f"{title} is not on disk and could not be downloaded ({reason}): {remedy}")
        self.reason, self.remedy = reason, remedy


class NoTorchvision(Exception):
    """torchvision cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A packed file that torchvision knows."""

    name: str
    """The name of the unpacked file."""
    urls: tuple[str, ...]
    """One address per mirror."""
    md5: str
    """Of the packed file."""


def find_resources(class_name: str, names: Sequence[str]) -> list[Resource]:
    """Return torchvision's resources of these unpacked files of one of its datasets.

    Raises NoTorchvision if it is missing, does not work, or does not know a file.
    """
    try:
        with warnings.catch_warnings():
            # It warns on stderr about image codecs that nobody needs here.
            warnings.simplefilter("ignore")
            # More than a second, and it fails if it was not built for the installed torch.
            from torchvision import datasets
        known = {resource.name: resource for resource in _resources(getattr(datasets, class_name))}
    except ModuleNotFoundError as error:
        if error.name == "torchvision":
            raise NoTorchvision("torchvision, which knows where to download, is not installed") from error
        raise NoTorchvision(f"torchvision does not work: {describe(error)}") from error
    # RuntimeError, OSError, AttributeError and more, depending on how the two do not fit.
    except Exception as error:
        raise NoTorchvision(f"torchvision does not work with this torch: {describe(error)}") from error
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NoTorchvision(f"the installed torchvision does not know {', '.join(unknown)}")
    return [known[name] for name in names]


def _resources(catalogue: Any) -> Iterator[Resource]:  # noqa: ANN401  a class of torchvision's
    if isinstance(catalogue.resources, Mapping):
        # QMNIST gives whole addresses, by split.
        files = [file for split in ("train", "test") for file in catalogue.resources[split]]
        mirrors: Sequence[str] = [""]
    else:
        files, mirrors = catalogue.resources, catalogue.mirrors
    for file, md5 in files:
        name = file.rsplit("/", 1)[-1].removesuffix(".gz")
        yield Resource(name, tuple(mirror + file for mirror in mirrors), md5)


def download(
    title: str,
    class_name: str,
    names: Sequence[str],
    folder: Path,
    patience: Patience,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> None:
    """Download and unpack the named files of one of torchvision's datasets into a folder.

    A file is there whole or not at all. Raises DownloadError, Cancelled.
    """
    by_hand = f"put the files into {escape_control_chars(folder)}, or use --dataset digits"
    progress(f"{title} is not on disk: preparing to download it")
    try:
        wanted = find_resources(class_name, names)
        check_cancelled(is_cancelled)
        with _folder_for(folder):
            job = _Job(folder, patience, progress, is_cancelled)
            for resource in wanted:
                job.fetch(resource)
    except NoTorchvision as error:
        remedy = f"install the torchvision that matches the installed torch, or {by_hand}"
        raise DownloadError(title, str(error), remedy) from error
    except _Failed as error:
        raise DownloadError(title, str(error), f"check the network, or {by_hand}") from error
    except OSError as error:
        reason = f"{escape_control_chars(folder)} cannot be written to: {describe(error)}"
        remedy = (
            "choose with --data-dir a folder that has room and may be written to, or use --dataset digits"
        )
        raise DownloadError(title, reason, remedy) from error


class _Failed(Exception):
    """A file, or one mirror of it, could not be had; the text says why."""


class _Source(threading.Thread):
    """Reads one address: a name server or a silent host then holds up this thread and nobody else."""

    def __init__(self, url: str, timeout_s: float) -> None:
        super().__init__(daemon=True, name="download")
        self.items: SimpleQueue[bytes | Exception] = SimpleQueue()
        """Bytes as they come, then b"" at the end or the error that ended it."""
        self.length: int | None = None
        """Bytes that the server announced, if it did; set before the first item."""
        self.is_abandoned = False
        self._url = url
        self._timeout_s = timeout_s

    def run(self) -> None:
        """Put what comes into `items`."""
        try:
            self._read()
        except Exception as error:
            self.items.put(error)

    def _read(self) -> None:
        # A tenth of a second that only a download needs.
        from urllib.request import Request, urlopen

        request = Request(self._url, headers={"User-Agent": "logreg-tui"})
        with urlopen(request, timeout=self._timeout_s) as response:
            self.length = response.length
            # read1 returns what is there; read would wait for a whole chunk.
            while not self.is_abandoned and (chunk := response.read1(CHUNK_BYTES)):
                self.items.put(chunk)
        self.items.put(b"")


@dataclass
class _Job:
    """Fetches files one after the other; what one mirror refused is asked of another first."""

    folder: Path
    patience: Patience
    progress: Callable[[str], None]
    is_cancelled: Callable[[], bool]

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.patience.total_s
        self._first_byte_deadline = math.inf
        self._failed_hosts: set[str] = set()
        self._told_at = -math.inf

    def _tell(self, text: str) -> None:
        """Pass a message on unless it follows another too soon."""
        now = time.monotonic()
        if now - self._told_at >= MESSAGE_INTERVAL_S:
            self._told_at = now
            self.progress(text)

    def fetch(self, resource: Resource) -> None:
        """Try the mirrors of a file until one gives it. Raises _Failed with all their reasons."""
        self._first_byte_deadline = time.monotonic() + self.patience.first_byte_s
        reasons: list[str] = []
        for url in sorted(resource.urls, key=lambda url: _host(url) in self._failed_hosts):
            if reasons and time.monotonic() >= min(self._first_byte_deadline, self._deadline):
                break
            try:
                with TemporaryFile(dir=self.folder) as packed:
                    self._copy(url, resource, packed)
                    packed.seek(0)
                    self._unpack(packed, self.folder / resource.name)
                return
            except _Failed as error:
                reasons.append(str(error))
                self._failed_hosts.add(_host(url))
        raise _Failed("; ".join(dict.fromkeys(reasons)))

    def _unpack(self, packed: IO[bytes], path: Path) -> None:
        with gzip.open(packed) as source:
            replace_regular(path, lambda unpacked: shutil.copyfileobj(source, unpacked, CHUNK_BYTES))

    def _copy(self, url: str, resource: Resource, file: IO[bytes]) -> None:
        """Write what the address gives into the file. Raises _Failed unless it is the resource."""
        name = f"{resource.name}.gz"
        self._tell(f"Connecting to {escape_control_chars(_host(url))} for {name}")
        source = _Source(url, self.patience.silence_s)
        source.start()
        digest, received = hashlib.md5(usedforsecurity=False), 0
        try:
            while chunk := self._next_chunk(source):
                self._first_byte_deadline = math.inf
                received += len(chunk)
                if received > LARGEST_BYTES:
                    raise _Failed(f"{name} is larger than it should be")
                file.write(chunk)
                digest.update(chunk)
                total = f" of {source.length / 1e6:.1f}" if source.length else ""
                self._tell(f"Downloading {name}: {received / 1e6:.1f}{total} MB")
        finally:
            source.is_abandoned = True
        if source.length is not None and received < source.length:
            raise _Failed("the connection broke off")
        if digest.hexdigest() != resource.md5:
            raise _Failed(f"{name} came with a wrong checksum")

    def _next_chunk(self, source: _Source) -> bytes:
        silent_at = time.monotonic() + self.patience.silence_s
        while True:
            check_cancelled(self.is_cancelled)
            now = time.monotonic()
            if now >= self._deadline:
                raise _Failed(f"it takes longer than {self.patience.total_s:g} s")
            if now >= min(silent_at, self._first_byte_deadline):
                raise _Failed("the server does not answer")
            try:
                item = source.items.get(timeout=POLL_S)
            except Empty:
                continue
            if isinstance(item, Exception):
                raise _Failed(_network_reason(item)) from item
            return item


@contextmanager
def _folder_for(folder: Path) -> Iterator[None]:
    """Make a folder and those around it; of these, the ones that are empty in the end are removed again."""
    made = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


def _network_reason(error: Exception) -> str:
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        return f"the server answers with HTTP status {error.code}"
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _network_reason(error.reason)
    if isinstance(error, TimeoutError):
        return "the server does not answer"
    return describe(error)


def _host(url: str) -> str:
    return urlsplit(url).netloc
