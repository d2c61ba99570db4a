"""A training over a real SSH connection that is cut, as a lost link or a closed laptop cuts it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from shlex import quote

import pytest
from helpers.running import (
    COMMAND,
    ENDLESS,
    TRAINING,
    Uninterrupted,
    experiments,
    figures,
    free_port,
    happened,
    last_event,
    wait_for_event,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import Terminal

SSHD = Path("/usr/sbin/sshd")
PRIVILEGE_FOLDER = Path("/run/sshd")
pytestmark = [
    pytest.mark.skipif(not SSHD.exists(), reason="needs Debian's openssh-server"),
    pytest.mark.skipif(shutil.which("ssh") is None, reason="needs the command ssh"),
]


@dataclass(frozen=True)
class Server:
    """An sshd on this machine that lets in the user who runs the tests, by a key of its own."""

    folder: Path
    port: int

    def command(self, remote: str) -> list[str | Path]:
        """Return the words that run a command there, in a terminal."""
        options = (
            "BatchMode=yes",
            "ControlPath=none",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
        )
        settings = [word for option in options for word in ("-o", option)]
        identity = ["-F", "none", "-i", str(self.folder / "user"), "-p", str(self.port)]
        return ["ssh", "-tt", *identity, *settings, f"{getuser()}@127.0.0.1", remote]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start an sshd on a free port of the loopback interface."""
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.geteuid() == 0:
        PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
    log = folder / "log"
    process = subprocess.Popen([SSHD, "-D", "-f", folder / "config", "-E", log])
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, lambda: "sshd")
        assert process.poll() is None, log.read_text()
        yield Server(folder, port)
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def remote_line(folder: Path, environment: dict[str, str], words: tuple[str, ...]) -> str:
    """Return what the shell on the other side runs; its process id is left in the file `pid`."""
    names = ("HOME", "LOGREG_TUI_DATA_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    variables = " ".join(f"{name}={quote(environment[name])}" for name in names)
    program = " ".join(quote(word) for word in (str(COMMAND), *words))
    return f"cd {quote(str(folder))} && echo $$ > pid && exec env {variables} {program}"


@pytest.fixture
def leftover(tmp_path: Path) -> Iterator[None]:
    """Kill what the test left running on the other side."""
    yield
    pid = tmp_path / "pid"
    if pid.exists() and is_alive(int(pid.read_text())):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def connect(server: Server, folder: Path, environment: dict[str, str], *words: str) -> Terminal:
    return Terminal(server.command(remote_line(folder, environment, words)), folder, environment)


def cut(terminal: Terminal, folder: Path) -> int:
    """Kill the client in the midst of it; return the process id of the app on the other side."""
    process_id = int((folder / "pid").read_text())
    assert is_alive(process_id)
    terminal.process.kill()
    return process_id


@pytest.mark.usefixtures("leftover")
def test_a_training_outlives_its_connection_and_has_every_row(
    tmp_path: Path, environment: dict[str, str], server: Server, uninterrupted: Uninterrupted
) -> None:
    with connect(server, tmp_path, environment, *TRAINING) as terminal:
        wait_until(lambda: experiments(tmp_path), lambda: f"the experiment in\n{terminal.text}")
        (directory,) = experiments(tmp_path)
        wait_for_rows(directory, 10)
        process_id = cut(terminal, tmp_path)
        wait_for_event(directory, "detached")
        wait_until(lambda: not is_alive(process_id), lambda: "the end of the training")
    assert last_event(directory)["event"] == "experiment_ended"
    assert figures(directory) == uninterrupted(*TRAINING)


@pytest.mark.usefixtures("leftover")
def test_a_training_whose_connection_was_cut_is_taken_over_on_the_next_one(
    tmp_path: Path, environment: dict[str, str], server: Server, uninterrupted: Uninterrupted
) -> None:
    with connect(server, tmp_path, environment, *TRAINING, *ENDLESS) as terminal:
        wait_until(lambda: experiments(tmp_path), lambda: f"the experiment in\n{terminal.text}")
        (directory,) = experiments(tmp_path)
        wait_for_rows(directory, 602)
        first = cut(terminal, tmp_path)
        wait_for_event(directory, "detached")
    with connect(server, tmp_path, environment, "resume", str(directory)) as terminal:
        wait_until(lambda: not is_alive(first), lambda: f"the hand-over in\n{terminal.text}")
        wait_until(lambda: happened(directory, "experiment_resumed"), lambda: terminal.text)
        terminal.wait_for("Pause")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.is_restored
    assert happened(directory, "experiment_left", cause="handed over")
    assert figures(directory)[:603] == uninterrupted(*TRAINING)
