"""The job runner of bundles, with a shell script in the place of an emulator."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.errors import ExecutorUnavailableError, GeneratorFailedError, StrayOutputError
from pipeline.executors.rooted import run_rooted
from pipeline.model.execution import ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import find_target

IDENTITY = ExecutorIdentity(name="script", version="1", cpu_model="none", emulated=True)


def run(tmp_path: Path, script: str, *, timeout_s: float = 20, check: str = "exit 0") -> ExecResult:
    """Run *script* as the program of a root; *check* is what happens when the runner tries it out."""
    emulator = tmp_path / "emulator"
    emulator.write_text(f'#!/bin/sh\ncase "$*" in *--verify*) {check} ;; esac\n{script}\n')
    emulator.chmod(0o755)
    (tmp_path / "my root" / "w").mkdir(parents=True)
    (tmp_path / "my root" / "w" / "source").write_text("text")
    request = ExecRequest(
        argv=("/w/generator",), env={"A": "it's \"b\" $c", "OUT_DIR": "/w/out"}, workdir=Path("/w"),
        outputs=(tmp_path / "out",), target=find_target("arm64"), timeout_s=timeout_s, root=tmp_path / "my root",
    )  # fmt: skip
    return run_rooted(request, IDENTITY, (str(emulator), "@ROOT@"))


def left(words: str) -> bool:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_text(errors="replace").replace("\0", " ").strip())
        except OSError:
            continue
    return words in lines


def test_what_a_program_sees_and_leaves(tmp_path: Path) -> None:
    result = run(tmp_path, 'env; pwd; cat source; echo "$@"; echo blob >"$OUT_DIR/blob"; echo oops >&2; exit 7')
    root = tmp_path / "my root"
    said = result.stdout.decode().splitlines()
    assert {line.partition("=")[0] for line in said if "=" in line} - {"PWD", "_", "SHLVL"} == {"A", "OUT_DIR"}
    assert 'A=it\'s "b" $c' in said
    assert f"OUT_DIR={result.out_dir}" in said
    assert said[-2:] == [f"{root}/w", f"text{root} {root}/w/generator"]
    assert (result.exit_code, result.stderr, result.timed_out, result.way) == (7, b"oops\n", False, "emulator")
    assert (tmp_path / "out" / "blob").read_text() == "blob\n"


def test_a_program_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    result = run(tmp_path, "sleep 71.25 & sleep 72.25", timeout_s=1)
    assert (result.timed_out, result.exit_code) == (True, 137)
    assert not left("sleep 71.25")
    assert not left("sleep 72.25")


def test_children_that_stay_are_stopped(tmp_path: Path) -> None:
    result = run(tmp_path, "sleep 73.25 >/dev/null 2>&1 & exit 0")
    assert result.exit_code == 0
    assert not left("sleep 73.25")


def test_cpu_seconds_are_those_of_the_program(tmp_path: Path) -> None:
    result = run(tmp_path, "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done")
    assert 0.01 < result.cpu_s <= result.duration_s + 0.1


def test_a_link_does_not_travel(tmp_path: Path) -> None:
    with pytest.raises(StrayOutputError) as caught:
        run(tmp_path, 'ln -s /etc/passwd "$OUT_DIR/link"')
    assert str(caught.value) == (
        "error: the generator left a link in OUT_DIR: link\n"
        "  usual cause: what a link leads to does not travel between machines\n"
        "  what to do:  let the build script write a copy instead"
    )


def test_an_emulator_that_does_not_work(tmp_path: Path) -> None:
    with pytest.raises(ExecutorUnavailableError) as caught:
        run(tmp_path, "exit 0", check="echo no such thing; exit 9")
    assert str(caught.value) == (
        "emulator: not possible here: exit status 9 no such thing \n"
        "no program of arm64 can be run here\n\n"
        "error: the script executor cannot run arm64 programs there\n"
        "  usual cause: another CPU, or neither namespaces nor Docker are to be had; see the reasons above\n"
        "  what to do:  choose a machine with that CPU, or name an emulator: see docs/handoff.md"
    )


def test_children_that_lead_a_session_of_their_own_are_stopped_too(tmp_path: Path) -> None:
    result = run(tmp_path, "setsid sleep 74.25 >/dev/null 2>&1 & sleep 0.2")
    assert result.exit_code == 0
    assert not left("sleep 74.25")


def test_a_signal_that_the_program_sends_itself(tmp_path: Path) -> None:
    """It is not the first process of its namespace, which the kernel would spare; and nobody comments on it."""
    result = run(tmp_path, "kill -ABRT $$")
    assert (result.exit_code, result.stdout, result.stderr) == (134, b"", b"")


def test_of_much_output_the_beginning_and_the_end_are_kept(tmp_path: Path) -> None:
    result = run(tmp_path, "echo first; head -c 70000000 /dev/zero; echo last")
    assert len(result.stdout) == 64 * 1024 * 1024
    assert result.stdout.startswith(b"first\n\0")
    assert result.stdout.endswith(b"\0last\n")


TOO_MUCH = (
    "error: the generator made more than 4 GiB in OUT_DIR\n"
    "  usual cause: it writes without end, or puts more than snapshots there\n"
    "  what to do:  let the build script write less there; what it made was thrown away"
)


def test_files_without_end_are_ended(tmp_path: Path) -> None:
    """None of them is too large by itself; what goes on meanwhile is stopped."""
    started = time.monotonic()
    with pytest.raises(GeneratorFailedError) as caught:
        run(tmp_path, 'for i in 1 2 3; do truncate -s 2G "$OUT_DIR/$i"; done; sleep 75.25 & sleep 75.25', timeout_s=90)
    assert str(caught.value) == TOO_MUCH
    assert time.monotonic() - started < 60
    assert not left("sleep 75.25")
    assert list((tmp_path / "out").glob("*")) == []


def test_too_many_files_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(GeneratorFailedError) as caught:
        run(tmp_path, 'for i in 1 2 3; do truncate -s 2G "$OUT_DIR/$i"; done')
    assert str(caught.value) == TOO_MUCH


def test_a_file_without_end_is_ended(tmp_path: Path) -> None:
    result = run(tmp_path, 'truncate -s 9G "$OUT_DIR/huge"; echo $?; rm -f "$OUT_DIR/huge"')
    assert result.stdout.strip() != b"0"
