"""A snapshot step that asks the cache first, with a real program as generator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.cache.store import SnapshotStore
from pipeline.errors import DiskFullError
from pipeline.executors.local import run_local
from pipeline.model.cached import Lookup, SnapshotKey
from pipeline.model.execution import Availability, ExecRequest, ExecResult, Executor, ExecutorIdentity
from pipeline.model.snapshot import GeneratorSetup, SnapshotCacheSetup, StepResult, StepSetup, lookup_path
from pipeline.model.target import Target
from pipeline.orchestrate.building.recalling import recall_or_run
from pipeline.stages.building import snapshot
from tests.unit.cache.entries import IDENTITY


@dataclasses.dataclass
class CountingExecutor:
    """Runs the request as it is, and counts."""

    runs: int = 0

    def probe(self, target: Target) -> Availability:
        return Availability(available=True, reason=target.name)

    def run(self, request: ExecRequest) -> ExecResult:
        self.runs += 1
        identity = ExecutorIdentity(name="direct", version="1", cpu_model="this", emulated=False)
        return run_local((), request, identity)


@dataclasses.dataclass
class Place:
    root: Path
    executor: CountingExecutor = dataclasses.field(default_factory=CountingExecutor)

    def run(self, script: str, *, look_up: bool = True, jobs: str = "2", **env: str) -> snapshot.SnapshotOutputs:
        generator, tree = self.root / "generator", self.root / "tree"
        generator.write_text(f"#!/bin/sh\n{script}\n")
        generator.chmod(0o755)
        tree.mkdir(exist_ok=True)
        unused = self.root / "unused"
        one = GeneratorSetup(package="snap", version="1.0.0", generator=generator, trigger=self.root / "snap.inputs")
        setup = StepSetup(
            target="arm64", executor="direct", qemu=unused, qemu_version="", sysroot=unused, tree=tree,
            timeout_s=20, generators=(one,),
        )  # fmt: skip
        environ = {
            "PATH": "/usr/bin:/bin", "OUT_DIR": str(self.root / "out"), "TARGET": "aarch64-unknown-linux-gnu",
            "NUM_JOBS": jobs, "CARGO_MAKEFLAGS": f"-j --jobserver-fds={jobs}", **env,
        }  # fmt: skip
        inputs = snapshot.SnapshotInputs(
            setup=setup, generator=one, environ=environ, workdir=tree, steps_dir=self.root / "steps"
        )
        cache = SnapshotCacheSetup(directory=self.root / "snapshots", identity=IDENTITY, look_up=look_up)
        return recall_or_run(inputs, cache, self.make_executor)

    def make_executor(self) -> Executor:
        return self.executor

    @property
    def lookup(self) -> Lookup:
        return Lookup.model_validate_json(lookup_path(self.root / "steps", "snap", "1.0.0").read_bytes())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


MAKE = "printf blob > $OUT_DIR/a.bin; echo cargo:rustc-env=A=b; echo cargo:rerun-if-changed=main.js"


def test_the_second_time_it_is_not_run_and_cargo_sees_the_same(place: Place) -> None:
    first = place.run(MAKE)
    (place.root / "out" / "a.bin").write_text("something else")
    (place.root / "out" / "left").write_text("over")
    second = place.run(MAKE, jobs="7")
    assert place.executor.runs == 1
    assert second.cargo_stdout == first.cargo_stdout
    assert sorted(path.name for path in (place.root / "out").iterdir()) == ["a.bin"]
    assert (place.root / "out" / "a.bin").read_text() == "blob"
    assert (second.result.recalled, second.result.cpu_s) == (True, 0.0)
    assert second.result.made_in_s == first.result.duration_s
    assert second.result.outputs == first.result.outputs


def test_what_it_watches_and_what_it_is_given_decide(place: Place) -> None:
    place.run(MAKE)
    (place.root / "tree" / "main.js").write_text("1")
    place.run(MAKE)
    assert place.lookup.differences == ("file main.js: changed since",)
    place.run(MAKE, CARGO_FEATURE_X="1")
    assert place.lookup.differences == ("variable CARGO_FEATURE_X: unset in the cache, '1' here",)
    place.run(MAKE + "; true")
    assert place.executor.runs == 4


def test_when_it_is_to_run_it_runs_and_is_kept(place: Place) -> None:
    place.run(MAKE)
    place.run(MAKE, look_up=False)
    assert place.executor.runs == 2
    place.run(MAKE)
    assert place.executor.runs == 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "the generator failed"),
        ("echo x > stray.js", "it wrote outside OUT_DIR: stray.js"),
    ],
)
def test_what_cannot_be_given_again_is_not_kept(place: Place, script: str, reason: str) -> None:
    place.run(script)
    assert place.lookup.not_kept == reason
    assert SnapshotStore(root=place.root / "snapshots").entries() == ()


def test_a_cache_that_cannot_be_written_fails_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: SnapshotStore, _key: SnapshotKey, _result: StepResult, _stdout: bytes) -> None:
        raise DiskFullError("no space left", cause="it is full", action="make some")

    monkeypatch.setattr(SnapshotStore, "keep", full)
    assert place.run(MAKE).result.exit_code == 0
    assert place.lookup.not_kept == "no space left"


def test_a_second_look_compares_with_what_lies_there_now(place: Place) -> None:
    """After a recall, a run that is forced is held against what was recalled, not against an older run."""
    place.run(MAKE)
    place.run("printf other > $OUT_DIR/a.bin")
    place.run(MAKE)
    again = place.run(MAKE, look_up=False)
    assert again.result.repeated == ()
