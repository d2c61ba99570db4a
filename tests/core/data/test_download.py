"""Downloads, from a server on the loopback: progress, checksums, mirrors, silence, cancelling."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from helpers.datafiles import DOWNLOADED, TRAIN, family_files, never, nothing_is_told, write_family

from logreg_tui.core.data import dataset as datasets
from logreg_tui.core.data import download
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.download import DownloadError, Patience, _folder_for, find_resources
from logreg_tui.core.data.mnist_files import FAMILIES
from logreg_tui.core.errors import Cancelled, UsageError, UserError

CALM = Patience(silence_s=1.5, first_byte_s=20, total_s=60)
"""Long enough for a server that answers, on a machine that is busy."""
QUICK = Patience(silence_s=0.2, first_byte_s=0.3, total_s=60)
"""For servers that never answer."""


class Server:
    """Serves the packed files of the MNIST family, and misbehaves by folder and by file."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.released = threading.Event()
        """Set at the end: whoever is silent or trickles stops."""
        self.silent: set[str] = set()
        """Names of files that stall half way through."""
        self.files = {
            f"{file}.gz": gzip.compress(content)
            for name in DOWNLOADED
            for file, content in family_files(name).items()
        }
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                server.requests.append(self.path)
                server.answer(self, *self.path.strip("/").split("/"))

            def log_message(self, *_: object) -> None:
                """Keep the tests' output clean."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=partial(self._http.serve_forever, 0.01))
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, folder: str, name: str) -> None:
        content = self.files[name]
        if folder == "missing":
            handler.send_error(404, "no\x1b[31m such file")
        elif folder == "dead":
            self.released.wait()
        elif folder == "endless":
            self._trickle(handler)
        else:
            sent = b"x" + content if folder == "wrong" else content
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(sent)))
            handler.end_headers()
            is_stalling = name in self.silent
            handler.wfile.write(sent[: len(sent) // 2] if is_stalling or folder == "broken" else sent)
            if is_stalling:
                self.released.wait()

    def _trickle(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not self.released.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server = Server()
    yield server
    server.close()


def wait_as(monkeypatch: pytest.MonkeyPatch, patience: Patience) -> None:
    monkeypatch.setattr(datasets, "PATIENT", patience)
    monkeypatch.setattr(datasets, "HASTY", patience)


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_as(monkeypatch, CALM)


def catalogue(server: Server, name: str, *folders: str) -> SimpleNamespace:
    """Return what is used of torchvision's class of a dataset, with the server's folders as mirrors."""
    mirrors = [f"{server.address}/{folder}/" for folder in folders]
    packed = [f"{file}.gz" for file in FAMILIES[name].files]
    sums = [hashlib.md5(server.files[file]).hexdigest() for file in packed]
    if name != "qmnist":
        return SimpleNamespace(mirrors=mirrors, resources=list(zip(packed, sums, strict=True)))
    whole = [(mirrors[0] + file, md5) for file, md5 in zip(packed, sums, strict=True)]
    resources = {"train": whole[:2], "test": whole[2:], "nist": [("http://unused.invalid/x.xz", "0")]}
    return SimpleNamespace(mirrors=["http://unused.invalid/"], resources=resources)


@pytest.fixture
def mirrors(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes folders of the server the mirrors of every dataset."""

    def use(*folders: str) -> None:
        module: Any = ModuleType("torchvision")
        module.datasets = SimpleNamespace(
            **{FAMILIES[name].folder: catalogue(server, name, *folders) for name in DOWNLOADED}
        )
        monkeypatch.setitem(sys.modules, "torchvision", module)

    return use


def load(data_dir: Path, name: str = "mnist", progress: Callable[[str], None] = nothing_is_told) -> Dataset:
    return load_dataset(name, str(data_dir), "raw", progress, never)


