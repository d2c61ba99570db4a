"""Whole files, written so that no reader and no crash ever meets half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO


def replace_file(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `target`, sync it and rename it over `target`.

    A device or a pipe is written to directly; what a symbolic link points to is replaced, not the
    link. Raises OSError and leaves `target` as it was where the disk refuses a write.
    """
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder")
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            write(stream)
        return
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        with draft.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def reason(error: OSError) -> str:
    """Return why the system refused, without the path and the number."""
    return error.strerror or str(error)
