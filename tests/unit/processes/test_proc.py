"""Starting, stopping and describing child processes, with real ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import ProcessFailedError
from pipeline.processes import proc

ENV = {"PATH": "/usr/bin:/bin"}


def shell(script: str, *, timeout_s: float | None = None) -> proc.Command:
    return proc.Command(argv=("/bin/sh", "-c", script), env=ENV, timeout_s=timeout_s)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


def ends(pid: int, timeout_s: float = 5) -> bool:
    """Whether a process that was killed is gone: the kernel needs a moment for that."""
    deadline = time.monotonic() + timeout_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_output_exit_code_and_cpu_time_are_returned() -> None:
    completed = proc.run(shell("echo out; echo err >&2; exit 3"))
    assert (completed.exit_code, completed.stdout, completed.stderr) == (3, b"out\n", b"err\n")
    assert completed.cpu_s < 5
    assert completed.peak_memory_bytes > 0


def test_cpu_time_counts_what_the_child_waited_for() -> None:
    busy = f"{sys.executable} -c 'x = sum(i * i for i in range(10_000_000))'"
    assert proc.run(shell(f"{busy}; true")).cpu_s > 0.1


def test_the_child_sees_the_given_environment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "1")
    completed = proc.run(proc.Command(argv=("/usr/bin/env",), env={"ONLY": "this"}))
    assert completed.stdout == b"ONLY=this\n"


def test_standard_input_is_closed() -> None:
    assert proc.run(shell("cat; echo end", timeout_s=10)).stdout == b"end\n"


def test_a_chatty_child_is_stopped_at_its_timeout() -> None:
    started = time.monotonic()
    completed = proc.run(shell("while :; do echo tick; sleep 0.05; done", timeout_s=0.5))
    assert completed.timed_out
    assert completed.exit_code == 128 + signal.SIGKILL
    assert time.monotonic() - started < 5


def test_children_that_outlive_their_parent_are_stopped_too(tmp_path: Path) -> None:
    started = time.monotonic()
    proc.run(shell(f"sleep 300 & echo $! > {tmp_path}/pid"))
    assert time.monotonic() - started < 10
    assert ends(int((tmp_path / "pid").read_text()))


def test_an_interrupt_stops_the_whole_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def interrupt_soon() -> None:
        while not pid_file.exists() or not pid_file.read_text().strip():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_soon, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        proc.run(shell(f"sleep 300 & echo $! > {pid_file}; wait", timeout_s=60))
    assert ends(int(pid_file.read_text()))


def test_lines_are_seen_as_they_come() -> None:
    seen: list[tuple[float, bytes]] = []
    proc.run(shell("echo first; sleep 0.5; echo second"), on_stdout=lambda line: seen.append((time.monotonic(), line)))
    assert [line for _, line in seen] == [b"first\n", b"second\n"]
    assert seen[1][0] - seen[0][0] > 0.3


def test_what_is_kept_is_bounded_but_begins_and_ends_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "CAPTURE_LIMIT_BYTES", 1000)
    kept = proc.run(shell("seq 1 10000")).stdout
    assert len(kept) <= 1000
    assert kept.startswith(b"1\n2\n")
    assert kept.endswith(b"9999\n10000\n")


def test_a_failure_names_status_evidence_and_replay() -> None:
    command = proc.Command(argv=("/bin/sh", "-c", "echo no >&2; exit 4"), env={"A": "b c"}, cwd=Path("/"))
    with pytest.raises(ProcessFailedError) as caught:
        proc.check(command)
    assert str(caught.value) == (
        "no\n\nerror: sh ended with exit status 4\n"
        "  usual cause: see what it printed, above\n"
        "  what to do:  run it again by hand:\n"
        "cd / && env -i 'A=b c' /bin/sh -c 'echo no >&2; exit 4'"
    )


def test_a_replay_line_does_the_same_again(tmp_path: Path) -> None:
    command = proc.Command(argv=("/bin/sh", "-c", 'echo "$A" "$PWD"'), env={"A": "it's $x"}, cwd=tmp_path)
    assert proc.run(shell(command.replay_line())).stdout == proc.run(command).stdout


def test_a_missing_program_is_a_named_error() -> None:
    with pytest.raises(ProcessFailedError, match=r"cannot start /no/such: No such file or directory"):
        proc.run(proc.Command(argv=("/no/such",), env={}))


@pytest.mark.parametrize(("code", "text"), [(1, "exit status 1"), (139, "signal SIGSEGV"), (255, "exit status 255")])
def test_exit_codes_in_words(code: int, text: str) -> None:
    assert proc.describe_exit(code) == text


def test_a_child_environment_has_proxies_and_certificates_but_no_secrets() -> None:
    environ = {
        "PATH": "/bin",
        "https_proxy": "p",
        "SSL_CERT_FILE": "c",
        "CARGO_REGISTRIES_X_INDEX": "i",
        "CARGO_REGISTRIES_X_TOKEN": "secret",
        "GITHUB_TOKEN": "secret",
        "LD_LIBRARY_PATH": "leak",
        "LANG": "de_DE",
    }
    assert proc.base_environment(environ) == {
        "PATH": "/bin",
        "https_proxy": "p",
        "SSL_CERT_FILE": "c",
        "CARGO_REGISTRIES_X_INDEX": "i",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


def test_a_signal_before_anyone_waits_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's own child ignores interrupts, as background jobs of shells do, and holds the pipes."""
    pid_file = tmp_path / "pid"

    def interrupted(*_arguments: object) -> None:
        while not pid_file.exists() or not pid_file.read_text().endswith("\n"):
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(proc, "_Collector", interrupted)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        proc.run(shell(f"sleep 1000 & echo $! > {pid_file}; wait"))
    assert time.monotonic() - started < 5
    assert ends(int(pid_file.read_text()))
