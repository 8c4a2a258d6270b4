"""The real toolbox, and the tables against the distributions' real package lists."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.apt.private import PrivateApt
from pipeline.apt.sources import AptSettings, choose_sources, read_machine_entries
from pipeline.context import Context
from pipeline.elf.reader import read_elf
from pipeline.errors import ToolboxError
from pipeline.model.events import NullReporter
from pipeline.model.target import TARGETS, Target, find_target
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import toolbox
from pipeline.toolchains.choice import choose_llvm, choose_rust
from pipeline.toolchains.plan import GROUPS
from pipeline.toolchains.planner import Planner

from .command import Cli, processor_s

SHIM = """
#include <iostream>
#include <stdexcept>
extern "C" int shim() {
  try { throw std::runtime_error("thrown"); } catch (const std::exception &e) { std::cout << e.what() << std::endl; }
  return 42;
}
"""
# The `cc` crate is left out on purpose: this test needs no crates.io.
BUILD = """
use std::{env, process::Command};
fn run(c: &mut Command) { assert!(c.status().unwrap().success()); }
fn main() {
    let t = env::var("TARGET").unwrap().replace('-', "_");
    let out = env::var("OUT_DIR").unwrap();
    let object = format!("{out}/shim.o");
    run(Command::new(env::var(format!("CXX_{t}")).unwrap()).args(["-Werror", "-fPIC", "-c", "shim.cc", "-o", &object]));
    run(Command::new(env::var(format!("AR_{t}")).unwrap()).args(["crs", &format!("{out}/libshim.a"), &object]));
    run(Command::new("cc").args(["-x", "c++", "-c", "shim.cc", "-o", &format!("{out}/host.o")]));
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=shim");
    println!("cargo:rustc-link-lib=stdc++");
    println!("cargo:rustc-env=BUILT_ON={}", env::consts::ARCH);
}
"""
MAIN = """
extern "C" { fn shim() -> i32; }
fn main() {
    let endian = if cfg!(target_endian = "big") { "big" } else { "little" };
    println!("{} {} {}", unsafe { shim() }, endian, env!("BUILT_ON"));
}
"""


@pytest.fixture
def context(cli: Cli) -> Context:
    return Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))


def write_hello(directory: Path) -> Path:
    (directory / "src").mkdir(parents=True)
    (directory / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n')
    (directory / "build.rs").write_text(BUILD)
    (directory / "shim.cc").write_text(SHIM)
    (directory / "src/main.rs").write_text(MAIN)
    return directory


def cross_build(toolchain: Toolchain, directory: Path) -> tuple[Path, dict[str, bool]]:
    """Return the program, and whether Cargo found each unit fresh, by the unit's kind."""
    path = ":".join([*map(str, toolchain.path_dirs), "/usr/bin", "/bin"])
    env = {**toolchain.env, "PATH": path, "HOME": str(directory)}
    argv = [str(toolchain.cargo), "build", "--offline", "--target", toolchain.target.rust_triple]
    completed = subprocess.run(
        [*argv, "--message-format=json"], cwd=directory, env=env, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    messages = [json.loads(line) for line in completed.stdout.splitlines()]
    fresh = {m["target"]["kind"][0]: m["fresh"] for m in messages if m["reason"] == "compiler-artifact"}
    return directory / "target" / toolchain.target.rust_triple / "debug/hello", fresh


@pytest.mark.toolbox
@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["arm64", "s390x"])
def test_a_program_with_a_build_script_and_cpp(context: Context, name: str, tmp_path: Path) -> None:
    inputs = toolbox.ToolboxInputs(target=find_target(name), mode="private")
    toolchain = toolbox.run(inputs, context)
    program, _ = cross_build(toolchain, write_hello(tmp_path / "a hello"))
    assert read_elf(program).target() is toolchain.target
    emulator = [str(toolchain.qemu), "-cpu", toolchain.target.qemu_cpu, "-L", str(toolchain.sysroot)]
    completed = subprocess.run([*emulator, program], env={}, capture_output=True, text=True, check=True)
    assert completed.stdout == f"thrown\n42 {toolchain.target.endianness} x86_64\n"
    before = processor_s()
    assert toolbox.run(inputs, context) == toolchain
    assert processor_s() - before < 0.5, "a warm call takes milliseconds; more means that apt ran"


