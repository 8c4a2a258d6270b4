"""Install packed packages from a registry, in roots of every platform and by every Node, and write what came of it.

    python -m tests.bench.bench_clients DIR --json FILE [--target NAME]… [--libc NAME]… [--style NAME]… [--only WORD]…
    python -m tests.bench.bench_clients --table FILE                         # the table of docs/prebuilds.md

DIR is what `prebuild` wrote; rows that FILE has already stay there.

A registry on the loopback has nothing but these packages and what they depend on. npm runs in a root of the platform,
emulated where this machine is of another kind, with scripts, and without a compiler: what falls back fails. Then each
addon is called once; it has passed when the answer is right and the process has mapped our file, and no other. One
whose package has no tests must pass all of ours, too. Where a Node lacks the addon's Node-API, it has passed when the
installation ends with 38 and says so.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import fs
from pipeline.cli.settings import CACHE_NAME
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import MANIFEST_PATH, Libc
from pipeline.model.target import find_target
from pipeline.prebuilding.layout import read_manifest
from pipeline.toolchains.node import ensure_host_node
from tests.integration.client_machines import WHEELS, Machine, machines
from tests.integration.npm_registry import Registry, running_registry

STYLES = ("one", "split")
TARGETS = ("amd64", "arm64", "armhf")
# What npm cannot get of optional packages it leaves out without a word.
RETRIES = ("--fetch-retries=4", "--fetch-retry-mintimeout=1000")
EXIT_CODE = 38
DEPENDENCIES = ("node-gyp-build@4.8.4", "node-addon-api@8.9.2", "bindings@1.5.0", "file-uri-to-path@1.0.0")
CALLS = {
    "bcrypt": "addon.compareSync('a', addon.hashSync('a', 4))",
    "iconv": "String(new addon.Iconv('latin1', 'utf-8').convert(Buffer.from([228]))) === '\\u00e4'",
    "better-sqlite3": "new addon(':memory:').prepare('select 6 * 7 as answer').get().answer === 42",
}
OWN_TESTS = {"better-sqlite3": ("better-sqlite3-tests.cjs", 6)}
"""Files of ours in tests/data/prebuilds, and how many tests they have."""
DATA = Path(__file__).parents[1] / "data/prebuilds"
CALLED = """
const addon = require(process.argv[1]);
const right = Boolean(eval(process.argv[2]));
process.report.excludeNetwork = true;
const mapped = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'));
console.log(JSON.stringify({ right, mapped, node: process.versions.node, api: Number(process.versions.napi) }));
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What came of one package in one style on one machine."""

    platform: str
    client: str
    style: str
    package: str
    passed: bool
    said: str
    """In a few words."""
    cpu_s: float
    """Of the installation, npm included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """One that was packed, in all styles."""

    name: str
    version: str
    directory: Path
    node_api: int

    def tarballs(self, style: str) -> list[Path]:
        """Return the packed files of one style."""
        return sorted((self.directory / "npm" / style).glob("*.tgz"))


def packages_in(directory: Path) -> list[Package]:
    """Return the addons that `prebuild` left in *directory*."""
    found = []
    for path in sorted(directory.glob(f"*/{MANIFEST_PATH}")):
        manifest = read_manifest(path)
        if manifest.name in CALLS:
            api = max(prebuild.node_api or 1 for prebuild in manifest.prebuilds)
            found.append(Package(name=manifest.name, version=manifest.version, directory=path.parents[1], node_api=api))
    return found


def cells(machine: Machine, packages: list[Package], registry: Registry, style: str) -> Iterator[Cell]:
    """Install all packages that this Node can load in one go, and each other one by itself."""
    context = registry.context
    with tempfile.TemporaryDirectory(prefix="client-", dir=context.cache_dir) as scratch:
        probe = machine.run(Path(scratch), context, "-p", "process.versions.napi", env={})
        api = int(probe.stdout)
        able = [package for package in packages if package.node_api <= api]
        if able:
            yield from _installed(machine, able, registry, style, Path(scratch))
    for package in packages:
        if package not in able:
            with tempfile.TemporaryDirectory(prefix="client-", dir=context.cache_dir) as scratch:
                yield _refused(machine, package, registry, style, Path(scratch))


