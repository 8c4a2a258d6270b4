"""Snapshots on top of others, made on another machine: one round of bundles for each layer."""

from __future__ import annotations

import dataclasses
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.snapshots import bundles

from .command import Cli, Ended
from .handoffs import Handoff, emulator_words, refused, tree_digest
from .workspaces import WORKSPACES

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """A workspace in a directory of its own: another machine, but for the toolbox."""

    cli: Cli
    workspace: Path

    def options(self) -> tuple[str | Path, ...]:
        return ("--target", "arm64", "--path", self.workspace, "--toolchain", "private")

    def end(self, *arguments: str | Path) -> Ended:
        return self.cli.run(*arguments, cwd=self.workspace)

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        ended = self.end(*arguments)
        assert ended.exit_code == 0, ended.stderr
        return ended.result

    def generator(self, out: Path, *more: str | Path) -> dict[str, Any]:
        (made,) = self.run("generator", *self.options(), "--out", out, *more)["bundles"]
        found: dict[str, Any] = made
        return found


def site(cli: Cli, cargo: Path, name: str, directory: Path) -> Site:
    workspace = WORKSPACES[name].write(directory)
    subprocess.run([str(cargo), "generate-lockfile", "--offline"], cwd=workspace, check=True, capture_output=True)
    return Site(cli=cli, workspace=workspace)


@pytest.mark.parametrize(
    ("name", "printed"),
    [("chained", "heap(snap)[] heap(heap(snap)[])[]"), ("chained-build-only", "heap(heap(deep)[])[]")],
)
def test_two_rounds(cli: Cli, cargo_program: Path, tmp_path: Path, name: str, printed: str) -> None:
    first, last = (site(cli, cargo_program, name, tmp_path / part) for part in ("first", "last"))
    bundle, snapshot = tmp_path / "1.generator.tar.gz", tmp_path / "1.snapshot.tar.zst"
    made = first.generator(bundle)
    assert (made["round"], made["steps"], made["made"], made["pending"]) == (1, ["snap-1.0.0"], [], ["outer-1.0.0"])
    ran = first.run("snapshot", bundle, "--executor", "qemu", "--out", snapshot)
    assert (list(ran["steps"]), ran["pending"]) == (["snap-1.0.0"], ["outer-1.0.0"])
    said = refused(last.end("stitch", *last.options(), "--snapshot", snapshot, "--out", tmp_path / "dist"), 20)
    assert said[-3:] == [
        "error: 1.snapshot.tar.zst is not the last one: the snapshot of outer-1.0.0 is not in it",
        "  usual cause: that snapshot is made on top of those that are in it",
        "  what to do:  give it to `generator --snapshot FILE`, run what that makes, and stitch the result",
    ]
    # The second round on another machine than the first.
    second = tmp_path / "2.generator.tar.gz"
    made = last.generator(second, "--snapshot", snapshot)
    assert (made["round"], made["steps"], made["made"], made["pending"]) == (2, ["outer-1.0.0"], ["snap-1.0.0"], [])
    both = tmp_path / "2.snapshot.tar.gz"
    last_words = run_unpacked(second, both, emulator_words(cli))
    assert last_words == f"made {both}, for: python -m pipeline stitch --snapshot {both}"
    with bundles.opened(snapshot) as (one, _request), bundles.opened(both) as (two, request):
        assert tree_digest(one / "steps" / "snap-1.0.0") == tree_digest(two / "steps" / "snap-1.0.0")
        assert (request.round, request.made) == (2, ("snap-1.0.0",))
    outcome = last.end(
        "stitch", *last.options(), "--snapshot", both, "--out", tmp_path / "dist", "--check", f"x => {printed}"
    ).outcome()
    assert outcome["checks"]["verdict"] == "ok"
    said = refused(last.end("generator", *last.options(), "--snapshot", both, "--out", tmp_path), 2)
    assert said[-3] == "error: there is no generator left: every snapshot is made"


def run_unpacked(bundle: Path, out: Path, emulator: str) -> str:
    """Run a bundle's own runner; return the last line that it said."""
    unpacked = out.with_suffix(".unpacked")
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", str(bundle), "-C", str(unpacked)], check=True)
    command = [str(unpacked / "run"), "--out", str(out), "--emulator", emulator]
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


def test_what_an_earlier_round_made_is_checked(handoff: Handoff, tmp_path: Path) -> None:
    """A bundle that says that a snapshot is there, and has none."""
    with bundles.opened(handoff.bundle) as (directory, request):
        claim = request.model_copy(update={"made": (request.steps[0].name,)})
        (directory / "request.json").write_text(claim.model_dump_json())
        (directory / "SHA256SUMS").unlink()
        with tarfile.open(tmp_path / "claims.tar", "w") as archive:
            archive.add(_with_sums(directory), arcname=".")
    said = refused(handoff.middle.run("snapshot", tmp_path / "claims.tar", "--executor", "qemu"), 24)
    assert said[-3] == "error: result.json of a generator's run cannot be read"


def _with_sums(directory: Path) -> Path:
    files = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    sums = subprocess.run(["sha256sum", "--", *files], cwd=directory, check=True, capture_output=True).stdout
    (directory / "SHA256SUMS").write_bytes(sums)
    return directory
