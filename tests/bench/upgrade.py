"""Let a built Deno upgrade itself, from releases that `release assemble` made, on this machine.

    python -m tests.bench.upgrade PROGRAM [--newer PROGRAM] [--url URL] [--without-deltas]

PROGRAM is one whose `deno upgrade` leads to this machine (docs/deno.md): compiled with DENO_RELEASES_URL = URL. In an
official one, upstream's address is overwritten by one of the same length. --newer is the program of the next version;
without it, PROGRAM itself with 64 more bytes at its end. Programs of other architectures run in an emulated root
(docs/emulated-root.md), where what they start is emulated, too.

Each case begins with a fresh copy of PROGRAM; afterwards the copy must be what it should be, byte for byte, and run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.elf.reader import read_elf
from pipeline.model.target import Target, target_of_machine
from tests.bench.release_server import Harm, Releases, serving
from tests.unit.releasing.finished import Sketch, write_build

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_URL = "http://127.0.0.1:8000/releases"
OFFICIAL_URL = b"https://github.com/denoland/deno/releases"
RUNTIME = "deno"
TIMEOUT_S = 900


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One upgrade, and how it should end."""

    title: str
    arguments: tuple[str, ...] = ()
    upgraded: bool = False
    """Whether the program is the newer one afterwards."""
    succeeds: bool = True
    says: str = ""
    """Part of what it must say; a regular expression."""
    older_is_latest: bool = False
    harm: Mapping[str, Harm] = dataclasses.field(default_factory=dict)
    """What happens to files on their way, by the endings of their names."""
    served: bool = True


