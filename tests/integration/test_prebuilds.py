"""Real addons from npm, compiled for arm64 with glibc and musl, and run under QEMU by their own tests.

What loads them is node-gyp-build. Some packages fall back to JavaScript without a word, so each test asks the process
which addons its loader has mapped.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.context import Context
from pipeline.elf.reader import read_elf
from pipeline.elf.symbols import dynamic_symbols
from pipeline.errors import PrebuildError
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target
from pipeline.orchestrate.prebuilds.means import Variant
from pipeline.orchestrate.prebuilds.means import get as get_means
from pipeline.prebuilding.elsewhere import Measure, read_elsewhere
from pipeline.prebuilding.layout import read_manifest
from pipeline.toolchains.node import Node, ensure_host_node, ensure_node

from .command import ROOT, Cli, Ended
from .npm_registry import Registry, running_registry

DATA = ROOT / "tests" / "data" / "prebuilds"
ARM64 = find_target("arm64")
LIBCS = (Libc.GLIBC, Libc.MUSL)
NODE = "24.19.0"
EXPECT = "29.7.0"
RECIPES = """
schema = 1
[targets]
arm64 = { suite = "bullseye", glibc = "2.31" }
"""

BY_MESON = """
schema = 1
[targets]
arm64 = {{ suite = "bullseye", glibc = "2.31" }}
[prebuilds.crc32]
kind = "executable"
version = "1.0.0"
source = {{ kind = "path", path = "{source}" }}
targets = ["arm64"]
build = [
    ["meson", "setup", "build", "--cross-file", "{{meson-cross}}", "--buildtype=release"],
    ["ninja", "-C", "build", "-j{{jobs}}"],
]
programs = {{ crc32 = "build/crc32" }}
probe = {{ args = ["--self-test"], exit-code = 41 }}
"""

Install = Callable[..., Path]

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """What the verb made of two recipes, and where."""

    directory: Path
    result: dict[str, Any]

    def output(self, name: str) -> Path:
        return next(Path(item["directory"]) for item in self.result["results"] if item["name"] == name)

    def packages(self, name: str, style: str) -> list[Path]:
        item = next(item for item in self.result["results"] if item["name"] == name)
        return [Path(package["path"]) for package in item["packages"] if package["style"] == style]


def recipes(names: tuple[str, ...]) -> str:
    """Return the project's own recipes of these names, with Debian 11's glibc: clang compiles for it in seconds."""
    text = (ROOT / "releases.toml").read_text(encoding="utf-8")
    tables = re.findall(r"(?m)^\[+prebuilds\.(?:[^\[]|\[(?!\[?prebuilds))*", text)
    wanted = [table for table in tables if re.match(rf"\[+prebuilds\.(?:{'|'.join(names)})\b", table)]
    return RECIPES + "\n".join(wanted).replace('glibc = "2.28"', 'glibc = "2.31"')


@pytest.fixture(scope="module")
def context(cli: Cli) -> Context:
    return Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))


@pytest.fixture(scope="module")
def made(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Made:
    directory = tmp_path_factory.mktemp("pre builds")
    spec = directory / "releases.toml"
    spec.write_text(recipes(("bcrypt", "iconv")), encoding="utf-8")
    ended = cli.run("prebuild", "--target", "arm64", "--out", directory / "out", "--spec", spec, timeout_s=1200)
    assert ended.exit_code == 0, ended.stderr
    return Made(directory=directory, result=ended.result)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """An emulated arm64 machine with one of the C libraries, and its Node."""

    prefix: tuple[str, ...]
    node: Node
    libc: Libc

    def run(self, directory: Path, *arguments: str | Path) -> Ended:
        """Run Node. node-gyp-build takes a system for musl when LIBC says so, or /etc/alpine-release is there."""
        env = {"PATH": "/usr/bin:/bin", "HOME": str(directory), **({"LIBC": "musl"} if self.libc is Libc.MUSL else {})}
        ended = subprocess.run(
            [*self.prefix, str(self.node.program), *map(str, arguments)],
            cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        return Ended(exit_code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)


@pytest.fixture(scope="module", params=LIBCS, ids=lambda libc: libc.value)
def machine(request: pytest.FixtureRequest, made: Made, context: Context) -> Machine:
    libc: Libc = request.param
    variant = Variant(
        target=ARM64, libc=libc, suite="bullseye", suite_glibc="2.31", glibc=None, compiler="auto", toolchain="auto"
    )
    executor = get_means(variant, context).executor
    prefix = executor.prefix()  # type: ignore[attr-defined]
    assert made.directory.is_dir()
    return Machine(prefix=prefix, node=ensure_node(ARM64, libc, NODE, context), libc=libc)


@pytest.fixture(scope="module")
def registry(made: Made, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Yield a registry with the packages of single platforms, and what they depend on."""
    npm = ensure_host_node(NODE, context).npm
    with running_registry(npm, context, tmp_path_factory.mktemp("registry")) as running:
        for package in ("node-gyp-build@4.8.4", "node-addon-api@8.9.2"):
            running.fetch_and_publish(package)
        for path in made.packages("bcrypt", "split"):
            running.publish(path)
        yield running


