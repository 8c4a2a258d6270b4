"""Jobs within the machine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import MemoryShortError
from pipeline.v8_build.limits import MEMORY_PER_JOB_BYTES, available_memory_bytes, choose_jobs

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
    assert choose_jobs(wanted=None, cores=3, available_bytes=None) == 3


@pytest.mark.parametrize(
    ("wanted", "cores", "fitting", "jobs"), [(None, 2, 10, 2), (None, 8, 3, 3), (5, 2, 5, 5), (1, 8, 1, 1)]
)
def test_jobs(wanted: int | None, cores: int, fitting: int, jobs: int) -> None:
    assert choose_jobs(wanted=wanted, cores=cores, available_bytes=fitting * MEMORY_PER_JOB_BYTES) == jobs


def test_more_jobs_than_memory() -> None:
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(wanted=4, cores=8, available_bytes=3_000_000_000)
    assert str(error.value) == (
        "error: compiling V8 with 4 jobs takes about 4.8 GB of memory, and 3.0 GB are free\n"
        "  usual cause: each compiler or linker may need 1.2 GB; without enough the system kills them\n"
        "  what to do:  give --jobs 2"
    )


def test_not_even_one() -> None:
    with pytest.raises(MemoryShortError) as error:
        choose_jobs(wanted=None, cores=8, available_bytes=900_000_000)
    assert str(error.value) == (
        "error: compiling V8 with 1 job takes about 1.2 GB of memory, and 0.9 GB are free\n"
        "  usual cause: each compiler or linker may need 1.2 GB; without enough the system kills them\n"
        "  what to do:  end other programs, or use a machine with more memory"
    )