def cases(newer: str, *, deltas: bool) -> tuple[Case, ...]:
    """Return what is tried."""
    whole = {".bsdiff": "cut"} if deltas else {}
    return (
        Case(title="nothing newer", older_is_latest=True, says="most recent"),
        Case(title="to the newest", upgraded=True, says=rf"Upgraded successfully to Deno v?{re.escape(newer)}"),
        Case(title="to a version by its name", arguments=(newer,), upgraded=True),
        Case(title="only look (--dry-run)", arguments=("--dry-run",)),
        Case(title="the same again (--force)", arguments=("--force",), older_is_latest=True),
        Case(title="a version that is not there", arguments=("99.0.0",), succeeds=False),
        Case(title="there is no release", succeeds=False, served=False),
        *((Case(title="the delta is damaged", upgraded=True, harm={".bsdiff": "flipped"}),) if deltas else ()),
        Case(title="the zip is cut", succeeds=False, harm={**whole, ".zip": "cut"}),  # type: ignore[dict-item]
        Case(title="the zip is damaged", succeeds=False, harm={**whole, ".zip": "flipped"}),  # type: ignore[dict-item]
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Programs, releases, and how to run the former."""

    place: Path
    target: Target
    environ: Mapping[str, str]
    cache_dir: Path | None

    @property
    def prefix(self) -> tuple[str, ...]:
        """Return what stands before a program's command line here."""
        if target_of_machine(platform.machine()) == self.target:
            return ()
        cache = ("--cache-dir", str(self.cache_dir)) if self.cache_dir else ()
        variables = (f"--env={name}={value}" for name, value in self.environ.items())
        root = ("root", "run", "--quiet", "--target", self.target.name, "--minimal", "--no-native")
        return (
            sys.executable, "-m", "pipeline", *root, "--package", "libgcc-s1", *cache, "--project", str(self.place),
            *variables,
        )  # fmt: skip

    def run(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run *program*, with a cache of its own that is thrown away."""
        with tempfile.TemporaryDirectory(dir=self.place) as own:
            environ = {**os.environ, **self.environ, "DENO_DIR": own, "HOME": own}
            prefix = (*self.prefix, f"--env=DENO_DIR={own}") if self.prefix else ()
            return subprocess.run(
                [*prefix, str(program), *arguments],
                env=environ, cwd=self.place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT_S, check=False,
            )  # fmt: skip

    def version(self, program: Path) -> str:
        """Return the version that *program* says it has."""
        said = self.run(program, "--version").stdout
        found = re.search(r"deno ([0-9]+\.[0-9]+\.[0-9]+)", said)
        if not found:
            raise SystemExit(f"{program} does not run here:\n{said}")
        return found[1]


def main() -> int:
    """Try all cases; return 0 when each ended as it should."""
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="upgrade-", dir=options.work_dir) as scratch:
        rows = upgrade(options, Path(scratch).resolve())
    sys.stdout.write(json.dumps(rows, indent=2) + "\n" if options.json else "".join(map(as_text, rows)))
    return 0 if all(row["right"] for row in rows) else 1


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--newer", type=Path, help="program of the next version")
    parser.add_argument("--url", default=DEFAULT_URL, help=f"that the program was compiled with ({DEFAULT_URL})")
    parser.add_argument("--without-deltas", action="store_true", help="make none: saves minutes and 2 GB of memory")
    parser.add_argument("--cache-dir", type=Path, help="of the pipeline, for emulated roots")
    parser.add_argument("--work-dir", type=Path, help="where a directory of about 1 GB is made (default: as tempfile)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def upgrade(options: argparse.Namespace, place: Path) -> list[dict[str, object]]:
    """Return a row for each case."""
    target = read_elf(options.program).target()
    if target is None:
        raise SystemExit(f"{options.program} is for no target here")
    content = options.program.read_bytes()
    official = options.url.encode() not in content
    if official and OFFICIAL_URL not in content:
        raise SystemExit(f"{options.program} was not compiled with DENO_RELEASES_URL={options.url}")
    port = 0 if official else urllib.parse.urlsplit(options.url).port or 80
    releases = Releases(urllib.parse.urlsplit(options.url).path)
    with serving(releases, port) as port:
        url = same_length(port) if official else options.url
        releases.base = urllib.parse.urlsplit(url).path
        environ = {"NO_COLOR": "1", "DENO_NO_PROMPT": "1", "DENO_NO_UPDATE_CHECK": "1"}
        if official:
            environ["DENO_DONT_USE_INTERNAL_BASE_UPGRADE_URL"] = f"{url}/latest/download"
        bench = Bench(place=place, target=target, environ=environ, cache_dir=options.cache_dir)
        older = content.replace(OFFICIAL_URL, url.encode()) if official else content
        newer = older + bytes(64)
        if options.newer:
            newer = options.newer.read_bytes().replace(OFFICIAL_URL, url.encode() if official else OFFICIAL_URL)
        return try_all(bench, releases, Programs(older=older, newer=newer, deltas=not options.without_deltas))


def same_length(port: int) -> str:
    """Return an address of ours that is as long as upstream's."""
    start = f"http://127.0.0.1:{port}/"
    return start + "x" * (len(OFFICIAL_URL) - len(start) - len("/releases")) + "/releases"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Programs:
    """What is installed, and what it becomes."""

    older: bytes
    newer: bytes
    deltas: bool
    """Whether the release has one that leads from one to the other."""


def try_all(bench: Bench, releases: Releases, programs: Programs) -> list[dict[str, object]]:
    """Assemble two releases, serve them, and try every case."""
    older, newer = (bench.place / name for name in ("older", "newer"))
    for path, content in ((older, programs.older), (newer, programs.newer)):
        path.write_bytes(content)
        path.chmod(0o755)
    old_version, new_version = bench.version(older), bench.version(newer)
    if new_version == old_version:
        new_version = next_patch(old_version)
    first = assemble(bench, old_version, programs.older)
    deltas = programs.deltas and takes_deltas(old_version)
    previous = ("--previous", str(first)) if deltas else ()
    second = assemble(bench, new_version, programs.newer, *previous)
    releases.directories = {f"v{old_version}": first, f"v{new_version}": second}
    deltas = any(second.glob(f"deno-*.from-{old_version}.bsdiff"))
    digests = {False: fs.sha256_file(older), True: fs.sha256_file(newer)}
    return [
        try_case(bench, releases, case, digests, latest=old_version if case.older_is_latest else new_version)
        for case in cases(new_version, deltas=deltas)
    ]


def takes_deltas(version: str) -> bool:
    """Return whether the updater of *version* takes deltas in a zstd frame (docs/releases.md)."""
    return tuple(map(int, version.split("."))) >= (2, 8, 1)


def next_patch(version: str) -> str:
    """Return the version after *version*."""
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def assemble(bench: Bench, version: str, content: bytes, *options: str) -> Path:
    """Return the directory of a release with this program."""
    dist = bench.place / f"dist-{version}"
    zip_name = f"{RUNTIME}-linux-{bench.target.name}.zip"
    sketch = Sketch(
        name=RUNTIME, version=version, target=bench.target.name, files=(RUNTIME,), zip_name=zip_name,
        contents={RUNTIME: content},
    )  # fmt: skip
    write_build(dist, sketch)
    out = bench.place / "release"
    arguments = ["--tag", f"v{version}", "--dist", str(dist), "--out", str(out), "--spec", str(ROOT / "releases.toml")]
    command = [sys.executable, "-m", "pipeline", "release", "assemble", "--quiet", *arguments, *options]
    subprocess.run(command, cwd=bench.place, stdout=subprocess.DEVNULL, check=True)
    return out / f"v{version}"


def try_case(
    bench: Bench, releases: Releases, case: Case, digests: Mapping[bool, str], *, latest: str
) -> dict[str, object]:
    """Upgrade a fresh copy, and return what came of it."""
    installed = bench.place / "installed" / RUNTIME
    installed.parent.mkdir(exist_ok=True)
    shutil.copy(bench.place / "older", installed)
    releases.latest = f"v{latest}" if case.served else ""
    releases.harm, releases.asked = dict(case.harm), []
    started = time.monotonic()
    ended = bench.run(installed, "upgrade", *case.arguments)
    took_s = time.monotonic() - started
    asked = list(releases.asked)
    faults = []
    if (ended.returncode == 0) != case.succeeds:
        faults.append(f"exit code {ended.returncode}")
    if not re.search(case.says, ended.stdout):
        faults.append(f"does not say {case.says!r}")
    if fs.sha256_file(installed) != digests[case.upgraded]:
        faults.append("is not the program that it should be")
    elif bench.run(installed, "eval", "console.log([1, 2, 3].map((x) => x * 7).join())").stdout != "7,14,21\n":
        faults.append("does not run any more")
    return {
        "case": case.title, "right": not faults, "exit_code": ended.returncode, "duration_s": round(took_s, 1),
        "asked": asked, "faults": faults, "said": ended.stdout[-2000:],
    }  # fmt: skip


def as_text(row: Mapping[str, object]) -> str:
    """Return a row for people; what the program said only where something is wrong."""
    asked = row["asked"]
    assert isinstance(asked, list)
    lines = [
        f"{'right' if row['right'] else 'WRONG':6}{row['duration_s']:>7} s  exit {row['exit_code']}  {row['case']}"
    ]
    lines += [f"        {path}" for path in asked]
    lines += [] if row["right"] else [f"        {row['faults']}", str(row["said"])]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
