"""Print which clients load which prebuilds: a row for each addon and platform, a column for each Node.

    python tests/bench/bench_prebuilds.py [DIR]      # what `prebuild` wrote; without it, dist/prebuilds

Each addon is loaded by node-gyp-build and called once; a client has passed when the answer is right and the addon is
the one that the process has mapped. Nodes come from wheels and from Debian, for glibc and musl; for armhf from Debian.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.cli.settings import CACHE_NAME
from pipeline.context import Context
from pipeline.errors import PipelineError
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import MANIFEST_PATH, Libc, PrebuildKind
from pipeline.model.target import Target, find_target
from pipeline.orchestrate.prebuilds.means import Variant, get
from pipeline.prebuilding.layout import read_manifest
from pipeline.sources import npm
from pipeline.toolchains.foreign import ForeignInputs, ensure_foreign
from pipeline.toolchains.node import ensure_host_node, ensure_node
from pipeline.toolchains.request import ToolboxInputs

CALLS = {
    "bcrypt": "addon.get_rounds('$2b$07$' + 'C'.repeat(53)) === 7",
    "iconv": "'make' in addon || Object.keys(addon).length > 0",
    "better-sqlite3": "typeof addon.Database === 'function'",
}
SCRIPT = """
const path = require(process.argv[1]).path(process.argv[2]);
const addon = require(path);
process.report.excludeNetwork = true;
const mapped = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'));
console.log(JSON.stringify({ right: Boolean(eval(process.argv[3])), path, mapped, node: process.versions.node }));
"""
WHEELS = ("22.13.1", "22.20.0", "24.19.0")
DEBIAN = {"bookworm": "Debian 12", "trixie": "Debian 13"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Client:
    """A Node that runs here."""

    title: str
    argv: tuple[str, ...]


def clients(target: Target, libc: Libc, context: Context) -> Iterator[Client]:
    """Yield every Node that there is for a target and C library."""
    variant = Variant(
        target=target, libc=libc, suite=None, suite_glibc=None, glibc=None, compiler="auto", toolchain="auto"
    )
    executor = get(variant, context).executor
    for version in WHEELS:
        try:
            node = ensure_node(target, libc, version, context)
        except PipelineError as error:
            sys.stderr.write(f"{error.what}\n")
            continue
        if node.runs:
            yield Client(title=f"wheel {version}", argv=(*executor.prefix(), str(node.program)))  # type: ignore[attr-defined]
    if libc is Libc.GLIBC:
        for suite, title in DEBIAN.items():
            inputs = ForeignInputs(
                suites=(suite,), packages=("nodejs",), programs=(), patchelf=None,
                toolbox=ToolboxInputs(target=target), target=target,
            )  # fmt: skip
            root = ensure_foreign(inputs, context).root
            prefix = dataclasses.replace(executor, sysroot=root).prefix()  # type: ignore[type-var, attr-defined]
            yield Client(title=title, argv=(*prefix, str(root / "usr/bin/node")))


def tried(client: Client, libc: Libc, gyp_build: Path, package: Path, call: str) -> str:
    """Return what came of loading the addon in *package*, in a word or two."""
    env = {"PATH": "/usr/bin:/bin", **({"LIBC": "musl"} if libc is Libc.MUSL else {})}
    ended = subprocess.run(
        [*client.argv, "-e", SCRIPT, str(gyp_build), str(package), call],
        env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        words = [line for line in ended.stderr.splitlines() if "Error" in line or "requires" in line]
        return f"refused: {words[0][:80]}" if words else f"exit status {ended.returncode}"
    answer = json.loads(ended.stdout)
    good = answer["right"] and answer["mapped"] == [answer["path"]]
    return f"{answer['node']} loads it" if good else f"wrong: {ended.stdout}"


def main(directory: Path) -> None:
    """Print the matrix of everything in *directory*."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / CACHE_NAME
    context = Context(cache_dir=cache, reporter=NullReporter(), environ=dict(os.environ))
    host = ensure_host_node(WHEELS[-1], context)
    package = npm.NpmPackage(name="node-gyp-build", version="4.8.4")
    gyp_build = npm.ensure_package(package, host.npm, context) / "node_modules/node-gyp-build"
    for path in sorted(directory.glob(f"*/{MANIFEST_PATH}")):
        for prebuild in read_manifest(path).prebuilds:
            target = find_target(prebuild.target or "")
            if prebuild.kind is not PrebuildKind.NODE_ADDON or prebuild.libc is None:
                continue
            for client in clients(target, prebuild.libc, context):
                call = CALLS.get(prebuild.name, "true")
                said = tried(client, prebuild.libc, gyp_build, path.parents[1], call)
                place = f"{prebuild.name} {prebuild.platform}-{prebuild.arch} {prebuild.libc.value}"
                sys.stdout.write(f"| {place} | {client.title} | {said} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist/prebuilds"))