def _npm(machine: Machine, packages: list[Package], registry: Registry, project: Path) -> tuple[int, str, float]:
    """Return exit code and output of an installation, and its seconds of CPU."""
    (project / "package.json").write_text('{"private": true}')
    wanted = [f"{package.name}@{package.version}" for package in packages]
    options = (
        "--foreground-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--cache",
        str(project / ".npm"),
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = machine.run(
        project, registry.context, machine.npm, "install", *wanted, *options, *registry.options(), *RETRIES, env={}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = (ended.stdout + ended.stderr).decode(errors="replace")
    return ended.exit_code, said + (_logged(project) if ended.exit_code else ""), cpu_s


def _logged(project: Path) -> str:
    """Return the lines of npm's log that may say why it left something out: on its own streams it says nothing."""
    lines = (line for path in (project / ".npm/_logs").glob("*.log") for line in path.read_text().splitlines())
    return "".join(f"{line}\n" for line in lines if re.search(r"optional|http fetch|E[A-Z]{5,}|timeout", line))


def _installed(
    machine: Machine, packages: list[Package], registry: Registry, style: str, project: Path
) -> Iterator[Cell]:
    code, said, cpu_s = _npm(machine, packages, registry, project)
    for package in packages:
        ended = machine.run(project, registry.context, "-e", CALLED, package.name, CALLS[package.name], env={})
        wanted = f"{package.name}-{machine.place.replace(' ', '-')}" if style == "split" else package.name
        problem = _problem(ended.stdout, project / "node_modules" / wanted) if ended.exit_code == 0 else "does not load"
        problem = problem or _failed_tests(machine, package.name, project, registry.context)
        if code or problem:
            sys.stderr.write(said + ended.stderr.decode(errors="replace"))
        yield Cell(
            platform=machine.place, client=machine.title, style=style, package=package.name,
            passed=code == 0 and not problem, said=problem or ("loads" if code == 0 else f"npm: {code}"),
            cpu_s=round(cpu_s, 1),
        )  # fmt: skip


def _problem(stdout: bytes, root: Path) -> str:
    answer: dict[str, Any] = json.loads(stdout)
    if not answer["right"]:
        return "wrong answer"
    return "" if [Path(name).is_relative_to(root) for name in answer["mapped"]] == [True] else f"{answer['mapped']}"


def _failed_tests(machine: Machine, name: str, project: Path, context: Context) -> str:
    """Run our own tests of a package, where there are any; return what is wrong, the empty string when nothing is."""
    if name not in OWN_TESTS:
        return ""
    file_name, number = OWN_TESTS[name]
    shutil.copy(DATA / file_name, project)
    ended = machine.run(project, context, file_name, name, env={})
    said = ended.stdout.decode(errors="replace")
    if ended.exit_code == 0 and re.search(rf"\bpass {number}\b", said):
        return ""
    sys.stderr.write(said)
    return f"not all of {number} tests pass"


def _refused(machine: Machine, package: Package, registry: Registry, style: str, project: Path) -> Cell:
    code, said, cpu_s = _npm(machine, [package], registry, project)
    why = re.search(r"needs Node-API [0-9]+, this Node has [0-9]+", said)
    passed = code == EXIT_CODE and why is not None and not (project / "node_modules" / package.name).exists()
    if not passed:
        sys.stderr.write(said)
    return Cell(
        platform=machine.place, client=machine.title, style=style, package=package.name, passed=passed,
        said=why[0] if why else f"npm: {code}", cpu_s=round(cpu_s, 1),
    )  # fmt: skip


@contextlib.contextmanager
def registry_of(packages: list[Package], style: str, context: Context) -> Iterator[Registry]:
    """Yield a registry with the packages of one style."""
    node = ensure_host_node(WHEELS[-1], context)
    with (
        tempfile.TemporaryDirectory(dir=context.cache_dir) as directory,
        running_registry(node.npm, context, Path(directory)) as registry,
    ):
        for name in DEPENDENCIES:
            registry.fetch_and_publish(name)
        for package in packages:
            for tarball in package.tarballs(style):
                registry.publish(tarball)
        yield registry


def measure(options: argparse.Namespace, context: Context) -> bool:
    """Fill the matrix, written anew after each machine; return whether all of it is green."""
    packages = packages_in(options.directory.absolute())
    found = [Cell(**item) for item in json.loads(options.json.read_text())] if options.json.is_file() else []
    for style in options.style or STYLES:
        with registry_of(packages, style, context) as registry:
            for machine in chosen_machines(options, context):
                title = f"{machine.place} {machine.title} {style}"
                if not all(word in title for word in options.only):
                    continue
                for cell in cells(machine, packages, registry, style):
                    found.append(cell)
                    sys.stdout.write(f"{'ok ' if cell.passed else 'BAD'} {dataclasses.asdict(cell)}\n")
                    sys.stdout.flush()
                fs.write_text(options.json, json.dumps([dataclasses.asdict(cell) for cell in found], indent=1) + "\n")
    return bool(found) and all(cell.passed for cell in found)


def chosen_machines(options: argparse.Namespace, context: Context) -> Iterator[Machine]:
    """Yield the machines of the targets and C libraries that are asked for."""
    for target in options.target or TARGETS:
        for libc in map(Libc, options.libc or list(Libc)):
            yield from machines(find_target(target), libc, context)


def table(path: Path) -> str:
    """Return the matrix as a table: a row for each machine, a column for each package, styles in a cell."""
    found = [Cell(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    names = list(dict.fromkeys(cell.package for cell in found))
    lines = [f"| platform | Node | {' | '.join(names)} | npm, CPU s |", f"|---|---|{'---|' * len(names)}---|"]
    for platform, client in dict.fromkeys((cell.platform, cell.client) for cell in found):
        of_row = [cell for cell in found if (cell.platform, cell.client) == (platform, client)]
        texts = [_text([cell for cell in of_row if cell.package == name]) for name in names]
        spent = {cell.style: cell.cpu_s for cell in reversed(of_row)}
        lines.append(f"| {platform} | {client} | {' | '.join(texts)} | {', '.join(map(str, spent.values()))} |")
    return "\n".join(lines) + "\n"


def _text(of_package: list[Cell]) -> str:
    styles: dict[str, list[str]] = {}
    for cell in of_package:
        styles.setdefault(cell.said if cell.passed else f"**{cell.said}**", []).append(cell.style)
    return "; ".join(f"{text} ({', '.join(sorted(which))})" for text, which in styles.items())


def main() -> int:
    """Measure, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=Path("dist/prebuilds"))
    parser.add_argument("--json", type=Path, default=Path("clients.json"))
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--libc", action="append", choices=[libc.value for libc in Libc])
    parser.add_argument("--style", action="append", choices=STYLES)
    parser.add_argument("--only", action="append", default=[], help="a word that platform, client and style must have")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--cache-dir", type=Path)
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table))
        return 0
    cache = options.cache_dir or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / CACHE_NAME
    context = Context(cache_dir=cache, reporter=NullReporter(), environ=dict(os.environ))
    return 0 if measure(options, context) else 1


if __name__ == "__main__":
    sys.exit(main())
