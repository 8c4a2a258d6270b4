"""V8 from source with the real GN, ninja, Clang and emulator: as much of it as a minute allows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.elf.reader import read_elf
from pipeline.errors import StoppedError
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.orchestrate.v8_source import V8Request, v8_inputs
from pipeline.stages.compile_v8 import CompileV8Inputs, V8Work, prepare
from pipeline.toolchains.bindgen import ensure_bindgen
from pipeline.v8.recipe import NINJA_TARGET, V8Order
from pipeline.v8_build.bindings import BindingOrder, bindgen_version, generate_binding

from .command import Cli

ARM64 = find_target("arm64")
VERSION = "137.3.0"
OBJECT = "obj/v8/v8_libbase/bits.o"
PROGRAM = """
#include <cstdio>
#include <string>
int main(int argc, char **argv) {
  std::string said = argc > 1 ? argv[1] : "nothing";
  std::printf("%zu %s %s\\n", sizeof(void *), __VERSION__, said.c_str());
  return 7;
}
"""

pytestmark = [pytest.mark.toolbox, pytest.mark.network]


@pytest.fixture(scope="module")
def inputs(cli: Cli) -> CompileV8Inputs:
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    return v8_inputs(V8Request(order=V8Order(version=VERSION, target=ARM64), toolchain="private"), context)


@pytest.fixture
def work(inputs: CompileV8Inputs, tmp_path: Path) -> V8Work:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ=environ, jobs=1)
    return prepare(inputs, context)


def commands(work: V8Work) -> list[str]:
    argv = [str(work.build.ninja), "-C", str(work.build.path), "-t", "commands", NINJA_TARGET]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def test_everything_is_compiled_once_and_for_the_target(work: V8Work) -> None:
    """No second V8 for the build host, and nothing taken from the machine."""
    lines = commands(work)
    assert len(lines) > 2000
    targets = {word for line in lines for word in re.findall(r"--target=\S+", line)}
    assert targets == {f"--target={ARM64.clang_triple}"}
    run = {word for line in lines if "tools/run.py" in line for word in re.findall(r" (\./\S+)", line)}
    assert run == {"./bytecode_builtins_list_generator", "./gen-regexp-special-case", "./mksnapshot", "./torque"}
    assert [line for line in lines if "-I/usr" in line or "-isystem/usr" in line] == []


def test_declarations_made_here_are_those_that_the_crate_ships(
    cli: Cli, inputs: CompileV8Inputs, work: V8Work, tmp_path: Path
) -> None:
    """For arm64 the crate has them: bindgen must give the same, so those of other targets can be trusted."""
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    program = ensure_bindgen(bindgen_version(inputs.source.path), inputs.toolchain, context)
    made = tmp_path / "binding.rs"
    order = BindingOrder(bindgen=program, toolchain=inputs.toolchain, build=work.build)
    generate_binding(order, made, context)
    shipped = inputs.source.path / "gen" / f"src_binding_release_{ARM64.rust_triple}.rs"
    assert made.read_bytes() == shipped.read_bytes()


def test_an_object_of_v8_is_the_targets(inputs: CompileV8Inputs, work: V8Work) -> None:
    work.make(OBJECT)
    made = read_elf(work.build.path / OBJECT)
    assert (made.machine, made.elf_class) == (ARM64.elf_machine, ARM64.elf_class)
    before = (work.build.path / OBJECT).stat().st_mtime_ns
    work = prepare(inputs, work.context)
    work.make(OBJECT)
    assert (work.build.path / OBJECT).stat().st_mtime_ns == before
    assert [run.finished for run in work.runs()] == [True]


def test_a_program_of_the_build_runs_on_the_target(work: V8Work) -> None:
    """Linked under the name of one of V8's own, and started as V8's build starts it."""
    out = work.build.path
    (out / "main.cc").write_text(PROGRAM)
    compiler = work.directory / "clang/bin/clang++"
    subprocess.run([compiler, "-O1", "-fuse-ld=lld", "-o", "./torque", "main.cc"], cwd=out, check=True)
    assert read_elf(out / "torque.elf").machine == ARM64.elf_machine
    script = work.build.source / "v8/tools/run.py"
    argv = [sys.executable, "-B", str(script), "--redirect-stdout", "said", "./torque", "a b"]
    ended = subprocess.run(argv, cwd=out, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (7, "Return code is 7\n")
    assert (out / "said").read_text().endswith(" a b\n")
    assert (out / "said").read_text().startswith("8 Debian Clang 19.")


@pytest.fixture
def arguments(cli: Cli, tmp_path: Path, inputs: CompileV8Inputs) -> Iterator[tuple[str, ...]]:
    """Yield the command line of a build that nobody else makes; its work directory is removed."""
    del inputs  # the tools are there now
    embedder = f'v8_embedder_string="-test{os.getpid()}"'
    common = ("-j", "1", "--toolchain", "private", "--out", str(tmp_path / "mirror"), "--gn-arg", embedder)
    before = set((cli.cache_dir / "work").glob("v8-*"))
    yield ("v8", "--target", "arm64", "--version", VERSION, *common)
    for path in set((cli.cache_dir / "work").glob("v8-*")) - before:
        if path.is_dir():
            fs.remove_tree(path)


def test_an_interrupted_build_goes_on(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Ctrl-C ends the command and ninja; the next run does the rest only."""
    before = set((cli.cache_dir / "work").glob("v8-*"))
    first = _interrupted(cli, arguments, before, objects=1)
    second = _interrupted(cli, arguments, before, objects=len(first) + 1)
    assert first.items() <= second.items()
    assert not (tmp_path / "mirror").exists()
    (runs,) = [path / "runs.json" for path in set((cli.cache_dir / "work").glob("v8-*")) - before if path.is_dir()]
    assert [run["finished"] for run in json.loads(runs.read_text())] == [False, False]


def _interrupted(cli: Cli, arguments: tuple[str, ...], before: set[Path], objects: int) -> dict[str, str]:
    """Start a build, interrupt it when *objects* are finished; return those, with the times that ninja noted."""
    process = cli.start(*arguments)
    found = dict[str, str]()
    deadline = time.monotonic() + 120
    while len(found) < objects and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        found = _finished_objects(set((cli.cache_dir / "work").glob("v8-*")) - before)
    process.send_signal(signal.SIGINT)
    _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == StoppedError.exit_code, stderr
    assert stderr.endswith("stopped; what was finished is kept, and the next run goes on from there\n")
    assert len(found) >= objects
    return found


def _finished_objects(places: set[Path]) -> dict[str, str]:
    logs = [path / "out/.ninja_log" for path in places if (path / "out/.ninja_log").is_file()]
    fields = [line.split("\t") for log in logs for line in log.read_text().splitlines()[1:]]
    return {field[3]: field[2] for field in fields if len(field) == 5 and field[3].endswith(".o")}


def test_a_crate_that_is_too_new_costs_nothing(tmp_path: Path) -> None:
    ended = Cli(cache_dir=tmp_path / "cache").run("v8", "--target", "arm64", "--version", "150.4.0", cwd=tmp_path)
    assert ended.exit_code == 26
    assert "it needs GN of 2026-09-16 or later, Clang 22 or later" in ended.stderr
    assert list(tmp_path.iterdir()) == []
