"""Builds on one machine whose snapshots are made on another one, over SSH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.model.record import BuildRecord
from pipeline.model.target import target_of_machine

from .command import Cli
from .handoffs import SECRET, Machine, emulator_words, machine, refused
from .sshd import Sshd

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

# Connects as often as its file has lines.
DOOR = """
import socket, sys, threading, os
path, port = sys.argv[1], int(sys.argv[2])
left = open(path).read().splitlines()
if not left:
    sys.exit("the host is gone")
open(path, "w").write("".join(line + "\\n" for line in left[1:]))
link = socket.create_connection(("127.0.0.1", port))
def copy(read, write):
    while data := read():
        write(data)
    os._exit(0)
threading.Thread(target=copy, args=(lambda: os.read(0, 65536), link.sendall), daemon=True).start()
copy(lambda: link.recv(65536), lambda data: os.write(1, data))
"""


@pytest.fixture(scope="module")
def place(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return machine(cli, cargo_program, tmp_path_factory.mktemp("one machine"))


def options(place: Machine, target: str, config: Path, *more: str) -> tuple[str | Path, ...]:
    return (
        "--target", target, "--path", place.workspace, "--toolchain", "private", "--executor", "ssh:box",
        "--ssh-config", config, "--out", place.directory / "dist", *more,
    )  # fmt: skip


def own_target() -> str:
    found = target_of_machine(os.uname().machine)
    assert found is not None
    return found.name


def test_the_snapshot_comes_from_the_host(place: Machine, host: Sshd) -> None:
    """The host has another root: the very paths of this machine, and nothing of this machine behind them."""
    outcome = place.run("build", *options(place, own_target(), host.config(), "--check", "x => heap(ab)")).outcome()
    record = BuildRecord.model_validate_json(Path(outcome["record"]).read_bytes())
    assert outcome["checks"]["verdict"] == "ok"
    assert record.executor is not None
    assert (record.executor.name, record.executor.emulated) == ("ssh", False)
    assert record.executor.cpu_model.startswith(os.uname().machine)
    canary = next(finding for finding in record.findings if finding.id == "canary")
    assert canary.evidence is not None
    assert str(canary.evidence["executor"]).startswith("ssh ")
    (out_dir,) = place.work_dir().glob("target/*/release/build/snap-*/out")
    assert (out_dir / "place.txt").read_text() == str(out_dir)
    assert not {"HOME", "PATH", "SHELL", "TERM", *SECRET} & set((out_dir / "env.txt").read_text().split())
    assert list(host.tmp_dir.iterdir()) == []


def test_a_host_that_goes_away_between_probe_and_run(place: Machine, host: Sshd) -> None:
    """The same command, once the host is back, goes on."""
    doors, door = host.directory / "doors", host.directory / "door.py"
    door.write_text(DOOR)
    config = host.config("leaving", f'ProxyCommand {sys.executable} "{door}" "{doors}" {host.port}')
    arguments = options(place, "arm64", config, "--remote-run", emulator_words(place.cli))
    doors.write_text("probe\n")
    said = refused(place.run("build", *arguments), 16)
    assert said[-3:] == [
        "error: connecting to box failed: exit status 255",
        "  usual cause: the connection was cut, the host is not reachable, or ssh, which asks nothing, lacks a key",
        "  what to do:  see that `ssh box true` works, and run the same command again",
    ]
    assert not list((place.directory / "dist").glob("*arm64*"))
    doors.write_text("open\n" * 9)
    outcome = place.run("build", *arguments, "--check", "x => heap(ab)").outcome()
    record = BuildRecord.model_validate_json(Path(outcome["record"]).read_bytes())
    assert record.executor is not None
    assert (record.executor.name, record.executor.cpu_model, record.executor.emulated) == ("ssh", "cortex-a72", True)
    # The emulator looks into the root first, but OUT_DIR is another one: wherever it is named, it is this one's.
    (out_dir,) = place.work_dir().glob("target/aarch64-unknown-linux-gnu/release/build/snap-*/out")
    assert (out_dir / "place.txt").read_text() == str(out_dir)
    assert f"cargo:rustc-env=PLACE={out_dir}\n" in (out_dir.parent / "output").read_text()


def test_a_host_that_was_never_there(place: Machine, host: Sshd) -> None:
    config = host.config("never", "ProxyCommand false")
    said = refused(place.run("build", *options(place, own_target(), config)), 16)
    assert said[-3] == f"error: no program of {own_target()} can be run here"
    assert said[-2].startswith("  usual cause: ssh: connecting to box failed: exit status 255 (")


def test_auto_says_why_not(place: Machine) -> None:
    made = place.run("build", "--target", "arm64", "--path", place.workspace, "--toolchain", "private")
    assert made.exit_code == 0, made.stderr
    machine_name = os.uname().machine
    native = f"native: this machine is no arm64 ({machine_name})"
    (line,) = (line for line in made.stderr.splitlines() if "runs programs of arm64" in line)
    assert line.endswith(
        f"qemu runs programs of arm64 ({native}; qemu: a tiny arm64 program ran here; "
        "docker: not tried, qemu comes first; ssh: only where a host is named (--executor ssh:[user@]host))"
    )
