"""Print how long `npm install` takes with a prebuild, and how long when it compiles: a row for each package.

    python tests/bench/bench_installing.py DIR NAME...    # DIR is what `prebuild` wrote for this machine

Both are installed from the same packed file with npm's cache warm, so that what differs is the compiler's work. The
compiler is the machine's own. Seconds by the clock and of CPU; the addon must be the one that is expected.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.cli.settings import CACHE_NAME
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.toolchains.node import Node, ensure_host_node

NODE = "24.19.0"
CALLS = {"better-sqlite3": "new addon(':memory:')"}
"""What loads an addon that `require` alone does not."""
LOADED = """
const addon = require(process.argv[1]);
eval(process.argv[2]);
process.report.excludeNetwork = true;
console.log(process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node')).join());
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Took:
    """How long an installation took, and which addon is loaded after it."""

    clock_s: float
    cpu_s: float
    addon: str


def install(node: Node, tarball: Path, name: str, context: Context, *options: str) -> Took:
    """Install a packed package into an empty project."""
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        (project / "package.json").write_text('{"private": true}')
        command = node.npm.command(context, project, "install", str(tarball), "--prefer-offline", *options)
        env = dict(command.env) | {"npm_config_nodedir": str(node.root)}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command.argv, cwd=project, env=env, check=True, capture_output=True, timeout=3600)
        clock_s, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        script = [str(node.program), "-e", LOADED, name, CALLS.get(name, "")]
        loaded = subprocess.run(script, cwd=project, check=True, capture_output=True, text=True, timeout=60).stdout
        return Took(clock_s=clock_s, cpu_s=cpu_s, addon=loaded.strip().rpartition("node_modules/")[2])


def main(directory: Path, names: list[str]) -> None:
    """Print the table of the packages *names*."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / CACHE_NAME
    context = Context(cache_dir=cache, reporter=NullReporter(), environ=dict(os.environ))
    node = ensure_host_node(NODE, context)
    for name in names:
        (tarball,) = directory.glob(f"{name}-*/npm/one/*.tgz")
        package = json.loads(subprocess.run(["tar", "-xOzf", str(tarball), "package/package.json"],
                                            check=True, capture_output=True).stdout)["name"]  # fmt: skip
        install(node, tarball, package, context)  # npm's cache gets what the package depends on
        prebuilt = install(node, tarball, package, context)
        built = install(node, tarball, package, context, "--build-from-source")
        if "prebuilds/" not in prebuilt.addon or "build/Release" not in built.addon:
            raise SystemExit(f"{name}: loaded were {prebuilt.addon} and {built.addon}")
        cells = (f"{took.clock_s:.1f} | {took.cpu_s:.1f}" for took in (prebuilt, built))
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
