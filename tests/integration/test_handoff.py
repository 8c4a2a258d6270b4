"""One build over three machines: three directories, and nothing of the first one there for the second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.model.record import BuildRecord
from pipeline.snapshots import bundles

from .command import Cli
from .handoffs import SECRET, Handoff, machine, refused, running, tree_digest
from .sshd import Sshd

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.fixture(scope="module")
def snapshot(handoff: Handoff) -> Path:
    out = handoff.middle.directory / "here.snapshot.tar.zst"
    handoff.middle.result("snapshot", handoff.bundle, "--executor", "qemu", "--out", out)
    return out


def test_the_last_machine_builds_with_what_the_middle_one_made(handoff: Handoff, snapshot: Path) -> None:
    outcome = handoff.last.stitch(snapshot, "--check", "x => heap(ab)").outcome()
    assert outcome["checks"]["verdict"] == "ok"
    record = BuildRecord.model_validate_json(Path(outcome["record"]).read_bytes())
    assert record.executor is not None
    assert (record.executor.name, record.executor.cpu_model) == ("qemu", "cortex-a72")
    titles = [step.title for step in record.steps]
    assert "compile generator of snap" not in titles
    (out_dir,) = handoff.last.work_dir().glob("target/*/release/build/snap-*/out")
    assert (out_dir / "place.txt").read_text() == str(out_dir)
    directives = (out_dir.parent / "output").read_text()
    assert f"cargo:rustc-env=PLACE={out_dir}\n" in directives


def test_no_variable_of_the_caller_travels(snapshot: Path) -> None:
    with bundles.opened(snapshot) as (directory, request):
        seen = (directory / "steps" / "snap-1.0.0" / "out" / "env.txt").read_text().split()
    assert {"OUT_DIR", "HOST", "TARGET", "CARGO_MANIFEST_DIR"} <= set(seen)
    assert not {*SECRET, "HOME", "PATH", "USER", "PYTHONPATH"} & set(seen)
    assert "hunter2" not in request.model_dump_json()


def test_the_runner_in_the_bundle_needs_a_shell_only(handoff: Handoff, tmp_path: Path) -> None:
    unpacked = tmp_path / "un packed"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", str(handoff.bundle), "-C", str(unpacked)], check=True)
    before = tree_digest(unpacked)
    out, private = tmp_path / "made.tar.gz", tmp_path / "private"
    private.mkdir()
    environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(private)}
    command = [str(unpacked / "run"), "--out", str(out), "--emulator", handoff.emulator]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tree_digest(unpacked) == before
    assert list(private.iterdir()) == []
    assert handoff.last.stitch(out, "--check", "x => heap(ab)").outcome()["checks"]["verdict"] == "ok"

    (unpacked / "root" / "lib" / "aarch64-linux-gnu" / "libc.so.6").write_bytes(b"another")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: files of the bundle are not what they should be before the run" in done.stderr
    assert list(private.iterdir()) == []


def test_two_executors_make_the_same(handoff: Handoff, host: Sshd) -> None:
    out = handoff.middle.directory / "ssh.snapshot.tar.zst"
    options = ("--ssh-config", host.config(), "--remote-run", handoff.emulator, "--out", out)
    compared = handoff.middle.result("snapshot", handoff.bundle, "--cross-check", "ssh:box,qemu", *options)
    assert compared["cross_check"]["differences"] == []
    step = compared["steps"]["snap-1.0.0"]
    assert (step["executor"], step["emulated"], step["way"]) == ("ssh", True, "emulator")
    assert compared["cross_check"]["with"]["snap-1.0.0"]["executor"] == "qemu"
    assert list(host.tmp_dir.iterdir()) == []


def test_the_machine_itself_by_namespaces_and_in_place(
    cli: Cli, cargo_program: Path, host: Sshd, tmp_path: Path
) -> None:
    target = "amd64" if os.uname().machine == "x86_64" else "arm64"
    place = machine(cli, cargo_program, tmp_path)
    bundle = place.generator(target=target)
    work_dir = place.work_dir()
    work_dir.rename(tmp_path / "gone")
    compared = place.result(
        "snapshot", bundle, "--cross-check", "auto,ssh:box", "--ssh-config", host.config(), "--out", tmp_path
    )
    assert compared["steps"]["snap-1.0.0"]["executor"] == "native"
    assert compared["steps"]["snap-1.0.0"]["way"] == "namespaces"
    assert compared["cross_check"]["differences"] == []

    unpacked, tools = tmp_path / "unpacked", tmp_path / "tools"
    unpacked.mkdir()
    tools.mkdir()
    for program in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
        if program.name not in {"unshare", "docker"} and not (tools / program.name).is_symlink():
            (tools / program.name).symlink_to(program)
    subprocess.run(["tar", "-xzf", str(bundle), "-C", str(unpacked)], check=True)
    command = ["/bin/sh", str(unpacked / "run"), "--out", str(tmp_path / "in-place.tar.gz")]
    done = subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not os.path.lexists(work_dir), "the link was left"
    with bundles.opened(tmp_path / "in-place.tar.gz") as (directory, _request):
        step = directory / "steps" / "snap-1.0.0"
        assert json.loads((step / "result.json").read_text())["way"] == "in place"
        assert (step / "out" / "snapshot.txt").read_text() == "heap(ab)[]"


# Faults


def over_ssh(handoff: Handoff, config: Path, emulator: str | None = None) -> tuple[str | Path, ...]:
    out = handoff.middle.directory / "never.snapshot.tar.zst"
    words = handoff.emulator if emulator is None else emulator
    return (
        "snapshot", handoff.bundle, "--executor", "ssh:box", "--ssh-config", config, "--remote-run", words,
        "--out", out,
    )  # fmt: skip


def nothing_left(handoff: Handoff, host: Sshd) -> None:
    assert not list(handoff.middle.directory.glob("*never*"))
    deadline = time.monotonic() + 15
    while list(host.tmp_dir.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(host.tmp_dir.iterdir()) == []


def test_another_host_key(handoff: Handoff, host: Sshd) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host.directory / "other")], check=True
    )  # fmt: skip
    config = host.config("changed", known=(host.directory / "other.pub").read_text())
    said = refused(handoff.middle.run(*over_ssh(handoff, config)), 16)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in "".join(said)
    assert said[-3:] == [
        "error: connecting to box failed: exit status 255",
        "  usual cause: the connection was cut, the host is not reachable, or ssh, which asks nothing, lacks a key",
        "  what to do:  see that `ssh box true` works, and run the same command again",
    ]
    nothing_left(handoff, host)


# Passes bytes on, and ends after so many of them in one direction.
RELAY = """
import socket, sys, threading
port, limit, upwards = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "up"
link = socket.create_connection(("127.0.0.1", port))
import os
def copy(read, write, counts):
    seen = 0
    while data := read():
        seen += len(data)
        if counts and seen > limit:
            os._exit(1)
        write(data)
    os._exit(0)
