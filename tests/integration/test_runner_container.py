"""The runner in bundles where a container engine is all that there is, as on a Mac."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import docker
import pytest

from pipeline.executors.containers import EMPTY_IMAGE
from pipeline.model.target import target_of_machine
from pipeline.snapshots import bundles

from .command import Cli
from .engine import Engine
from .handoffs import machine

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]

LACKING = frozenset({"unshare", "setsid", "sha256sum", "docker", "od"})
# There is no /proc on a Mac.
OD = '#!/bin/sh\ncase "$*" in */proc/*) exit 1 ;; esac\nexec /usr/bin/od "$@"\n'
HANGING = 'fn main() { let _ = v8::heap("x"); std::thread::sleep(std::time::Duration::from_secs(90)) }\n'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mac:
    """A machine that has a shell and the usual small tools, ``shasum`` and Docker."""

    engine: Engine
    directory: Path

    def unpack(self, bundle: Path, name: str) -> Path:
        unpacked = self.directory / name
        unpacked.mkdir()
        subprocess.run(["tar", "-xzf", str(bundle), "-C", str(unpacked)], check=True)
        return unpacked

    def start(self, unpacked: Path, out: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(unpacked / "run"), "--out", str(out)],
            env={"PATH": str(self.directory / "tools"), "TMPDIR": str(self.directory / "tmp"), "TOKEN": "hunter2"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def is_clean(self) -> bool:
        """Tell whether nothing is left: no file, no container, no image of a run."""
        return not list((self.directory / "tmp").iterdir()) and not self.engine.containers() and not self.images()

    def images(self) -> list[str]:
        client = docker.DockerClient(self.engine.host)
        try:
            tags = [tag for image in client.images.list() for tag in image.tags]
            return [tag for tag in tags if "snapstitch-" in tag and EMPTY_IMAGE not in tag]
        finally:
            client.close()


@pytest.fixture(scope="module")
def mac(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Mac:
    directory = tmp_path_factory.mktemp("a mac")
    tools = directory / "tools"
    tools.mkdir()
    (directory / "tmp").mkdir()
    for program in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
        if program.name not in LACKING and not (tools / program.name).is_symlink():
            (tools / program.name).symlink_to(program)
    found = shutil.which("docker", path=engine.path_dirs)
    words = f'LD_LIBRARY_PATH="{engine.library_dir}" DOCKER_HOST={engine.host} exec "{found}" "$@"'
    for name, text in {"docker": f"#!/bin/sh\n{words}\n", "od": OD}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return Mac(engine=engine, directory=directory)


def own_bundle(cli: Cli, cargo: Path, directory: Path, script: str | None = None) -> Path:
    target = target_of_machine(os.uname().machine)
    assert target is not None
    directory.mkdir()
    place = machine(cli, cargo, directory)
    if script is not None:
        (place.workspace / "snap" / "build.rs").write_text(script)
    return place.generator(target=target.name)


@pytest.fixture(scope="module")
def hanging(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle whose generator does not end by itself."""
    return own_bundle(cli, cargo_program, tmp_path_factory.mktemp("hanging") / "place", HANGING)


@pytest.fixture(scope="module")
def plain(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_bundle(cli, cargo_program, tmp_path_factory.mktemp("plain") / "place")


def test_with_python_the_engine_makes_the_same(cli: Cli, mac: Mac, plain: Path, tmp_path: Path) -> None:
    """Nothing of the toolbox is needed where the engine's CPU is the target's."""
    options = ("--cross-check", "docker,auto", "--out", tmp_path, "--cache-dir", tmp_path / "empty", "--offline")
    compared = cli.run("snapshot", plain, *options, env={"DOCKER_HOST": mac.engine.host})
    # This generator writes down the names of its variables, and container runtimes add HOME.
    assert [item["file"] for item in compared.result["cross_check"]["differences"]] == ["env.txt"], compared.stderr
    assert compared.exit_code == 21
    (step,), (other,) = (part.values() for part in (compared.result["steps"], compared.result["cross_check"]["with"]))
    assert (step["executor"], step["emulated"], other["executor"]) == ("docker", False, "native")
    assert "native runs programs of" in compared.stderr
    assert mac.engine.containers() == []


def test_a_container_is_the_last_way(mac: Mac, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.tar.gz"
    running = mac.start(mac.unpack(plain, "plain"), out)
    _nothing, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert "namespaces: this machine has another CPU" in said
    assert "in place: this machine has another CPU" in said
    with bundles.opened(out) as (directory, _request):
        step = directory / "steps" / "snap-1.0.0"
        assert json.loads((step / "result.json").read_text())["way"] == "container"
        assert (step / "out" / "snapshot.txt").read_text() == "heap(ab)[]"
        seen = set((step / "out" / "env.txt").read_text().split())
    assert "OUT_DIR" in seen
    # Container runtimes add HOME where there is none.
    assert {"PATH", "HOSTNAME", "TMPDIR", "TOKEN", "DOCKER_HOST", "LD_LIBRARY_PATH"} & seen == set()
    assert mac.is_clean()


def test_when_it_is_told_to_stop_nothing_goes_on(mac: Mac, hanging: Path, tmp_path: Path) -> None:
    running = mac.start(mac.unpack(hanging, "stopped"), tmp_path / "never.tar.gz")
    deadline = time.monotonic() + 60
    while not mac.engine.containers() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    assert mac.engine.containers()
    started = time.monotonic()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 129
    assert time.monotonic() - started < 30, "it waited for the generator"
    assert mac.is_clean()
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_does_not_end_is_ended_with_its_container(mac: Mac, hanging: Path, tmp_path: Path) -> None:
    unpacked = mac.unpack(hanging, "late")
    job = unpacked / "steps" / "snap-1.0.0" / "job.sh"
    (limit,) = (line for line in job.read_text().splitlines() if line.startswith("timeout_s="))
    job.write_text(job.read_text().replace(limit, "timeout_s=2"))
    files = [line[66:] for line in (unpacked / "SHA256SUMS").read_text().splitlines()]
    sums = subprocess.run(["sha256sum", "--", *files], cwd=unpacked, check=True, capture_output=True).stdout
    (unpacked / "SHA256SUMS").write_bytes(sums)
    running = mac.start(unpacked, tmp_path / "never.tar.gz")
    _nothing, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert 'error: the generator of snap-1.0.0 failed: {"exit_code": 137, "timed_out": true' in said
    assert mac.is_clean()
    assert list(tmp_path.iterdir()) == []