@pytest.fixture(scope="module")
def npm_install(context: Context) -> Install:
    npm = ensure_host_node(NODE, context).npm

    def install(directory: Path, libc: Libc, *packages: str | Path) -> Path:
        """Install as npm on an arm64 machine with *libc* would, without running scripts; return node_modules."""
        directory.mkdir(parents=True)
        (directory / "package.json").write_text('{"private": true}')
        system = ("--cpu=arm64", "--os=linux", f"--libc={libc.value}")
        command = npm.command(context, directory, "install", "--ignore-scripts", *system, *map(str, packages))
        subprocess.run(command.argv, cwd=directory, env=dict(command.env), check=True, capture_output=True, timeout=300)
        return directory / "node_modules"

    return install


def mapped(ended: Ended) -> list[str]:
    assert ended.exit_code == 0, ended.stdout + ended.stderr
    found: list[str] = json.loads(ended.stdout.rpartition("mapped: ")[2])
    return found


@pytest.mark.parametrize("name", ["bcrypt", "iconv"])
@pytest.mark.parametrize("libc", LIBCS, ids=lambda libc: libc.value)
def test_what_the_files_need(made: Made, name: str, libc: Libc) -> None:
    path = made.output(name) / f"prebuilds/linux-arm64/{name}.{libc.value}.node"
    facts = read_elf(path)
    loader = {"ld-linux-aarch64.so.1"} if libc is Libc.GLIBC else set()
    base = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"} if libc is Libc.GLIBC else {"libc.so"}
    assert facts.target() == ARM64
    assert set(facts.needed) <= base | loader
    exported = {symbol.name for symbol in dynamic_symbols(path) if symbol.defined}
    assert exported == {"napi_register_module_v1", "node_api_module_get_api_version_v1"}


def test_the_manifest_says_what_was_measured(made: Made) -> None:
    manifest = read_manifest(made.output("bcrypt") / "prebuilds/manifest.json")
    glibc, musl = manifest.prebuilds
    assert (glibc.libc, musl.libc, musl.libc_floor, musl.libraries) == (Libc.GLIBC, Libc.MUSL, None, ())
    assert glibc.libc_floor
    assert tuple(map(int, glibc.libc_floor.split("."))) <= (2, 31)
    # bcrypt's headers, those of node-addon-api, ask for version 3.
    assert {glibc.node_api, musl.node_api} == {3}
    assert [item["trial_s"] > 0 for item in made.result["results"][0]["made"]] == [True, True]


def test_bcrypt_by_its_own_tests(made: Made, machine: Machine, npm_install: Install, tmp_path: Path) -> None:
    modules = npm_install(tmp_path / "app", machine.libc, *made.packages("bcrypt", "one"), f"expect@{EXPECT}")
    tests = sorted((modules / "bcrypt/test").glob("*.test.js"))
    assert len(tests) == 5
    # The longest one is the same few calls two hundred times.
    chosen = [path for path in tests if path.name != "repetitions.test.js"]
    ended = machine.run(
        tmp_path, "--require", DATA / "loaded.cjs", DATA / "bcrypt-tests.cjs", modules / "expect", *chosen
    )
    assert mapped(ended) == [str(modules / f"bcrypt/prebuilds/linux-arm64/bcrypt.{machine.libc.value}.node")]
    assert re.search(r"\bpass 71\b", ended.stdout), ended.stdout
    assert re.search(r"\bfail 0\b", ended.stdout), ended.stdout


