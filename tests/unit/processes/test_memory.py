"""Jobs within the machine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import MemoryShortError
from pipeline.processes.memory import Need, available_memory_bytes, choose_jobs, killed_error, shows_shortage

V8 = Need(what="compiling V8", job_bytes=1_200_000_000)
APP = Need(what="compiling app", job_bytes=1_200_000_000, largest_bytes=3_400_000_000, lower="choose another profile")

MEMINFO = "MemTotal:       24000000 kB\nMemFree:  1 kB\nMemAvailable:   {kib} kB\n"


def machine(root: Path, *, kib: int, limit: str | None = None, current: int = 0) -> Path:
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(MEMINFO.format(kib=kib))
    if limit is not None:
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "sys/fs/cgroup/memory.max").write_text(f"{limit}\n")
        (root / "sys/fs/cgroup/memory.current").write_text(f"{current}\n")
    return root


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, 8_192_000), ("max", 8_192_000), ("5000000", 4_000_000), ("99000000", 8_192_000)]
)
def test_the_smaller_of_machine_and_control_group(tmp_path: Path, limit: str | None, expected: int) -> None:
    assert available_memory_bytes(machine(tmp_path, kib=8000, limit=limit, current=1_000_000)) == expected


def test_a_machine_that_does_not_tell(tmp_path: Path) -> None:
    assert available_memory_bytes(tmp_path) is None
    assert choose_jobs(V8, wanted=None, cores=3, available_bytes=None) == 3


@pytest.mark.parametrize(
    ("wanted", "cores", "fitting", "jobs"), [(None, 2, 10, 2), (None, 8, 3, 3), (5, 2, 5, 5), (1, 8, 1, 1)]
)
def test_jobs(wanted: int | None, cores: int, fitting: int, jobs: int) -> None:
    assert choose_jobs(V8, wanted=wanted, cores=cores, available_bytes=fitting * V8.job_bytes) == jobs


def test_more_jobs_than_memory() -> None:
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(V8, wanted=4, cores=8, available_bytes=3_000_000_000)
    assert str(error.value) == (
        "error: compiling V8 with 4 jobs takes about 4.8 GB of memory, and 3.0 GB are free\n"
        "  usual cause: each compiler or linker may need 1.2 GB; without enough the system kills them\n"
        "  what to do:  give --jobs 2"
    )


def test_not_even_one() -> None:
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(V8, wanted=None, cores=8, available_bytes=900_000_000)
    assert str(error.value) == (
        "error: compiling V8 with 1 job takes about 1.2 GB of memory, and 0.9 GB are free\n"
        "  usual cause: each compiler or linker may need 1.2 GB; without enough the system kills them\n"
        "  what to do:  end other programs, or use a machine with more memory"
    )


def test_the_largest_job_counts_beside_the_others() -> None:
    assert [APP.fitting(gigabytes * 10**9) for gigabytes in (3, 4, 5, 6, 8)] == [0, 1, 2, 3, 4]
    assert choose_jobs(APP, wanted=None, cores=8, available_bytes=5_000_000_000) == 2
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(APP, wanted=4, cores=8, available_bytes=5_000_000_000)
    assert str(error.value) == (
        "error: compiling app with 4 jobs takes about 7.0 GB of memory, and 5.0 GB are free\n"
        "  usual cause: each compiler or linker may need 1.2 GB, the largest 3.4 GB; "
        "without enough the system kills them\n"
        "  what to do:  give --jobs 2"
    )


def test_the_largest_job_alone_does_not_fit() -> None:
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(APP, wanted=None, cores=8, available_bytes=3_000_000_000)
    assert error.value.action == ("choose another profile; or end other programs, or use a machine with more memory")


@pytest.mark.parametrize(
    ("jobs", "advice"),
    [
        (4, "give --jobs 2, or choose another profile"),
        (None, "give --jobs 1, or choose another profile"),
        (1, "choose another profile"),
    ],
)
def test_what_can_be_lowered_afterwards(jobs: int | None, advice: str) -> None:
    error = killed_error(APP, jobs=jobs, details="")
    assert str(error) == (
        "error: a compiler was ended for lack of memory while compiling app\n"
        "  usual cause: the machine, its control group or a limit had no memory left for all that ran at once\n"
        f"  what to do:  {advice}; what was finished is kept, and the next run goes on from there"
    )


@pytest.mark.parametrize(
    "said",
    [
        "  process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)",
        "rustc-LLVM ERROR: out of memory",
        "memory allocation of 272 bytes failed",
        "clang++: error: unable to execute command: Killed",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
        "fork: Cannot allocate memory",
        "/bin/sh: line 1: 123 Killed\nninja: build stopped",
    ],
)
def test_words_that_mean_memory(said: str) -> None:
    assert shows_shortage(f"before\n{said}\nafter", 101)


@pytest.mark.parametrize(
    "said", ["error[E0425]: cannot find value `Killed` in this scope", "(signal: 11, SIGSEGV)", ""]
)
def test_words_that_mean_something_else(said: str) -> None:
    assert not shows_shortage(said, 101)
    assert shows_shortage(said, 137)


def test_the_group_of_the_process_and_those_above_it(tmp_path: Path) -> None:
    root = machine(tmp_path, kib=8000, limit="7000000", current=1_000_000)
    (root / "proc/self").mkdir()
    (root / "proc/self/cgroup").write_text("0::/user/build\n")
    group = root / "sys/fs/cgroup/user/build"
    group.mkdir(parents=True)
    assert available_memory_bytes(root) == 6_000_000
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("2500000\n")
    assert available_memory_bytes(root) == 500_000
    # What the kernel keeps of files it gives back by itself.
    (group / "memory.stat").write_text("anon 1\ninactive_file 2000000\n")
    assert available_memory_bytes(root) == 2_500_000
