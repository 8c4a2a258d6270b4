"""One build in three ways: fully emulated, in a root with native compilers, and in a root of this machine's own kind.

    python -m tests.bench.bench_roots --cache-dir DIR [--only NAME]… [--way WAY]… [--jobs N] [--json FILE]

The projects are small ones that are written here (`bench_packages` builds Debian's). Roots stay in the cache; changes
are kept under the name ``bench``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    "debhelper", "gettext", "autoconf", "automake", "libtool", "pkg-config", "cmake", "ninja-build", "meson",
    "rustc-web", "cargo-web", "clang", "lld", "ccache",
)  # fmt: skip
WAYS = {"emulated": ("arm64", ("--no-native",)), "ours": ("arm64", ("--native-python",)), "native": ("amd64", ())}
UNITS = 3
CARGO = """\
[package]
name = "measured"
version = "0.1.0"
edition = "2021"
[dependencies]
serde = { version = "1", features = ["derive"] }
serde_json = "1"
libz-sys = { version = "1", default-features = false, features = ["libc", "static"] }
"""
RUST = """\
#[derive(serde::Serialize)] struct Answer { version: String }
fn main() {
    let version = unsafe { std::ffi::CStr::from_ptr(libz_sys::zlibVersion()) }.to_str().unwrap().to_owned();
    println!("{}", serde_json::to_string(&Answer { version }).unwrap());
}
"""
CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(measured CXX)
file(GLOB SOURCES *.cc)
add_executable(measured ${SOURCES})
enable_testing()
add_test(NAME run COMMAND measured)
"""
MESON = """\
project('measured', 'cpp')
test('run', executable('measured', SOURCES))
"""
CXX = """\
#include <algorithm>
#include <map>
#include <string>
#include <vector>
int unit_NUMBER(const std::string& text) {
    std::map<char, std::vector<int>> found;
    for (char letter : text) found[letter].push_back(NUMBER);
    for (auto& [letter, numbers] : found) std::sort(numbers.begin(), numbers.end());
    return static_cast<int>(found.size());
}
"""
SCRIPTS = {
    "cargo": "rm -rf target; cargo build --release --offline && target/release/measured",
    "cmake": "rm -rf b; cmake -G Ninja -DCMAKE_BUILD_TYPE=Release -B b . && ninja -C b -j$JOBS && ninja -C b test",
    "cmake-make": "rm -rf b; cmake -DCMAKE_CXX_COMPILER=clang++ -B b . && make -C b -j$JOBS && make -C b test",
    "meson": "rm -rf b; meson setup --buildtype=release b && ninja -C b -j$JOBS && ninja -C b test",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    cache_dir: Path
    jobs: int

    def run(self, way: str, project: Path, script: str, *options: str) -> tuple[float, float]:
        """Return seconds and CPU seconds of *script* in the root of a *way*."""
        target, own = WAYS[way]
        packages = [word for name in PACKAGES for word in ("--package", name)]
        argv = [
            sys.executable, "-m", "pipeline", "--cache-dir", str(self.cache_dir), "root", "run", "--target", target,
            *packages, "--keep", "bench", "--env", f"JOBS={self.jobs}", *own, *options,
            "bash", "-ec", script,
        ]  # fmt: skip
        started = time.monotonic()
        with (project / f"{way}.log").open("ab") as log:
            child = subprocess.Popen(argv, cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            _pid, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{project.name}, {way}: ended with {os.waitstatus_to_exitcode(status)}; see {log.name}")
        return time.monotonic() - started, usage.ru_utime + usage.ru_stime

    def measure(self, name: str, way: str, directory: Path) -> tuple[float, float]:
        project = fresh(directory / name / way)
        report = ("--report-file", str(project / "ran.json"))
        write(name, project)
        if name == "cargo":
            self.run(way, project, "cargo fetch")
        return self.run(way, project, SCRIPTS[name], *report)


def fresh(directory: Path) -> Path:
    """Return an empty directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def write(name: str, project: Path) -> None:
    """Write one of the small projects."""
    if name == "cargo":
        (project / "src").mkdir()
        (project / "Cargo.toml").write_text(CARGO)
        (project / "src/main.rs").write_text(RUST)
        return
    for number in range(UNITS):
        (project / f"unit{number}.cc").write_text(CXX.replace("NUMBER", str(number)))
    calls = "".join(f"int unit_{n}(const std::string&);\n" for n in range(UNITS))
    total = "+".join(f'unit_{n}("abca")' for n in range(UNITS))
    (project / "main.cc").write_text(
        f"#include <string>\n{calls}int main() {{ return {total} == {3 * UNITS} ? 0 : 1; }}\n"
    )
    sources = ", ".join(f"'{path.name}'" for path in sorted(project.glob("*.cc")))
    (project / "CMakeLists.txt").write_text(CMAKE)
    (project / "meson.build").write_text(MESON.replace("SOURCES", sources))


def lines(measured: dict[str, dict[str, tuple[float, float]]]) -> Iterator[str]:
    """Yield a table: wall and CPU seconds, and ours against both others by CPU."""
    yield "| | fully emulated | ours | native | emulated / ours | ours / native |\n|---|---|---|---|---|---|\n"
    for name, ways in measured.items():
        cells = [f"{ways[w][0]:.0f} s, {ways[w][1]:.1f} s CPU" if w in ways else "" for w in WAYS]
        ratios = [
            f"{ways[a][1] / ways[b][1]:.1f}" if {a, b} <= ways.keys() else ""
            for a, b in (("emulated", "ours"), ("ours", "native"))
        ]
        yield f"| {name} | {' | '.join(cells + ratios)} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument("--only", action="append", choices=tuple(SCRIPTS))
    parser.add_argument("--way", action="append", choices=tuple(WAYS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    bench = Bench(cache_dir=given.cache_dir.resolve(), jobs=given.jobs)
    measured: dict[str, dict[str, tuple[float, float]]] = {}
    for name in given.only or SCRIPTS:
        for way in given.way or WAYS:
            bench.run(way, fresh(bench.cache_dir / "bench-roots" / "root"), "true")  # the root is made, if need be
            measured.setdefault(name, {})[way] = bench.measure(name, way, bench.cache_dir / "bench-roots")
            sys.stderr.write(f"{name}, {way}: {measured[name][way]}\n")
    sys.stdout.write("".join(lines(measured)))
    if given.json:
        given.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