def test_our_own_loader_takes_the_same(made: Made, machine: Machine, tmp_path: Path) -> None:
    (tarball,) = made.packages("bcrypt", "one")
    subprocess.run(["tar", "-xzf", str(tarball), "-C", str(tmp_path)], check=True)
    script = (
        "const loader = require('./package/prebuilds/loader/index.cjs'); loader.load('package');"
        "const { arch, libc } = loader.thisMachine(); console.log(arch, libc);"
    )
    ended = machine.run(tmp_path, "--require", DATA / "loaded.cjs", "-e", script)
    assert mapped(ended) == [str(tmp_path / f"package/prebuilds/linux-arm64/bcrypt.{machine.libc.value}.node")]
    assert ended.stdout.startswith(f"arm64 {machine.libc.value}\n")


def test_iconv_by_its_own_tests(made: Made, machine: Machine, npm_install: Install, tmp_path: Path) -> None:
    modules = npm_install(tmp_path / "app", machine.libc, *made.packages("iconv", "one"))
    (modules / "iconv/test/tmp").mkdir()
    ended = machine.run(tmp_path, "--require", DATA / "loaded.cjs", modules / "iconv/test/run-tests.js")
    assert mapped(ended) == [str(modules / f"iconv/prebuilds/linux-arm64/iconv.{machine.libc.value}.node")]


