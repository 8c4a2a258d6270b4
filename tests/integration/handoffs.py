"""A build over three machines, as tests see it: directories with a copy of the workspace each."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.stages.building import toolbox

from .command import Cli, Ended
from .workspaces import WORKSPACES

# Reads a file by its absolute path and one by a relative one, names OUT_DIR in a text, and prints directives.
SCRIPT = """
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let here = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/js/a.js")).unwrap();
    let there = std::fs::read_to_string("js/b.js").unwrap();
    assert_eq!(std::env::var("HOST"), std::env::var("TARGET"));
    std::fs::write(out.clone() + "/snapshot.txt", v8::heap(&(here + &there))).unwrap();
    let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    std::fs::write(out.clone() + "/env.txt", names.join(" ")).unwrap();
    std::fs::write(out.clone() + "/noise", vec![7u8; 3_000_000].iter().enumerate()
        .map(|(i, x)| ((i * 2654435761) >> 7) as u8 ^ x).collect::<Vec<u8>>()).unwrap();
    std::fs::write(out.clone() + "/place.txt", &out).unwrap();
    println!("cargo:rerun-if-changed=js/a.js");
    println!("cargo:rustc-env=PLACE={out}");
}
"""
LARGE = '#[used] pub static NOISE: &[u8; 3_000_000] = include_bytes!(concat!(env!("OUT_DIR"), "/noise"));\n'
SECRET = {"DEPLOY_TOKEN": "hunter2", "MY_OWN_VARIABLE": "x"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """A directory with a copy of the workspace, whose place decides where it is built; the toolbox is shared."""

    cli: Cli
    workspace: Path
    directory: Path

    def run(self, *arguments: str | Path) -> Ended:
        return self.cli.run(*arguments, env=SECRET, cwd=self.directory, timeout_s=300)

    def result(self, *arguments: str | Path) -> dict[str, Any]:
        ended = self.run(*arguments)
        assert ended.exit_code == 0, ended.stderr
        return ended.result

    def generator(self, *more: str | Path, target: str = "arm64") -> Path:
        out = self.directory / f"{target}.generator.tar.gz"
        options = ("--target", target, "--path", self.workspace, "--toolchain", "private", "--out", out)
        self.result("generator", *options, *more)
        return out

    def work_dir(self) -> Path:
        """Return where the workspace was built."""
        state = f'"{self.workspace.parent}"]'
        found = []
        for path in self.cli.cache_dir.glob("work/my workspace-*/tree.json"):
            # Other tests, in another process, remove what they have built.
            with contextlib.suppress(FileNotFoundError):
                if state in path.read_text():
                    found.append(path.parent)
        (only,) = found
        return only

    def stitch(self, snapshot: Path, *more: str | Path) -> Ended:
        options = ("--target", "arm64", "--path", self.workspace, "--toolchain", "private")
        return self.run("stitch", *options, "--snapshot", snapshot, "--out", self.directory / "dist", *more)


def machine(cli: Cli, cargo: Path, directory: Path) -> Machine:
    workspace = WORKSPACES["plain"].write(directory / "my workspace")
    (workspace / "snap" / "build.rs").write_text(SCRIPT)
    with (workspace / "snap" / "src" / "lib.rs").open("a") as library:
        library.write(LARGE)
    (workspace / "snap" / "js").mkdir()
    (workspace / "snap" / "js" / "a.js").write_text("a")
    (workspace / "snap" / "js" / "b.js").write_text("b")
    # More than what a connection takes before anybody reads it.
    (workspace / "snap" / "js" / "ballast").write_bytes(bytes(4_000_000))
    subprocess.run([str(cargo), "generate-lockfile", "--offline"], cwd=workspace, check=True, capture_output=True)
    return Machine(cli=cli, workspace=workspace, directory=directory)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Handoff:
    """What the first machine left for the others; it is gone itself."""

    bundle: Path
    middle: Machine
    last: Machine
    emulator: str


def make_handoff(cli: Cli, cargo_program: Path, place: Path) -> Handoff:
    """Build the first third in *place*, and switch the machine off."""
    first, middle, last = (place / name for name in ("one", "two", "three"))
    for directory in (first, middle, last):
        directory.mkdir()
    one = machine(cli, cargo_program, first)
    bundle = one.generator()
    moved = shutil.move(bundle, middle / bundle.name)
    one.work_dir().rename(place / "switched off")
    shutil.rmtree(first)
    return Handoff(
        bundle=Path(moved),
        middle=machine(cli, cargo_program, middle),
        last=machine(cli, cargo_program, last),
        emulator=emulator_words(cli),
    )


def emulator_words(cli: Cli) -> str:
    """Return the emulator for arm64 as ``--emulator`` and ``--remote-run`` take it."""
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    tools = toolbox.run(toolbox.ToolboxInputs(target=find_target("arm64"), mode="private"), context)
    return f"{tools.qemu} -cpu cortex-a72 -L @ROOT@"


def tree_digest(directory: Path) -> str:
    """Return a digest over names and contents."""
    lines = [
        f"{path.relative_to(directory)} {hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''}"
        for path in sorted(directory.rglob("*"))
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def refused(ended: Ended, exit_code: int) -> list[str]:
    """Return what a command said that must have failed in this way."""
    assert ended.exit_code == exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()


def running(words: str) -> bool:
    """Tell whether a process runs whose command line has *words* in it."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_text(errors="replace"))
        except OSError:
            continue
    return any(words in line for line in lines)