def left_over(data_dir: Path) -> list[str]:
    return [path.name for path in data_dir.rglob("*.part")]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_missing_files_are_downloaded_checked_and_unpacked(
    name: str, server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    dataset = load(tmp_path / "new" / "data", name)
    assert (dataset.name, len(dataset.train_inputs)) == (name, TRAIN)
    folder = FAMILIES[name].raw_folder(tmp_path / "new" / "data")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == family_files(name)
    assert len(server.requests) == 4


def test_downloaded_files_are_not_asked_for_again(
    server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    first = load(tmp_path)
    count = len(server.requests)
    assert load(tmp_path).fingerprint == first.fingerprint
    assert len(server.requests) == count


def test_only_what_is_missing_is_downloaded(
    server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    folder = write_family(tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    load(tmp_path)
    assert server.requests == ["/good/t10k-labels-idx1-ubyte.gz"]


def test_auto_downloads_mnist(mirrors: Callable[..., None], tmp_path: Path) -> None:
    mirrors("good")
    dataset = load(tmp_path, "auto")
    assert (dataset.name, dataset.notice) == ("mnist", None)


def test_others_may_read_downloaded_files(mirrors: Callable[..., None], tmp_path: Path) -> None:
    mirrors("good")
    load(tmp_path)
    plain = tmp_path / "plain"
    plain.touch()
    file = FAMILIES["mnist"].raw_folder(tmp_path) / "train-images-idx3-ubyte"
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_progress_says_what_is_downloaded_and_how_much(
    monkeypatch: pytest.MonkeyPatch, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    monkeypatch.setattr(download, "MESSAGE_INTERVAL_S", 0.0)
    mirrors("good")
    told: list[str] = []
    load(tmp_path, progress=told.append)
    assert told[0] == "MNIST is not on disk: preparing to download it"
    assert told[1].startswith("Connecting to 127.0.0.1:")
    assert "Downloading t10k-images-idx3-ubyte.gz: 0.0 of 0.0 MB" in told
    assert told[-1] == "Reading MNIST"


def test_progress_is_told_a_few_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    monkeypatch.setattr(download, "MESSAGE_INTERVAL_S", 1000.0)
    mirrors("good")
    told: list[str] = []
    load(tmp_path, progress=told.append)
    assert len([text for text in told if text.startswith(("Connecting", "Downloading"))]) == 1


@pytest.mark.parametrize("folder", ["wrong", "missing", "broken", "dead"])
def test_where_one_mirror_fails_the_next_is_asked_and_then_asked_first(
    folder: str, server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors(folder, "good")
    # Two host names for one server: a mirror is known by its host.
    for dataset in vars(sys.modules["torchvision"].datasets).values():
        dataset.mirrors[-1] = dataset.mirrors[-1].replace("127.0.0.1", "localhost")
    assert len(load(tmp_path).train_inputs) == TRAIN
    assert [request.split("/")[1] for request in server.requests] == [folder, *["good"] * 4]
    assert left_over(tmp_path) == []


FAILURES = {
    "wrong": "came with a wrong checksum",
    "missing": "HTTP status 404",
    "broken": "the connection broke off",
    "dead": "the server does not answer",
}


@pytest.mark.parametrize(("folder", "part"), FAILURES.items())
def test_a_failed_download_says_why_and_what_to_do(
    folder: str, part: str, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_as(monkeypatch, QUICK if folder == "dead" else CALM)
    mirrors(folder, folder)
    with pytest.raises(UserError, match=part) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert not isinstance(caught.value, UsageError)
    assert message.startswith("MNIST is not on disk and could not be downloaded (")
    assert f"put the files into {tmp_path}/MNIST/raw" in message
    assert "--dataset digits" in message
    assert message.isprintable()
    assert message.count(part) == 1
    assert not (tmp_path / "MNIST").exists()


@pytest.mark.parametrize("folder", ["wrong", "missing", "broken", "dead"])
def test_auto_takes_digits_where_the_download_fails(
    folder: str, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_as(monkeypatch, QUICK if folder == "dead" else CALM)
    mirrors(folder)
    dataset = load(tmp_path, "auto")
    assert dataset.name == "digits"
    assert dataset.notice is not None
    assert FAILURES[folder] in dataset.notice


def test_a_server_that_falls_silent_half_way_is_given_up(
    server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    server.silent.add("train-labels-idx1-ubyte.gz")
    with pytest.raises(DownloadError, match="the server does not answer"):
        load(tmp_path)
    # What was complete stays, for the next attempt.
    raw = tmp_path / "MNIST" / "raw"
    assert [path.name for path in raw.iterdir()] == ["train-images-idx3-ubyte"]


def test_silent_mirrors_are_not_all_waited_for(
    monkeypatch: pytest.MonkeyPatch, server: Server, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    wait_as(monkeypatch, Patience(silence_s=60, first_byte_s=0.2, total_s=60))
    mirrors("dead", "good")
    with pytest.raises(DownloadError, match="the server does not answer"):
        load(tmp_path)
    assert not any(request.startswith("/good/") for request in server.requests)


def test_a_download_that_never_ends_is_given_up(
    monkeypatch: pytest.MonkeyPatch, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    wait_as(monkeypatch, Patience(silence_s=60, first_byte_s=60, total_s=0.3))
    mirrors("endless")
    dataset = load(tmp_path, "auto")
    assert dataset.name == "digits"
    assert "it takes longer than 0.3 s" in str(dataset.notice)
    assert left_over(tmp_path) == []


def test_a_file_far_larger_than_expected_is_given_up(
    monkeypatch: pytest.MonkeyPatch, mirrors: Callable[..., None], tmp_path: Path
) -> None:
    monkeypatch.setattr(download, "LARGEST_BYTES", 5)
    mirrors("good")
    with pytest.raises(DownloadError, match="larger than it should be"):
        load(tmp_path)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("name", ["mnist", "auto"])
def test_a_download_can_be_cancelled_half_way(
    name: str, server: Server, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_as(monkeypatch, Patience(silence_s=60, first_byte_s=60, total_s=60))
    monkeypatch.setattr(download, "MESSAGE_INTERVAL_S", 0.0)
    mirrors("good")
    server.silent.add("train-images-idx3-ubyte.gz")
    told: list[str] = []

    def has_begun() -> bool:
        return any(text.startswith("Downloading") for text in told)

    with pytest.raises(Cancelled):
        load_dataset(name, str(tmp_path), "raw", told.append, has_begun)
    assert not (tmp_path / "MNIST").exists()


def test_a_refused_connection_is_named(server: Server, mirrors: Callable[..., None], tmp_path: Path) -> None:
    mirrors("good", "also-good")
    server.close()
    with pytest.raises(DownloadError, match=r"\(Connection refused\)"):
        load(tmp_path)


def test_a_host_that_cannot_be_found_is_named(
    server: Server, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    mirrors("good")
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DownloadError, match=r"\(Temporary failure in name resolution\)"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (RuntimeError("operator torchvision::nms does not exist"), "does not work with this torch: operator"),
        (ImportError("cannot import name 'x' from 'torch'"), "does not work with this torch: cannot import"),
        (OSError("libcudart.so.13:\x1b[0m cannot open\nmore"), r"libcudart.so.13:\\x1b\[0m cannot open\)"),
        (AttributeError("partially initialized"), "does not work with this torch: partially"),
        (ModuleNotFoundError("No module named 'torchvision'", name="torchvision"), "is not installed"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            "does not work: No module named 'torch'",
        ),
    ],
)
def test_a_torchvision_that_cannot_be_imported_is_explained(
    error: Exception, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_import = builtins.__import__

    def fail(name: str, *rest: Any) -> ModuleType:  # noqa: ANN401
        if name.startswith("torchvision"):
            raise error
        return true_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(UserError, match=part) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert message.isprintable()
    assert "install the torchvision that matches the installed torch" in message
    assert f"{tmp_path}/MNIST/raw" in message
    assert "--dataset digits" in message
    assert load(tmp_path, "auto").name == "digits"


def test_a_torchvision_that_does_not_know_a_file_is_explained(
    mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    sys.modules["torchvision"].datasets.MNIST.resources.pop()
    with pytest.raises(DownloadError, match="does not know t10k-labels-idx1-ubyte"):
        load(tmp_path)


def test_a_data_directory_that_cannot_be_made_is_explained(
    mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be written to: Not a directory.*--data-dir"):
        load(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_may_not_be_written_to_is_explained(
    mirrors: Callable[..., None], tmp_path: Path
) -> None:
    mirrors("good")
    tmp_path.chmod(0o500)
    with pytest.raises(DownloadError, match="cannot be written to: Permission denied.*--data-dir"):
        load(tmp_path)


@pytest.mark.parametrize("call", ["shutil.copyfileobj", "os.fsync", "os.replace"])
def test_a_full_disk_is_explained_and_leaves_nothing_behind(
    call: str, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    mirrors("good")
    monkeypatch.setattr(call, fail)
    with pytest.raises(DownloadError, match="cannot be written to: No space left on device.*--data-dir"):
        load(tmp_path)
    assert not (tmp_path / "MNIST").exists()


def test_the_real_torchvision_knows_every_file() -> None:
    try:
        import_module("torchvision")
    # RuntimeError, OSError and more, where it was not built for the installed torch.
    except Exception as error:
        pytest.skip(f"the installed torchvision cannot be imported: {error}")
    for family in (FAMILIES[name] for name in DOWNLOADED):
        found = find_resources(family.folder, family.files)
        assert [resource.name for resource in found] == list(family.files)
        urls = [url for resource in found for url in resource.urls]
        assert all(url.startswith("http") and url.endswith(".gz") for url in urls)
        assert all(len(resource.md5) == 32 for resource in found)


def test_a_failed_download_leaves_no_empty_folders(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(KeyError), _folder_for(kept / "MNIST" / "raw"):
        raise KeyError
    assert list(kept.iterdir()) == []
    with _folder_for(kept / "MNIST" / "raw"):
        (kept / "MNIST" / "raw" / "file").touch()
    assert (kept / "MNIST" / "raw" / "file").is_file()