def test_npm_takes_the_one_package_that_fits(
    made: Made, machine: Machine, registry: Registry, npm_install: Install, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    npm_install(app, machine.libc, "--no-audit", *registry.options(), "bcrypt@6.0.0")
    modules, fitting = app / "node_modules", f"bcrypt-linux-arm64-{machine.libc.value}"
    assert sorted(path.name for path in modules.glob("bcrypt-*")) == [fitting]
    assert not list((modules / "bcrypt").rglob("*.node"))
    manifest = read_manifest(modules / "bcrypt/prebuilds/manifest.json")
    names = {path.name.removesuffix("-6.0.0.tgz") for path in made.packages("bcrypt", "split")[1:]}
    assert {prebuild.npm_package for prebuild in manifest.prebuilds} == names
    # node-gyp-build looks elsewhere where a variable named after the package says so.
    where = f"process.env.BCRYPT_PREBUILD = '{modules / fitting}'"
    script = f"{where}; console.log(require('bcrypt').hashSync('a', 4).length)"
    ended = machine.run(app, "--require", DATA / "loaded.cjs", "-e", script)
    assert mapped(ended) == [str(modules / fitting / f"prebuilds/linux-arm64/bcrypt.{machine.libc.value}.node")]
    assert ended.stdout.startswith("60\n")


def test_equal_sources_give_equal_packages(made: Made, cli: Cli, tmp_path: Path) -> None:
    """The same from the layout of the first run, packed again in another directory and under another umask."""
    spec, first, again = made.directory / "releases.toml", made.output("bcrypt"), tmp_path / "again"
    argv = cli.argv("prebuild", "bcrypt", "--only-merge", "--merge", first, "--out", again, "--spec", spec)
    ended = subprocess.run(
        ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", *argv],
        cwd=ROOT, env=cli.environ(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    names = sorted(path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file())
    copy = again / first.name
    assert names == sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert [name for name in names if (first / name).read_bytes() != (copy / name).read_bytes()] == []


def test_archives_hold_what_the_index_says(made: Made, tmp_path: Path) -> None:
    output = made.output("iconv")
    index = read_manifest(output / "iconv-3.0.1.prebuilds.json")
    for prebuild in index.prebuilds:
        tar, zipped = prebuild.archives
        unpacked = tmp_path / tar.name
        unpacked.mkdir()
        subprocess.run(["tar", "--zstd", "-xf", str(output / tar.name), "-C", str(unpacked)], check=True)
        assert (unpacked / prebuild.path).read_bytes() == (output / prebuild.path).read_bytes()
        shutil.unpack_archive(output / zipped.name, unpacked / "zip")
        assert (unpacked / "zip" / prebuild.path).read_bytes() == (output / prebuild.path).read_bytes()


def test_a_recipe_for_other_targets(cli: Cli, made: Made, tmp_path: Path) -> None:
    ended = cli.run(
        "prebuild", "iconv", "--target", "s390x", "--out", tmp_path, "--spec", made.directory / "releases.toml"
    )
    assert ended.exit_code == 37
    assert "iconv is not made for what was asked for" in ended.stderr


def test_a_program_by_cmake(cli: Cli, tmp_path: Path) -> None:
    """The probe, under QEMU, shows that exceptions and streams of the static C++ library work."""
    ended = cli.run("prebuild", "crc32", "--target", "arm64", "--libc", "glibc", "--out", tmp_path, timeout_s=600)
    assert ended.exit_code == 0, ended.stderr
    (only,) = ended.result["results"][0]["made"]
    program = tmp_path / "crc32-1.0.0/prebuilds/linux-arm64/bin/crc32.glibc"
    assert only["prebuild"]["probe"] == {"args": ["--self-test"], "exit_code": 41, "timeout_s": 20.0}
    assert only["trial_s"] > 0
    assert program.stat().st_mode & 0o777 == 0o755
    assert set(read_elf(program).needed) <= {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"}


def test_a_program_by_meson(cli: Cli, made: Made, tmp_path: Path) -> None:
    """The cross file says all: compilers, a C++ library inside, nothing of this machine, no symbols."""
    assert made.directory.is_dir()  # musl and its C++ library are compiled by now
    spec = tmp_path / "releases.toml"
    spec.write_text(BY_MESON.format(source=ROOT / "examples/crc32"), encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = cli.run("prebuild", "--out", tmp_path / "out", "--spec", spec, env={"PATH": path}, timeout_s=600)
    assert ended.exit_code == 0, ended.stderr
    glibc, musl = ended.result["results"][0]["made"]
    assert [item["trial_s"] > 0 for item in (glibc, musl)] == [True, True]
    for item in (glibc, musl):
        program = tmp_path / "out/crc32-1.0.0" / item["prebuild"]["path"]
        facts = read_elf(program)
        assert facts.target() == ARM64
        assert bool(facts.interpreter) == (item is glibc)  # with musl it is static
        assert program.stat().st_size < 1_000_000
        assert str(cli.cache_dir).encode() not in program.read_bytes()


def test_what_others_built_for_macos_and_windows(context: Context, tmp_path: Path) -> None:
    """Real addons of a package on npm, which its own runners built there."""
    npm = ensure_host_node(NODE, context).npm
    for system in ("darwin-arm64", "darwin-x64", "win32-x64"):
        packed = tmp_path / system
        packed.mkdir()
        command = npm.command(context, packed, "pack", "--ignore-scripts", f"@parcel/watcher-{system}@2.6.0")
        subprocess.run(command.argv, cwd=packed, env=dict(command.env), check=True, capture_output=True, timeout=300)
        (tarball,) = packed.glob("*.tgz")
        place = tmp_path / "runners/prebuilds" / system
        place.mkdir(parents=True)
        subprocess.run(["tar", "-xzf", tarball, "-C", packed], check=True)
        shutil.move(packed / "package/watcher.node", place)
    measure = Measure(headers=ensure_host_node(NODE, context).headers, probe=None, glibc_floor=None)
    found = read_elsewhere(tmp_path / "runners", "watcher", "2.6.0", measure).prebuilds
    assert [(one.platform, one.arch, one.node_api) for one in found] == [
        ("darwin", "arm64", 5), ("darwin", "x64", 5), ("win32", "x64", 5),
    ]  # fmt: skip
    shutil.copy(tmp_path / "runners/prebuilds/darwin-x64/watcher.node", tmp_path / "runners/prebuilds/darwin-arm64")
    with pytest.raises(PrebuildError, match="is for darwin-x64, not for darwin-arm64: its header says so"):
        read_elsewhere(tmp_path / "runners", "watcher", "2.6.0", measure)
