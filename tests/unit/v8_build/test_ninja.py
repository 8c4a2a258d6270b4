"""Running ninja: progress, errors that show the failed step, what is passed on."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import CompileError, MemoryShortError
from pipeline.model.events import NullReporter, Progress
from pipeline.model.v8_record import V8Run
from pipeline.v8_build.ninja import BuildDir, compile_target, environment, find_compiler_cache, generate
from pipeline.v8_build.pack import write_gzip

from .fakes import script


@dataclasses.dataclass
class Bar:
    seen: list[str] = dataclasses.field(default_factory=list)

    def advance(self, amount: int) -> None:
        self.seen.append(f"+{amount}")

    def total(self, amount: int) -> None:
        self.seen.append(f"of {amount}")


class Watching(NullReporter):
    def __init__(self) -> None:
        self.bar = Bar()
        self.lines: list[str] = []

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str = "B") -> Iterator[Progress]:
        self.bar.seen.append(f"{title} {total} {unit}")
        yield self.bar

    def output(self, line: str) -> None:
        self.lines.append(line)


def build_dir(tmp_path: Path, ninja: str = "", gn: str = "") -> BuildDir:
    (tmp_path / "crate").mkdir()
    return BuildDir(
        path=tmp_path / "out",
        source=tmp_path / "crate",
        gn=script(tmp_path / "gn", f"#!/bin/sh\n{gn}\n"),
        ninja=script(tmp_path / "ninja", f"#!/bin/sh\n{ninja}\n"),
        python=Path("/usr/bin/python3"),
        arguments=("is_debug=false", 'target_cpu="arm64"'),
    )


def context(tmp_path: Path, reporter: NullReporter | None = None) -> Context:
    environ = {"PATH": "/usr/bin:/bin", "CCACHE_DIR": "/ccache", "SECRET_TOKEN": "x", "CXXFLAGS": "-O0"}
    return Context(cache_dir=tmp_path / "cache", reporter=reporter or NullReporter(), environ=environ)


def test_ninjas_count_is_the_progress(tmp_path: Path) -> None:
    reporter, runs = Watching(), list[V8Run]()
    build = build_dir(tmp_path, "echo \"ninja: Entering $2\"; echo '[1/3] CXX a.o'; echo note; echo '[2/4] AR b.a'")
    compile_target(build, "torque", jobs=2, context=context(tmp_path, reporter), note=runs.append)
    assert reporter.bar.seen == ["compiling torque 1 steps", "of 3", "+1", "of 4", "+1"]
    assert reporter.lines == [f"ninja: Entering {tmp_path / 'out'}", "[1/3] CXX a.o", "note", "[2/4] AR b.a"]
    (run,) = runs
    assert (run.target, run.steps, run.jobs, run.finished) == ("torque", 2, 2, True)
    assert run.cpu_s is not None


def test_the_failed_step_is_shown_and_nothing_before_it(tmp_path: Path) -> None:
    runs: list[V8Run] = []
    said = "echo '[1/9] CXX a.o'; echo 'FAILED: b.o'; echo 'clang++ b.cc'; echo 'b.cc:1: error: no'; exit 1"
    with pytest.raises(CompileError) as error:
        compile_target(build_dir(tmp_path, said), "v8", jobs=1, context=context(tmp_path), note=runs.append)
    assert error.value.details == "FAILED: b.o\nclang++ b.cc\nb.cc:1: error: no\n"
    assert error.value.what == "V8 cannot be compiled"
    assert f"{tmp_path / 'ninja'} -C {tmp_path / 'out'} -j 1 v8" in error.value.action
    assert [(run.steps, run.finished) for run in runs] == [(1, False)]


def test_a_compiler_that_the_system_killed(tmp_path: Path) -> None:
    said = "echo 'FAILED: b.o'; echo 'clang++: error: unable to execute command: Killed'; exit 1"
    with pytest.raises(MemoryShortError) as error:
        compile_target(build_dir(tmp_path, said), "v8", jobs=3, context=context(tmp_path), note=lambda _run: None)
    assert str(error.value) == (
        "FAILED: b.o\nclang++: error: unable to execute command: Killed\n\n"
        "error: a compiler was ended for lack of memory while compiling V8\n"
        "  usual cause: the machine, its control group or a limit had no memory left for all that ran at once\n"
        "  what to do:  give --jobs 1; what was finished is kept, and the next run goes on from there"
    )


def test_what_gn_is_given(tmp_path: Path) -> None:
    generate(build_dir(tmp_path, gn='printf "%s\\n" "$@" "$PWD" > said; env >> said'), context(tmp_path))
    words = (tmp_path / "crate/said").read_text().splitlines()
    assert words[:6] == [
        f"--root={tmp_path / 'crate'}",
        "--script-executable=/usr/bin/python3",
        "gen",
        str(tmp_path / "out"),
        '--args=is_debug=false target_cpu="arm64"',
        str(tmp_path / "crate"),
    ]
    assert {"PYTHONDONTWRITEBYTECODE=1", "CCACHE_DIR=/ccache"} <= set(words)
    assert not [word for word in words if word.startswith(("CXXFLAGS", "SECRET"))]


def test_gn_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as error:
        generate(build_dir(tmp_path, gn="echo 'ERROR at //BUILD.gn:1'; exit 1"), context(tmp_path))
    assert str(error.value).startswith(
        "ERROR at //BUILD.gn:1\n\n"
        "error: GN cannot make sense of V8's build files\n"
        "  usual cause: an argument that this version of V8 does not know, or build files that need a newer GN\n"
        "  what to do:  look at GN's words above; by hand:\n"
        f"cd {tmp_path / 'crate'} && env -i "
    )


def test_compiler_caches_as_the_crate_finds_them(tmp_path: Path) -> None:
    assert find_compiler_cache({"PATH": str(tmp_path)}) is None
    ccache = script(tmp_path / "ccache", "#!/bin/sh\n")
    assert find_compiler_cache({"PATH": str(tmp_path)}) == str(ccache)
    assert find_compiler_cache({"PATH": str(tmp_path), "SCCACHE": "/opt/sccache"}) == "/opt/sccache"


def test_the_environment_has_no_byte_code() -> None:
    assert environment({})["PYTHONDONTWRITEBYTECODE"] == "1"


def test_equal_content_gives_equal_archives(tmp_path: Path) -> None:
    packed = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"!<arch>\n" * 1000)
        write_gzip(tmp_path / name, tmp_path / f"{name}.gz")
        packed.append((tmp_path / f"{name}.gz").read_bytes())
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == b"!<arch>\n" * 1000
