"""Compilers under a real limit of memory: the error says what to lower, and the next run goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import MemoryShortError
from pipeline.model.analysis import Selection
from pipeline.model.toolchain import Toolchain
from pipeline.rust import cargo

from .lifted_builds import Bench, generate_lock
from .workspaces import Workspace, manifest

# Enough code that optimising it takes more than the limit below, and compiling the rest does not.
_FUNCTIONS = 1200
_LARGE = "\n".join(
    f"#[inline(never)] pub fn f{number}(all: &[u64]) -> Vec<String> {{"
    " let mut map = std::collections::BTreeMap::new();"
    f' for one in all {{ map.insert(one.wrapping_mul({number}), format!("{{one}} {number}")); }}'
    " map.into_values().collect() }"
    for number in range(_FUNCTIONS)
)
_CALLS = "".join(f"count += f{number}(&all).len();" for number in range(_FUNCTIONS))
_MAIN = f'fn main() {{ let all = vec![1]; let mut count = 0; {_CALLS} println!("{{count}}"); }}'
WORKSPACE = Workspace(
    files={
        "Cargo.toml": manifest("app"),
        "src/main.rs": f"{_LARGE}\n{_MAIN}",
    },
    lifted=(),
)
LIMIT_KIB = 800_000


def call_of(bench: Bench, program: Path) -> cargo.CargoCall:
    return cargo.CargoCall(
        cargo=program,
        env=cargo.environment(bench.toolchain, bench.context),
        cwd=bench.directory,
        manifest_path=bench.directory / "Cargo.toml",
        target_dir=bench.work_dir / "target",
        selection=Selection(target_triple=bench.toolchain.target.rust_triple),
        jobs=4,
        offline=True,
    )


@pytest.mark.parametrize("limit", [f"ulimit -v {LIMIT_KIB}", "kill"])
def test_too_little_memory(limit: str, tmp_path: Path, host_toolchain: Toolchain, context: Context) -> None:
    """Once with a limit of address space, which LLVM meets; once killed as the kernel does it when memory runs out."""
    directory = WORKSPACE.write(tmp_path / "sources")
    generate_lock(directory, host_toolchain)
    rustc = tmp_path / "rustc"
    compiler = host_toolchain.env["RUSTC"]
    killing = f'case "$*" in *"--crate-name app"*) kill -9 $$;; esac; exec "{compiler}" "$@"'
    limited = f'case "$*" in *"--crate-name app"*) {limit};; esac; exec "{compiler}" "$@"'
    rustc.write_text(f"#!/bin/sh\n{killing if limit == 'kill' else limited}\n")
    rustc.chmod(0o755)
    short = dataclasses.replace(host_toolchain, env={**host_toolchain.env, "RUSTC": str(rustc)})
    bench = Bench(
        workspace=WORKSPACE, directory=directory, work_dir=tmp_path / "work", toolchain=short, context=context
    )
    goal = cargo.Goal(packages=("app",), bins=("app",))
    with pytest.raises(MemoryShortError) as error:
        cargo.build(call_of(bench, short.cargo), goal)
    assert error.value.what == "a compiler was ended for lack of memory while compiling"
    assert error.value.action == ("give --jobs 2; what was finished is kept, and the next run goes on from there")
