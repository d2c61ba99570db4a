"""Where the files of the MNIST family can be downloaded: torchvision's mirrors, names and checksums.

Torchvision is imported here alone: that takes more than a second, and fails where it was not
built for the installed torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from logreg_tui.core.text import describe


class NoTorchvision(Exception):
    """torchvision cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A packed file that torchvision knows."""

    name: str
    """The name of the unpacked file."""
    urls: tuple[str, ...]
    md5: str
    """Of the packed file."""


class _Catalogue(Protocol):
    """What is used of one of torchvision's dataset classes."""

    mirrors: Sequence[str]
    resources: Sequence[tuple[str, str]] | Mapping[str, Sequence[tuple[str, str]]]


def find_resources(class_name: str, names: Sequence[str]) -> list[Resource]:
    """Return what torchvision would download for these files of one of its datasets, by name.

    Raises NoTorchvision where it is missing, does not work, or does not know a file.
    """
    try:
        known = {resource.name: resource for resource in _resources(_catalogue(class_name))}
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


def _catalogue(class_name: str) -> _Catalogue:
    with warnings.catch_warnings():
        # It warns on stderr about image codecs that nobody needs here.
        warnings.simplefilter("ignore")
        from torchvision import datasets
    catalogue: _Catalogue = getattr(datasets, class_name)
    return catalogue


def _resources(catalogue: _Catalogue) -> list[Resource]:
    if isinstance(catalogue.resources, Mapping):
        # QMNIST gives whole addresses, by split.
        files = [file for split in ("train", "test") for file in catalogue.resources[split]]
        mirrors: Sequence[str] = [""]
    else:
        files, mirrors = list(catalogue.resources), catalogue.mirrors
    return [
        Resource(file.rsplit("/", 1)[-1].removesuffix(".gz"), tuple(mirror + file for mirror in mirrors), md5)
        for file, md5 in files
    ]
