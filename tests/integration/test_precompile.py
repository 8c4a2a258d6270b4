"""Headers that are compiled once, with the toolbox's Clang, in a directory that is laid out as GN does it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.model.toolchain import Toolchain

from .command import ROOT

pytestmark = [pytest.mark.toolbox, pytest.mark.network]

SCRIPT = ROOT / "pipeline" / "data" / "precompile.sh"
SOURCES = 32
HEADER = """
#pragma once
#include <map>
#include <string>
inline int counted(std::map<std::string, int> &all, const char *name) { return ++all[name]; }
template <typename T> struct Doubled { static T of(T value) { return value + value; } };
"""
# Means something at the place where it stands only: it must not be taken along.
MACROS = "#define PLACE __LINE__\n"


@dataclasses.dataclass(frozen=True)
class Place:
    """GN's output directory, with one target of sources that share a header."""

    root: Path
    compiler: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    def command(self, number: int, *more: str) -> list[str]:
        name = f"obj/part/s{number}"
        return ["-MD", "-MF", f"{name}.o.d", "-I.", "-O2", *more, "-c", f"src/s{number}.cc", "-o", f"{name}.o"]

    def compile(self, number: int, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run(["sh", str(SCRIPT), str(self.store), str(self.compiler), *self.command(number, *more)])

    def plain(self, number: int, *more: str) -> bytes:
        done = self.run([str(self.compiler), *self.command(number, *more)])
        assert done.returncode == 0, done.stderr
        return self.object(number)

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=self.root, capture_output=True, text=True, check=False)

    def object(self, number: int) -> bytes:
        return (self.root / f"obj/part/s{number}.o").read_bytes()

    def kept(self, suffix: str) -> list[Path]:
        return sorted(self.store.glob(f"*.{suffix}"))


@pytest.fixture
def place(host_toolchain: Toolchain, tmp_path: Path) -> Place:
    (compiler,) = host_toolchain.path_dirs[0].glob(f"{host_toolchain.target.gnu_triple}-clang++")
    made = Place(tmp_path / "out", compiler)
    (made.root / "src").mkdir(parents=True)
    (made.root / "obj/part").mkdir(parents=True)
    (made.root / "src/shared.h").write_text(HEADER)
    (made.root / "src/place-macros.h").write_text(MACROS)
    lines = ["defines = -DX\n"]
    for number in range(SOURCES):
        (made.root / f"src/s{number}.cc").write_text(
            '#include "src/shared.h"\n#include "src/place-macros.h"\n'
            f"int f{number}(std::map<std::string, int> &all)\n"
            f'{{ return counted(all, "{number}") + Doubled<int>::of({number}) + PLACE; }}\n'
        )
        lines.append(f"build obj/part/s{number}.o: cxx src/s{number}.cc || phony/part.inputdeps\n")
    (made.root / "obj/part.ninja").write_text("".join(lines))
    return made


def test_the_header_is_compiled_once_and_the_objects_are_the_same(place: Place) -> None:
    for number in range(3):
        expected = place.plain(number)
        done = place.compile(number)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert place.object(number) == expected
    (header,) = place.kept("h")
    assert header.read_text() == '#include "src/shared.h"\n'
    assert len(place.kept("pch")) == 1
    assert place.kept("misses") == []


def test_other_arguments_have_a_header_of_their_own(place: Place) -> None:
    assert place.compile(0).returncode == 0
    assert place.compile(0, "-DOTHER=1").returncode == 0
    assert place.object(0) == place.plain(0, "-DOTHER=1")
    assert len(place.kept("pch")) == 2


def test_a_source_of_no_target_is_compiled_as_ever(place: Place) -> None:
    (place.root / "obj/part.ninja").unlink()
    expected = place.plain(0)
    assert place.compile(0).returncode == 0
    assert place.object(0) == expected
    assert not place.store.exists()


def test_a_target_with_few_sources_is_not_worth_it(place: Place) -> None:
    listing = place.root / "obj/part.ninja"
    listing.write_text("".join(listing.read_text().splitlines(keepends=True)[:5]))
    assert place.compile(0).returncode == 0
    assert place.kept("pch") == []
    assert len(place.kept("none")) == 1


def test_a_header_that_cannot_stand_alone_costs_nothing_but_time(place: Place) -> None:
    (place.root / "src/shared.h").write_text("#ifndef FIRST\n#error include another one first\n#endif\n" + HEADER)
    for number in range(SOURCES):
        source = place.root / f"src/s{number}.cc"
        source.write_text("#define FIRST\n" + source.read_text())
    expected = place.plain(1)
    done = place.compile(1)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.object(1) == expected
    assert len(place.kept("none")) == 1


def test_what_the_compiler_says_of_a_wrong_source_is_about_the_source(place: Place) -> None:
    assert place.compile(0).returncode == 0
    (place.root / "src/s1.cc").write_text('#include "src/shared.h"\nint wrong = "text";\n')
    done = place.compile(1)
    assert done.returncode == 1
    assert "src/s1.cc:2:5: error: cannot initialize a variable of type 'int'" in done.stderr


def test_a_generated_header_that_was_written_again(place: Place) -> None:
    assert place.compile(0).returncode == 0
    (place.root / "src/shared.h").write_text(HEADER.replace("value + value", "2 * value + 100"))
    expected = place.plain(1)
    assert place.compile(1).returncode == 0
    assert place.object(1) == expected
    assert place.kept("pch") == []
    assert place.compile(2).returncode == 0
    assert len(place.kept("pch")) == 1
    assert place.object(2) == place.plain(2)


def test_many_at_once_make_one(place: Place) -> None:
    argv = [["sh", str(SCRIPT), str(place.store), str(place.compiler), *place.command(n)] for n in range(6)]
    running = [subprocess.Popen(one, cwd=place.root) for one in argv]
    assert [process.wait() for process in running] == [0] * 6
    assert len(place.kept("pch")) == 1
    assert place.kept("part") == []
    shutil.rmtree(place.store)
    assert [place.object(n) for n in range(6)] == [place.plain(n) for n in range(6)]
