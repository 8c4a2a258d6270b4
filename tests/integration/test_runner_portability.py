"""The runner in bundles, on systems that are not this one: busybox alone, a program or two less."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.model.target import target_of_machine
from pipeline.snapshots import bundles

from .busybox import make_root, run_in
from .command import Cli
from .handoffs import machine

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

# What a Mac has in the place of sha256sum, with the options that it has there.
SHASUM = '#!/bin/sh\n[ "$1 $2" = "-a 256" ] || exit 64\nshift 2\nexec /bin/busybox sha256sum "$@"\n'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A bundle for this machine's own CPU; the build tree that it names is gone."""

    bundle: Path
    work_dir: Path


@pytest.fixture(scope="module")
def made(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    target = target_of_machine(os.uname().machine)
    assert target is not None
    place = machine(cli, cargo_program, tmp_path_factory.mktemp("own"))
    bundle = place.generator(target=target.name)
    work_dir = place.work_dir()
    work_dir.rename(place.directory / "gone")
    return Made(bundle=bundle, work_dir=work_dir)


def place_bundle(made: Made, root: Path) -> None:
    (root / "bundle").mkdir()
    subprocess.run(["tar", "-xzf", str(made.bundle), "-C", str(root / "bundle")], check=True)


def check_result(out: Path, way: str) -> None:
    with bundles.opened(out) as (directory, _request):
        step = directory / "steps" / "snap-1.0.0"
        assert json.loads((step / "result.json").read_text())["way"] == way
        assert (step / "out" / "snapshot.txt").read_text() == "heap(ab)[]"


@pytest.mark.parametrize("digests", ["sha256sum", "shasum"])
def test_busybox_alone(cli: Cli, made: Made, tmp_path: Path, digests: str) -> None:
    root = make_root(cli, tmp_path / "root", without=("sha256sum",) if digests == "shasum" else ())
    if digests == "shasum":
        (root / "bin" / "shasum").write_text(SHASUM)
        (root / "bin" / "shasum").chmod(0o755)
    place_bundle(made, root)
    done = run_in(root, "/bin/sh", "/bundle/run", "--out", "/made.tar.gz")
    assert done.returncode == 0, done.stderr
    assert "namespaces: there is no unshare of util-linux" in done.stderr
    check_result(root / "made.tar.gz", "in place")
    assert not os.path.lexists(root / str(made.work_dir).lstrip("/")), "the link was left"
    assert list((root / "tmp").glob("snapstitch*")) == []

    (root / "bundle" / "run-job.sh").write_text("exit 0\n")
    done = run_in(root, "/bin/sh", "/bundle/run", "--out", "/altered.tar.gz")
    assert done.returncode == 1
    assert "error: files of the bundle are not what they should be before the run" in done.stderr
    assert not (root / "altered.tar.gz").exists()


def test_without_anything_to_run_it_with(cli: Cli, made: Made, tmp_path: Path) -> None:
    """Each way is named, with what it lacks."""
    root = make_root(cli, tmp_path / "root")
    place_bundle(made, root)
    with bundles.opened(made.bundle) as (_directory, request):
        taken = request.steps[0].source_dirs[0]
    (root / taken.lstrip("/")).mkdir(parents=True)
    done = run_in(root, "/bin/sh", "/bundle/run", "--out", "/made.tar.gz")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[1] == "namespaces: there is no unshare of util-linux"
    assert lines[2] == f"in place: {taken} is there already"
    assert lines[3] == "container: there is no docker"
    assert lines[-1] == "error: the generator of snap-1.0.0 cannot be run here"
    assert list((root / "tmp").glob("snapstitch*")) == []


@pytest.mark.parametrize(
    ("shell", "way"),
    # Busybox's shell takes its own unshare before the machine's.
    [("dash", "namespaces"), ("bash --posix", "namespaces"), ("bash", "namespaces"), ("busybox sh", "in place")],
)
def test_shells(cli: Cli, made: Made, tmp_path: Path, shell: str, way: str) -> None:
    unpacked = tmp_path / "un packed"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", str(made.bundle), "-C", str(unpacked)], check=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    root = make_root(cli, tmp_path / "root") if shell.startswith("busybox") else Path("/")
    program, *options = shell.split()
    found = shutil.which(program, path=f"{root}/bin:/usr/bin:/bin")
    assert found, f"there is no {program}"
    (tools / "sh").write_text(f'#!/bin/sh\nexec {found} {" ".join(options)} "$@"\n')
    (tools / "sh").chmod(0o755)
    out = tmp_path / "made.tar.gz"
    command = [str(tools / "sh"), str(unpacked / "run"), "--out", str(out)]
    done = subprocess.run(command, env={"PATH": f"{tools}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_result(out, way)
    assert not os.path.lexists(made.work_dir)
