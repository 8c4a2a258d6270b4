"""Debian's source packages, unchanged, in three ways: fully emulated, in a root with native compilers, and native.

    python -m tests.bench.bench_packages --cache-dir DIR --json FILE [--only NAME]… [--way WAY]… [--limit-cpu-s SECONDS]
    python -m tests.bench.bench_packages --json FILE --table

Each is built by its own ``debian/rules`` with its own tests, one job; what it needs is installed first and is not
counted. A build that is in FILE is not done again, so that what was interrupted goes on. A build is stopped at the
limit, which is of CPU seconds: what it has taken until then is less than what it would take.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import fs

DEBIAN = ("hello", "lua5.4", "jq", "file", "zstd", "sqlite3")
"""``file`` is the one whose build runs what it has built: the program writes its own data base."""
PACKAGES = ("debhelper", "gettext", "autoconf", "automake", "libtool", "pkg-config")
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "emulated": ("arm64", ("--no-native",)),
    "ours": ("arm64", ("--native-perl",)),
    "native": ("amd64", ()),
}
_PREPARE = """
export DEBIAN_FRONTEND=noninteractive
[ -e /bench-updated ] || { apt-get update -qq; touch /bench-updated; }
apt-get build-dep -qy NAME
LEFT_OUT
# A mirror may lack the sources of a security update.
apt-get source -qq NAME ||
    apt-get source -qq "NAME=$(apt-cache madison NAME | awk '/Sources/ && !/security/ { print $3; exit }')"