def to_stdout(data):
    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
threading.Thread(target=copy, args=(lambda: os.read(0, 65536), link.sendall, upwards)).start()
copy(lambda: link.recv(65536), to_stdout, not upwards)
"""


@pytest.mark.parametrize(
    ("direction", "limit", "step"),
    [
        ("up", 3_500_000, "sending the generator to box"),
        ("down", 1_000_000, "bringing the result back from box"),
    ],
)
def test_a_connection_that_is_cut_in_a_transfer(
    handoff: Handoff, host: Sshd, tmp_path: Path, direction: str, limit: int, step: str
) -> None:
    relay = host.directory / "relay.py"
    relay.write_text(RELAY)
    proxy = f'ProxyCommand {sys.executable} "{relay}" {host.port} {limit} {direction}'
    said = refused(handoff.middle.run(*over_ssh(handoff, host.config("cut", proxy))), 16)
    assert said[-3] == f"error: {step} failed: exit status 255"
    nothing_left(handoff, host)
    # The same command, without the fault, works.
    handoff.middle.result(*over_ssh(handoff, host.config())[:-1], tmp_path / "again.snapshot.tar.zst")


def stand_in(handoff: Handoff, path: Path, run: str) -> str:
    """Write an emulator that does *run* in the place of the generator; return the words that start it."""
    real = handoff.emulator.replace("@ROOT@", '"$1"')
    path.write_text(f'#!/bin/sh\ncase "$*" in *--verify*) exec {real} "$2" "$3" "$4" ;; esac\n{run}\n')
    path.chmod(0o755)
    return f"{path} @ROOT@"


def test_a_connection_that_is_cut_during_the_run(handoff: Handoff, host: Sshd, tmp_path: Path) -> None:
    slow = stand_in(handoff, tmp_path / "slow", f":>{tmp_path}/started\nexec sleep 61.5")
    cutter = threading.Thread(target=cut_when, args=(host, (tmp_path / "started").exists))
    cutter.start()
    said = refused(handoff.middle.run(*over_ssh(handoff, host.config(), slow)), 16)
    cutter.join()
    assert said[-3] == "error: running the generator on box failed: exit status 255"
    nothing_left(handoff, host)
    assert not running("sleep\x0061.5")
    # The same command, without the fault, works.
    out = tmp_path / "again.snapshot.tar.zst"
    command = over_ssh(handoff, host.config())
    handoff.middle.result(*command[:-1], out)


def test_gigabytes_stay_where_they_are(handoff: Handoff, host: Sshd, tmp_path: Path) -> None:
    """None of the files is too large by itself; the generator is ended before it is done, and nothing comes back."""
    run = 'for i in 1 2 3; do truncate -s 2G "$OUT_DIR/$i"; done\nexec sleep 63.5'
    endless = stand_in(handoff, tmp_path / "endless", run)
    started = time.monotonic()
    said = refused(handoff.middle.run(*over_ssh(handoff, host.config(), endless)), 17)
    assert time.monotonic() - started < 60
    assert said[-3] == "error: the generator made more than 4 GiB in OUT_DIR"
    nothing_left(handoff, host)
    assert not running("sleep\x0063.5")


def cut_when(host: Sshd, begun: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not begun() and time.monotonic() < deadline:
        time.sleep(0.05)
    host.cut()


def test_auto_says_what_it_takes(handoff: Handoff, tmp_path: Path) -> None:
    made = handoff.middle.run("snapshot", handoff.bundle, "--out", tmp_path)
    assert made.exit_code == 0, made.stderr
    (line,) = (line for line in made.stderr.splitlines() if "runs programs of arm64" in line)
    assert line.endswith(
        f"qemu runs programs of arm64 (native: this machine is no arm64 ({os.uname().machine}); "
        "qemu: a tiny arm64 program ran here; docker: not tried, qemu comes first; "
        "ssh: only where a host is named (--executor ssh:[user@]host))"
    )


def test_native_where_the_cpu_is_another_one(handoff: Handoff, tmp_path: Path) -> None:
    said = refused(handoff.middle.run("snapshot", handoff.bundle, "--executor", "native", "--out", tmp_path), 16)
    assert said[-3:] == [
        "error: no program of arm64 can be run here",
        f"  usual cause: native: this machine is no arm64 ({os.uname().machine})",
        "  what to do:  run `python -m pipeline doctor`, or name another executor with --executor",
    ]


def test_a_host_of_another_cpu(handoff: Handoff, host: Sshd) -> None:
    said = refused(handoff.middle.run(*over_ssh(handoff, host.config(), "")), 16)
    assert said[-3] == "error: the ssh (box) executor cannot run arm64 programs there"
    assert any(line.startswith("namespaces: this machine has another CPU") for line in said)
    nothing_left(handoff, host)


def test_other_sources_and_another_lock_are_refused(handoff: Handoff, snapshot: Path) -> None:
    script = handoff.last.workspace / "snap" / "js" / "a.js"
    script.write_text("another")
    try:
        said = refused(handoff.last.stitch(snapshot), 20)
    finally:
        script.write_text("a")
    refusal = f"error: {snapshot.name} cannot be stitched in: it was made for"
    assert said[-3].startswith(f"{refusal} a generator from other sources (sources_sha256: ")
    lock = handoff.last.workspace / "Cargo.lock"
    text = lock.read_text()
    lock.write_text(text + "\n")
    try:
        said = refused(handoff.last.stitch(snapshot), 20)
    finally:
        lock.write_text(text)
    assert said[-3].startswith(f"{refusal} another Cargo.lock (lock_sha256: ")


def test_a_truncated_bundle(handoff: Handoff, snapshot: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(snapshot.read_bytes()[:-2000])
    said = refused(handoff.last.stitch(cut), 24)
    assert said[-3].startswith(f"error: {cut} is not an archive that can be unpacked safely: ")


def test_a_generator_bundle_is_no_snapshot(handoff: Handoff) -> None:
    said = refused(handoff.last.stitch(handoff.bundle), 20)
    assert said[-3] == (
        f"error: {handoff.bundle.name} cannot be stitched in: the snapshot of snap-1.0.0 is not in it:"
        " it holds generators that are yet to be run"
    )


def test_a_generator_that_fails_makes_no_bundle(cli: Cli, cargo_program: Path, tmp_path: Path) -> None:
    place = machine(cli, cargo_program, tmp_path)
    (place.workspace / "snap" / "build.rs").write_text(
        'fn main() { let _ = v8::heap("x"); eprintln!("no luck"); std::process::exit(7) }\n'
    )
    bundle = place.generator()
    said = refused(place.run("snapshot", bundle, "--out", tmp_path / "out"), 17)
    assert "error: the snapshot generator of snap-1.0.0 ended with exit status 7 on arm64" in said
    assert "no luck" in said
    assert not (tmp_path / "out").exists()


def test_a_bundle_holds_plain_files_without_times_and_owners(handoff: Handoff) -> None:
    with tarfile.open(handoff.bundle) as archive:
        infos = archive.getmembers()
    assert {(info.mtime, info.uid, info.gid) for info in infos} == {(0, 0, 0)}
    assert not [info.name for info in infos if info.issym() or info.islnk()]
    assert [info.name for info in infos[1:]] == sorted(info.name for info in infos[1:])
