"""Install a runtime's own release zips by the command line, for this machine and for arm64, and print what it took.

    python -m tests.bench.bench_release_zip [--cache-dir DIR] [--json FILE]

The zips are in the layout of Deno's releases, with its official program from the wheels on PyPI, and come from a server
on the loopback: once by the address of the zip, with a lock file, and once by the index that `prebuild --zips` makes.
What was installed for arm64 runs a script under QEMU. Seconds are of CPU, the command line's own included.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import fs
from pipeline.cli.settings import CACHE_NAME
from pipeline.context import Context
from pipeline.executors.qemu import QemuExecutor
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.sources.wheels import Wheel, ensure_wheel
from pipeline.stages.building import toolbox
from tests.integration.command import Cli
from tests.unit.installing.releases import serving

VERSION = "2.9.8"
WHEELS = {"amd64": "manylinux_2_27_x86_64", "arm64": "manylinux_2_27_aarch64"}
SCRIPT = "console.log([1, 2, 3].map((x) => x * 7).join(), Deno.build.arch)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One installation, and what the program said."""

    what: str
    target: str
    cpu_s: float
    said: str


def write_zips(directory: Path, context: Context) -> None:
    """Write a zip for each target, with one file in it."""
    directory.mkdir(parents=True)
    for name, platform in WHEELS.items():
        wheel = ensure_wheel(Wheel(name="deno", version=VERSION, platforms=(platform,)), context)
        program = wheel / f"deno-{VERSION}.data/scripts/deno"
        info = zipfile.ZipInfo("deno")
        info.external_attr, info.compress_type = 0o100755 << 16, zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(directory / f"deno-{find_target(name).rust_triple}.zip", "w") as archive:
            archive.writestr(info, program.read_bytes(), compresslevel=1)


def run(cli: Cli, *arguments: str | Path) -> tuple[dict[str, Any], float]:
    """Return the result of a command, and the seconds of CPU that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = cli.run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.exit_code != 0:
        raise SystemExit(ended.stderr)
    return ended.result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(scratch: Path, context: Context) -> Iterator[Row]:
    """Install in every way."""
    release = scratch / f"release/v{VERSION}"
    write_zips(release, context)
    # A cache of its own: nothing was downloaded before.
    cli, lock = Cli(cache_dir=scratch / "cache"), scratch / "prebuilds.lock.json"
    with serving(scratch / "release") as server:
        address = f"{server.url}/v{VERSION}"
        index = Path(run(cli, "prebuild", "--zips", release)[0]["indexes"][0])
        places = {"zip": f"{address}/deno-{{triple}}.zip", "index": f"{address}/{index.name}"}
        for what, location in places.items():
            for target in WHEELS:
                out = scratch / what / target
                # A clean cache each time, and the lock of before: it knows what came first.
                fresh = Cli(cache_dir=scratch / f"cache-{what}-{target}")
                other = () if find_target(target).node_arch == "x64" else ("--target", target)
                result, cpu_s = run(fresh, "install", location, "--out", out, "--lock", lock, *other)
                (done,) = result["installed"]
                run(cli, "install", location, "--out", out, "--lock", lock, "--frozen", *other)
                yield Row(
                    what=what, target=target, cpu_s=round(cpu_s, 1), said=said(Path(done["path"]), target, context)
                )


def said(program: Path, target: str, context: Context) -> str:
    """Return what the program says to a script, under QEMU where it is for another machine."""
    prefix: tuple[str, ...] = ()
    if os.uname().machine != find_target(target).rust_triple.partition("-")[0]:
        tools = toolbox.run(toolbox.ToolboxInputs(target=find_target(target)), context)
        model = find_target(target).qemu_cpu
        executor = QemuExecutor(program=tools.qemu, version=tools.qemu_version, sysroot=tools.sysroot, cpu_model=model)
        prefix = executor.prefix()
    ended = subprocess.run(
        [*prefix, program, "eval", SCRIPT], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return ended.stdout.strip()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cache = options.cache_dir or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / CACHE_NAME
    context = Context(cache_dir=cache, reporter=NullReporter(), environ=dict(os.environ))
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        found = list(rows(Path(scratch), context))
    for row in found:
        sys.stdout.write(f"| {row.what} | {row.target} | {row.cpu_s} | {row.said} |\n")
    if options.json:
        fs.write_text(options.json, json.dumps([dataclasses.asdict(row) for row in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