mv ./*/ src
"""
_BUILD = "cd src; DEB_BUILD_OPTIONS=parallel=1 dpkg-buildpackage -b -d -us -uc"
_LEFT_OUT = {"jq": "valgrind"}
"""Debian has jq tested under it on amd64 only: left out, the tests are the same everywhere."""
_TESTS = (
    re.compile(r"^# (?P<name>TOTAL|PASS|SKIP|XFAIL|FAIL|XPASS|ERROR): +(?P<count>\d+)"),  # Automake
    re.compile(r"^(?P<count>\d+) of \d+ (?P<name>tests? passed)"),  # jq
    re.compile(r"^(?P<name>ok|Running test|Test)\b[: ]"),
)
_BUILD_IDS = "/.build-id/"
"""Named after what is in them."""
_TRIPLE = re.compile(r"(x86_64|aarch64)-linux-gnu")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--only", action="append", choices=DEBIAN)
    parser.add_argument("--way", action="append", choices=tuple(WAYS))
    parser.add_argument("--limit-cpu-s", type=float, default=1800.0)
    parser.add_argument("--table", action="store_true", help="only print what was measured before")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # a build must not go on alone
    found: dict[str, dict[str, Any]] = json.loads(given.json.read_text()) if given.json.exists() else {}
    if not given.table:
        if given.cache_dir is None:
            parser.error("--cache-dir is missing")
        bench = Bench(directory=given.cache_dir.resolve() / "bench-packages", cache_dir=given.cache_dir.resolve())
        for way in given.way or ("native", "ours", "emulated"):
            for name in given.only or DEBIAN:
                if way in found.get(name, {}):
                    continue
                result = bench.build(name, way, given.limit_cpu_s)
                found = remember(given.json, name, way, result)
                sys.stderr.write(f"{name}, {way}: {result.cpu_s} s of CPU{', stopped' if result.stopped else ''}\n")
    sys.stdout.write("".join(table(found)))


def remember(path: Path, name: str, way: str, result: Built) -> dict[str, dict[str, Any]]:
    """Enter a result beside those of other processes; return all."""
    with fs.locked(path.with_suffix(".lock")):
        found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
        found.setdefault(name, {})[way] = dataclasses.asdict(result)
        text = json.dumps(found, indent=1) + "\n"
        fs.write_text(path, text)
    as_read: dict[str, dict[str, Any]] = json.loads(text)  # as by other runs: lists, not tuples
    return as_read


@dataclasses.dataclass(frozen=True, kw_only=True)
class Built:
    """One build, and what came of it."""

    wall_s: float
    cpu_s: float
    stopped: bool
    """At the limit: both times are lower bounds."""
    debs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """What the packages hold, without the architecture's name."""
    symbols: tuple[str, ...] = ()
    """What every program and library in them offers to others (``nm -D``)."""
    tests: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Where roots, sources and results are."""

    cache_dir: Path
    directory: Path

    def build(self, name: str, way: str, limit_s: float) -> Built:
        """Build one package; raises SystemExit where that fails."""
        project = self.directory / name / way
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir(parents=True)
        # With native tools in every way: this is not what is measured.
        _target, own = WAYS[way]
        left_out = f"dpkg --purge --force-depends {_LEFT_OUT[name]}" if name in _LEFT_OUT else ""
        script = _PREPARE.replace("NAME", name).replace("LEFT_OUT", left_out)
        prepared = self._run(project, way, ("--native-perl", "--env", "NATIVE_perl=0"), script)
        if prepared.exit_code:
            raise SystemExit(f"{name}, {way}: not prepared; see {project}/log")
        (project / "log").rename(project / "prepare.log")
        usage = self._run(project, way, own, _BUILD, limit_s)
        if usage.exit_code and not usage.stopped:
            raise SystemExit(f"{name}, {way}: ended with {usage.exit_code}; see {project}/log")
        debs = sorted(path for path in project.glob("*.deb") if "-dbgsym" not in path.name)
        return Built(
            wall_s=usage.wall_s,
            cpu_s=usage.cpu_s,
            stopped=usage.stopped,
            debs=tuple(path.name for path in debs),
            files=tuple(sorted(line for deb in debs for line in contents(deb))),
            symbols=tuple(sorted(line for deb in debs for line in symbols(deb, project / "unpacked"))),
            tests=test_results((project / "log").read_text(errors="replace")),
        )

    def _run(self, project: Path, way: str, options: tuple[str, ...], script: str, limit_s: float = math.inf) -> Usage:
        target, _own = WAYS[way]
        packages = [word for name in PACKAGES for word in ("--package", name)]
        argv = [
            sys.executable, "-m", "pipeline", "--cache-dir", str(self.cache_dir), "root", "run", "--target", target,
            *packages, *options, "--keep", f"packages-{way}", "bash", "-ec", script,
        ]  # fmt: skip
        return run(argv, project, limit_s)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """What one run took."""

    wall_s: float
    cpu_s: float
    exit_code: int
    stopped: bool


def run(argv: list[str], project: Path, limit_s: float) -> Usage:
    """Run a command in *project*, and stop it when all its processes together have used *limit_s* of the processor."""
    started, spent_s, stopped = time.monotonic(), 0.0, False
    with (project / "log").open("ab") as log:
        child = subprocess.Popen(argv, cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not (ended := os.wait4(child.pid, os.WNOHANG))[0]:
                time.sleep(1)
                spent_s = max(spent_s, cpu_s_of_tree(child.pid))
                if spent_s > limit_s and not stopped:
                    stopped = True
                    child.terminate()
        except BaseException:
            child.terminate()
            child.wait()
            raise
    _pid, status, usage = ended
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Usage(
        wall_s=round(time.monotonic() - started, 1),
        # What was killed is not in the usage.
        cpu_s=round(max(cpu_s, spent_s) if stopped else cpu_s, 2),
        exit_code=child.returncode,
        stopped=stopped,
    )


def cpu_s_of_tree(pid: int) -> float:
    """Return the processor seconds of a process and all below it, those that have ended included."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # proc_pid_stat(5): behind the name, the fields from the third on; 14 to 17 are ticks, of children too.
            fields = path.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
            ticks[int(path.parent.name)] = sum(map(int, fields[11:15]))
    found, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        found += ticks.get(one, 0)
        waiting += children.get(one, [])
    return found / os.sysconf("SC_CLK_TCK")


def contents(deb: Path) -> Iterator[str]:
    """Yield the mode and the path of everything that a package holds."""
    for line in _said("dpkg-deb", "-c", str(deb)).splitlines():
        mode, owner, _size, _day, _time, path = line.split(maxsplit=5)
        if _BUILD_IDS not in path:
            yield f"{mode} {owner} {_TRIPLE.sub('TRIPLE', path)}"


def symbols(deb: Path, directory: Path) -> Iterator[str]:
    """Yield the dynamic symbols that the programs and libraries in a package offer."""
    shutil.rmtree(directory, ignore_errors=True)
    _said("dpkg-deb", "-x", str(deb), str(directory))
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
            place = _TRIPLE.sub("TRIPLE", str(path.relative_to(directory)))
            for line in _said("nm", "-D", "--format=posix", str(path)).splitlines():
                name, kind = line.split()[:2]
                if kind.isupper() and kind != "U" and "@GLIBC" not in name:
                    yield f"{place} {kind} {name}"
    shutil.rmtree(directory)


def test_results(log: str) -> dict[str, int]:
    """Return how many tests a log says that there were, by what it calls them."""
    found = Counter[str]()
    for line in log.splitlines():
        for pattern in _TESTS:
            if said := pattern.match(line):
                found[said["name"]] += int(said.groupdict().get("count", 1))
    return dict(sorted(found.items()))


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def table(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a table in Markdown of CPU seconds, ratios, and whether the results are the same."""
    yield "| | fully emulated | ours | native | emulated / ours | ours / native | packages and tests |\n"
    yield "|---|---|---|---|---|---|---|\n"
    for name in (name for name in DEBIAN if name in found):
        ways = found[name]
        cells = [_cell(ways.get(way)) for way in WAYS]
        yield f"| {name} | {' | '.join(cells)} | {_ratio(ways, 'emulated', 'ours')} | "
        yield f"{_ratio(ways, 'ours', 'native')} | {equal(ways)} |\n"


def _cell(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    return f"over {one['cpu_s']:.0f} s" if one["stopped"] else f"{one['cpu_s']:.0f} s"


def _ratio(ways: dict[str, Any], slow: str, fast: str) -> str:
    if not {slow, fast} <= ways.keys():
        return ""
    ratio = ways[slow]["cpu_s"] / ways[fast]["cpu_s"]
    return f"over {ratio:.1f}" if ways[slow]["stopped"] else f"{ratio:.1f}"


def equal(ways: dict[str, Any]) -> str:
    """Say with which other way ours agrees, and in what it does not."""
    said = []
    for other in ("emulated", "native"):
        if not {other, "ours"} <= ways.keys() or ways[other]["stopped"]:
            continue
        differing = [part for part in ("files", "symbols", "tests") if ways["ours"][part] != ways[other][part]]
        said.append(f"{'differ from' if differing else 'as'} {other}{': ' * bool(differing)}{', '.join(differing)}")
    return "; ".join(said)


if __name__ == "__main__":
    main()