@pytest.mark.toolbox
@pytest.mark.network
@pytest.mark.slow
def test_what_is_compiled_for_this_machine_serves_every_target(context: Context, tmp_path: Path) -> None:
    targets = [find_target(name) for name in ("arm64", "armhf", "s390x")]
    toolchains = [toolbox.run(toolbox.ToolboxInputs(target=target, mode="private"), context) for target in targets]
    # A mirror that was updated for some architectures only has an older Rust for the others.
    first, second = next(
        two for two in itertools.combinations(toolchains, 2) if two[0].env["RUSTC"] == two[1].env["RUSTC"]
    )
    project = write_hello(tmp_path / "hello")
    _, before = cross_build(first, project)
    program, after = cross_build(second, project)
    assert (before, after) == ({"custom-build": False, "bin": False}, {"custom-build": True, "bin": False})
    assert read_elf(program).target() is second.target


@pytest.mark.toolbox
@pytest.mark.network
def test_the_programs_need_nothing_of_the_machine(context: Context, tmp_path: Path) -> None:
    toolchain = toolbox.run(toolbox.ToolboxInputs(target=find_target("arm64"), mode="private"), context)
    tools = toolchain.qemu.parents[2]
    for program in (toolchain.cargo, toolchain.qemu, toolchain.patchelf):
        facts = read_elf(program)
        assert (facts.interpreter or "").startswith(str(tools))
        env = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(tmp_path / program.name)}
        subprocess.run([program, "--version"], env=env, capture_output=True, check=True)
        (log,) = tmp_path.glob(f"{program.name}.*")
        loaded = [line.split()[-1] for line in log.read_text().splitlines() if "calling init:" in line]
        assert loaded
        assert [path for path in loaded if not path.startswith(str(tools))] == []


def private_apt(directory: Path, planner: Planner, target: Target, codename: str) -> PrivateApt:
    release = planner.distribution.find_release(codename)
    apt = PrivateApt(
        directory=directory,
        architecture=target.name,
        sources=choose_sources(planner.source_request(target, release)),
        keyrings=tuple(Path(name) for name in planner.distribution.keyrings),
        left_out=planner.distribution.left_out_of(release),
        environ=os.environ,
        reporter=NullReporter(),
    )
    apt.prepare()
    apt.update()
    return apt


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
def test_the_tables_names_exist_for_every_target(context: Context, codename: str, tmp_path: Path) -> None:
    inputs = toolbox.ToolboxInputs(target=find_target("arm64"), settings=AptSettings())
    planner = Planner.for_machine(inputs, context, frozenset(GROUPS))
    if planner.distribution.id != "debian":
        pytest.fail("the tables of Debian are tested on Debian, whose mirrors and keys the machine has")
    assert read_machine_entries(inputs.machine.apt_dir)
    release = planner.distribution.find_release(codename)
    assert release.tools is not None
    host = private_apt(tmp_path / "host", planner, find_target("amd64"), codename)
    rust = choose_rust(release.tools, host, host)
    for target in TARGETS:
        apt = host if target.name == "amd64" else private_apt(tmp_path / target.name, planner, target, codename)
        rust = choose_rust(release.tools, host, apt)
        llvm = choose_llvm(release.tools, host, rust)
        assert llvm in release.tools.llvm_majors
        assert apt.locate(f"{rust.flavour.std}={rust.std_version}")
        names = {package.name for package in apt.resolve([*release.development_packages, "libnode-dev"])}
        assert {"libc6", "libnode-dev", *release.development_packages} <= names
        assert not names & set(apt.left_out)
    tools = [*rust.packages, *release.tools.emulator_packages, release.tools.patchelf]
    assert {"cargo-web", "patchelf"} <= {package.name for package in host.resolve(tools)}


@pytest.mark.network
def test_a_package_that_debian_lacks(context: Context) -> None:
    inputs = toolbox.ToolboxInputs(target=find_target("arm64"), mode="private", sysroot_packages=("libnodd-dev",))
    with pytest.raises(ToolboxError, match="there is no package 'libnodd-dev'"):
        toolbox.run(inputs, context)
