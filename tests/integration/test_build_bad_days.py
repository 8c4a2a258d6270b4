"""Builds that cannot go well, as a person meets them: a clear message, its own exit code, nothing half-written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .command import Cli, Ended
from .workspaces import WORKSPACES

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


class Place:
    """A copy of the plain workspace, for a test to spoil."""

    def __init__(self, cli: Cli, cargo: Path, directory: Path) -> None:
        self.cli = cli
        self.directory = directory
        self.out_dir = directory / "dist"
        self.workspace = WORKSPACES["plain"].write(directory / "my workspace")
        lock = subprocess.run(
            [str(cargo), "generate-lockfile", "--offline"],
            cwd=self.workspace, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert lock.returncode == 0, lock.stderr

    def arguments(self, *more: str | Path) -> tuple[str | Path, ...]:
        target = ("--target", "arm64", "--suite", "bookworm", "--toolchain", "private")
        options = (*target, "--path", self.workspace, "--out", self.out_dir)
        return ("build", *options, *more)

    def build(self, *more: str | Path) -> Ended:
        return self.cli.run(*self.arguments(*more))

    def script(self, body: str) -> None:
        """Replace the build script of the snapshot crate; the VM stays reachable."""
        (self.workspace / "snap" / "build.rs").write_text(f'fn main() {{ let _ = v8::heap("x"); {body} }}\n')

    def refused(self, ended: Ended, exit_code: int) -> str:
        assert ended.exit_code == exit_code, ended.stderr
        assert "Traceback" not in ended.stderr
        assert ended.result["error"]["exit_code"] == exit_code
        assert not list(self.out_dir.glob("*")), "something was left in the output directory"
        return ended.stderr


@pytest.fixture
def place(cli: Cli, cargo_program: Path, tmp_path: Path) -> Place:
    return Place(cli, cargo_program, tmp_path)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def children_below(directory: Path) -> list[str]:
    """Return the command lines of processes whose arguments name *directory*."""
    lines = (command_line(pid) for pid in processes() if pid != os.getpid())
    return [line for line in lines if str(directory) in line]


def descends_from(pid: int, ancestor: int) -> bool:
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == ancestor


def test_a_workspace_that_works_runs_on_the_target(place: Place) -> None:
    outcome = place.build("--check", "ignored => heap(snap)").outcome()
    assert outcome["checks"]["verdict"] == "ok"
    assert Path(outcome["zip"]).name == "app-1.0.0-linux-arm64.zip"


def test_a_script_that_fails_on_the_target(place: Place) -> None:
    place.script('println!("working"); eprintln!("the heap is broken"); std::process::exit(3);')
    said = place.refused(place.build(), 17)
    assert "working\nthe heap is broken\n" in said
    assert "error: the snapshot generator of snap ended with exit status 3 on arm64\n" in said
    replay = said.partition("run the generator again by hand:\n")[2].splitlines()[0]
    again = subprocess.run(["/bin/sh", "-c", replay], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (3, "working\n", "the heap is broken\n")


def test_a_script_that_dies_of_a_signal_on_the_target(place: Place) -> None:
    place.script("std::process::abort();")
    assert "ended with signal SIGABRT on arm64" in place.refused(place.build(), 17)


def test_a_script_that_hangs_on_the_target(place: Place) -> None:
    place.script("loop { std::thread::sleep(std::time::Duration::from_secs(1)); }")
    started = time.monotonic()
    said = place.refused(place.build("--timeout", "3"), 18)
    assert re.search(r"error: the generator of snap did not end within 3 s on arm64\n", said)
    assert time.monotonic() - started < 120
    assert not children_below(place.directory)


def test_after_a_repair_the_same_command_works(place: Place) -> None:
    script = place.workspace / "snap" / "build.rs"
    right = script.read_text()
    place.script("std::process::exit(1);")
    place.refused(place.build(), 17)
    script.write_text(right)
    assert place.build().outcome()["checks"]["verdict"] == "ok"


def test_a_script_that_does_not_compile(place: Place) -> None:
    place.script('let x: u32 = "text";')
    said = place.refused(place.build(), 15)
    assert "mismatched types" in said
    assert "the same again by hand:" in said


def test_no_build_script_makes_a_snapshot(place: Place) -> None:
    (place.workspace / "snap" / "build.rs").write_text("fn main() {}\n")
    said = place.refused(place.build("--vm-crate", "v88"), 7)
    assert "v88" in said
    assert "did you mean v8?" in said


def test_a_workspace_without_a_lock(place: Place) -> None:
    (place.workspace / "Cargo.lock").unlink()
    said = place.refused(place.build(), 6)
    assert said.splitlines()[-3:] == [
        f"error: there is no {place.workspace}/Cargo.lock",
        "  usual cause: the workspace was never built, or Cargo.lock is not under version control",
        "  what to do:  run `cargo generate-lockfile` in the workspace, look at the versions, and try again",
    ]


def test_a_product_that_answers_wrongly_does_not_ship(place: Place) -> None:
    ended = place.build("--check", "x => something else")
    assert ended.exit_code == 21
    assert "canary" in ended.stderr
    assert not list(place.out_dir.glob("*.zip"))


def test_unknown_names(cli: Cli) -> None:
    target = cli.run("build", "--target", "amr64")
    assert target.exit_code == 4
    assert "did you mean 'arm64'?" in target.stderr
    runtime = cli.run("build", "--target", "arm64", "--runtime", "pcio")
    assert runtime.exit_code == 4
    assert "did you mean 'pico'?" in runtime.stderr


def test_an_interrupt_leaves_no_process_and_no_half_file(place: Place) -> None:
    place.script("loop { std::thread::sleep(std::time::Duration::from_secs(1)); }")
    process = place.cli.start(*place.arguments())
    wait_for_generator(process)
    os.kill(process.pid, signal.SIGINT)
    _out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped; what was finished is kept" in said
    assert gone(place.directory)
    assert not list(place.out_dir.glob("*"))


def test_a_build_that_was_killed_goes_on(place: Place) -> None:
    place.script("std::thread::sleep(std::time::Duration::from_secs(20));")
    process = place.cli.start(*place.arguments())
    wait_for_generator(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    place.script('std::fs::write(std::env::var("OUT_DIR").unwrap() + "/snapshot.txt", v8::heap("again")).unwrap();')
    outcome = place.build("--check", "x => heap(again)").outcome()
    assert outcome["checks"]["verdict"] == "ok"


def test_two_builds_at_once_take_turns(place: Place) -> None:
    place.script(
        "std::thread::sleep(std::time::Duration::from_secs(5));"
        'std::fs::write(std::env::var("OUT_DIR").unwrap() + "/snapshot.txt", v8::heap("slow")).unwrap();'
    )
    first = place.cli.start(*place.arguments())
    wait_for_generator(first)
    second = place.build()
    _out, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert second.outcome()["checks"]["verdict"] == "ok"
    assert "waiting for another build of my workspace-" in second.stderr


def wait_for_generator(process: subprocess.Popen[str]) -> None:
    """Wait until the generator runs under the emulator, started by *process*."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        emulated = (
            pid for pid in processes() if "qemu-aarch64" in (line := command_line(pid)) and "generator-" in line
        )
        if any(descends_from(pid, process.pid) for pid in emulated):
            return
        time.sleep(0.1)
    pytest.fail("the generator never ran")


def gone(directory: Path) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not children_below(directory):
            return True
        time.sleep(0.2)
    return False
