"""Stamps of trials of the fused kernel: a file in the user's cache folder, beside the compiled kernel.

The name of both is the SHA-256 of all that the result depends on. A stamp lists the files of its kernel
with their digests: a stamp or a kernel that is damaged, another's or no regular file is made anew, and where
no folder can be used, every start tries the kernel anew.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import stat
import sysconfig
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logreg_tui.core.files import replace_regular

FORMAT = 1
LARGEST_STAMP = 1 << 20
USERS_FOLDER = os.environ.get("TRITON_CACHE_DIR", "").strip()
"""The folder in which the user wants compiled kernels; read before it is set for Triton."""
KERNEL_SOURCES = ("fused_kernels.py", "fused_pass.py", "trial.py")


@dataclass(frozen=True, slots=True)
class Stamp:
    """The outcome of trying the kernel: nothing to object to, or why it cannot be used."""

    failure: str | None = None
    """One line; None if the kernel computes what it should."""


def environment_facts(card: str, capability: tuple[int, int], driver: str) -> dict[str, str]:
    """Return what the compiled kernel depends on, the shape of the data apart, without loading PyTorch."""
    # Loads the email package, for which the first frame need not wait.
    from importlib.metadata import PackageNotFoundError, version

    def of(*packages: str) -> str:
        for package in packages:
            with suppress(PackageNotFoundError):
                return version(package)
        return "none"

    source = hashlib.sha256()
    for name in KERNEL_SOURCES:
        source.update(Path(__file__).with_name(name).read_bytes())
    return {
        "source": source.hexdigest(),
        "torch": of("torch"),
        # NVIDIA's and PyTorch's own builds have the second name.
        "triton": of("triton", "pytorch-triton"),
        "driver": driver,
        "gpu": card,
        "capability": "{}.{}".format(*capability),
        "python": str(sysconfig.get_config_var("SOABI")),
        # Once there is one, it is worth another try.
        "compiler": _compiler(),
    }


def _compiler() -> str:
    found = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang") or "none"
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    return f"{found}, {'with' if header.is_file() else 'without'} Python.h"


class StampFile:
    """The stamp of one environment and shape, and the folder of the kernel compiled for it."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._facts = dict(facts)
        text = json.dumps(self._facts, sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()
        folder = cache_folder()
        self._path = None if folder is None else folder / f"{self._key}.json"

    def read(self) -> Stamp | None:
        """Return the stamp; None if there is none, or what there is cannot be relied on."""
        record = None if self._path is None else _read(self._path)
        if record is None or record.get("facts") != self._facts:
            return None
        failure, files = record.get("failure"), record.get("files")
        if failure is not None:
            return Stamp(failure) if isinstance(failure, str) and failure.isprintable() else None
        with suppress(OSError):
            # More may have been compiled since, for runs that joined.
            if files and isinstance(files, dict) and files.items() <= _digests(self.kernel_folder()).items():
                return Stamp()
        return None

    def write(self, stamp: Stamp) -> None:
        """Keep a stamp where that is possible; whatever stands in its place is replaced."""
        if self._path is None:
            return
        with suppress(OSError):
            files = {} if stamp.failure else _digests(self.kernel_folder())
            record = {"format": FORMAT, "facts": self._facts, "failure": stamp.failure, "files": files}
            replace_regular(self._path, lambda file: file.write(json.dumps(record).encode()))

    def kernel_folder(self) -> Path:
        """Return the folder in which Triton keeps what it compiled. Raises OSError if there can be none."""
        for place in (USERS_FOLDER and Path(USERS_FOLDER, "logreg-tui"), self._path and self._path.parent):
            if place and (folder := _usable(place / self._key)) is not None:
                return folder
        return _temporary_folder()

    def clear_kernel(self) -> None:
        """Remove what was compiled, of which something is damaged."""
        with suppress(OSError):
            folder = self.kernel_folder()
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def cache_folder() -> Path | None:
    """Return the folder of the stamps, which exists; None if there can be none."""
    with suppress(OSError, RuntimeError):
        # As platformdirs has it where Triton runs, but not every machine with a GPU has platformdirs.
        caches = os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache"
        folder = Path(caches, "logreg-tui", "gpu")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    return None


def is_known(facts: Mapping[str, str]) -> bool:
    """Return whether the kernel was ever tried in this environment, with data of any shape."""
    folder = cache_folder()
    with suppress(OSError):
        records = [] if folder is None else [_read(path) for path in folder.glob("*.json")]
        return any(record is not None and facts.items() <= record["facts"].items() for record in records)
    return False


def _read(path: Path) -> dict[str, Any] | None:
    """Return the record of a stamp in a regular file; None if it is none."""
    with suppress(OSError, ValueError, RecursionError):
        # A pipe in its place would be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_STAMP:
                return None
            record = json.loads(file.read())
        if (
            isinstance(record, dict)
            and record.get("format") == FORMAT
            and isinstance(record.get("facts"), dict)
        ):
            return record
    return None


def _digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file in a folder. Raises OSError, also if one is no regular file."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise OSError(f"{path} is no regular file")
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _usable(folder: Path) -> Path | None:
    """Return a folder, made if need be, if files can be written there and libraries loaded; else None."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink() or os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
            return None
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


_temporary: list[Path] = []


def _temporary_folder() -> Path:
    if not _temporary:
        _temporary.append(Path(tempfile.mkdtemp(prefix="logreg-tui-")))
        atexit.register(shutil.rmtree, _temporary[0], ignore_errors=True)
    return _temporary[0]
