"""The snapshot step with a real program as generator."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from pipeline.errors import WorkspaceError
from pipeline.executors.local import run_local
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.snapshot import GeneratorSetup, StepResult, StepSetup, result_path
from pipeline.model.target import Target
from pipeline.stages.building import snapshot

IDENTITY = ExecutorIdentity(name="direct", version="1", cpu_model="this", emulated=False)


@dataclasses.dataclass(frozen=True)
class DirectExecutor:
    """Runs the request as it is: the generators of these tests are scripts."""

    def probe(self, target: Target) -> Availability:
        return Availability(available=True, reason=target.name)

    def run(self, request: ExecRequest) -> ExecResult:
        return run_local((), request, IDENTITY)


@dataclasses.dataclass(frozen=True)
class Place:
    root: Path

    @property
    def out_dir(self) -> Path:
        return self.root / "out"

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    def run(
        self, script: str, *, timeout_s: float = 20, workdir: Path | None = None, **env: str
    ) -> snapshot.SnapshotOutputs:
        generator = self.root / "generator"
        generator.write_text(f"#!/bin/sh\n{script}\n")
        generator.chmod(0o755)
        self.tree.mkdir(exist_ok=True)
        unused = self.root / "unused"
        setup = GeneratorSetup(package="snap", version="1.0.0", generator=generator, trigger=self.root / "snap.inputs")
        steps = StepSetup(
            target="arm64", executor="direct", qemu=unused, qemu_version="", sysroot=unused, tree=self.tree,
            timeout_s=timeout_s, generators=(setup,),
        )  # fmt: skip
        environ = {
            "PATH": "/usr/bin:/bin", "OUT_DIR": str(self.out_dir), "TARGET": "aarch64-unknown-linux-gnu",
            "HOST": "x86_64-unknown-linux-gnu", "LD_LIBRARY_PATH": "/host", "SNAPSTITCH_RUN_STEP": "x",
            "PYTHONPATH": "x",
        }  # fmt: skip
        inputs = snapshot.SnapshotInputs(
            setup=steps,
            generator=setup,
            environ=environ | env,
            workdir=workdir or self.tree,
            steps_dir=self.root / "steps",
        )
        return snapshot.run(inputs, DirectExecutor())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_files_in_the_copy_of_a_package_from_elsewhere_are_strays_as_well(place: Place) -> None:
    copy = place.root / "overrides" / "snap"
    copy.mkdir(parents=True)
    (copy / "kept").write_text("kept")
    result = place.run("echo 1 > new; echo 2 > $TREE/other; cat kept", workdir=copy, TREE=str(place.tree)).result
    assert [stray.path for stray in result.strays] == ["other", "new"]


def test_the_generator_gets_cargos_environment_with_host_equal_to_target(place: Place) -> None:
    seen = place.run("env > $OUT_DIR/env; pwd > $OUT_DIR/pwd", CARGO_FEATURE_X="1").result
    env = dict(line.split("=", 1) for line in (place.out_dir / "env").read_text().splitlines())
    assert env["HOST"] == env["TARGET"] == "aarch64-unknown-linux-gnu"
    assert env["CARGO_FEATURE_X"] == "1"
    assert not {"LD_LIBRARY_PATH", "SNAPSTITCH_RUN_STEP", "PYTHONPATH"} & set(env)
    assert (place.out_dir / "pwd").read_text().strip() == str(place.tree)
    assert seen.exit_code == 0


def test_the_whole_out_dir_is_captured_and_holds_nothing_old(place: Place) -> None:
    place.run("mkdir -p $OUT_DIR/sub; echo 1 > $OUT_DIR/sub/old; echo 1 > $OUT_DIR/old")
    result = place.run("mkdir -p $OUT_DIR/sub; printf blob > $OUT_DIR/a.bin; printf s > $OUT_DIR/sub/b.rs").result
    assert [(file.path, file.size_bytes) for file in result.outputs] == [("a.bin", 4), ("sub/b.rs", 1)]
    assert result.outputs[0].sha256 == hashlib.sha256(b"blob").hexdigest()


def test_the_result_is_kept_on_disk(place: Place) -> None:
    result = place.run("echo hello; echo oops >&2; exit 7").result
    path = result_path(place.root / "steps", "snap", "1.0.0")
    assert StepResult.model_validate_json(path.read_text()) == result
    assert (result.exit_code, result.stdout_tail, result.stderr_tail) == (7, "hello\n", "oops\n")
    assert result.replay.endswith(str(place.root / "generator"))


def test_directives_pass_and_the_generator_is_watched(place: Place) -> None:
    outputs = place.run("echo cargo:rerun-if-changed=js/a.js; echo noise; echo cargo::rustc-env=A=b")
    assert outputs.cargo_stdout.decode() == (
        f"cargo:rerun-if-changed=js/a.js\nnoise\ncargo::rustc-env=A=b\ncargo:rerun-if-changed={place.root}/generator\n"
        f"cargo:rerun-if-changed={place.root}/steps/origin\n"
    )


def test_cargos_default_rule_is_kept_for_a_script_that_watches_nothing(place: Place) -> None:
    outputs = place.run("printf 'no newline at the end'")
    assert outputs.cargo_stdout.decode() == (
        "no newline at the end\n"
        f"cargo:rerun-if-changed={place.root}/generator\n"
        f"cargo:rerun-if-changed={place.root}/steps/origin\n"
        f"cargo:rerun-if-changed={place.root}/snap.inputs\n"
    )


def test_files_written_outside_out_dir_are_noticed(place: Place) -> None:
    place.tree.mkdir()
    (place.tree / "same").write_text("")
    (place.tree / "changed").write_text("")
    result = place.run("echo x > v8.snap; echo x > changed; cat same").result
    assert [file.path for file in result.strays] == ["changed", "v8.snap"]


def test_a_generator_that_hangs_is_stopped(place: Place) -> None:
    result = place.run("echo started; sleep 600", timeout_s=0.5).result
    assert result.timed_out
    assert result.stdout_tail == "started\n"
    assert result.duration_s < 10


def test_without_out_dir_the_stub_was_not_run_by_cargo(place: Place) -> None:
    with pytest.raises(WorkspaceError) as caught:
        _without_out_dir(place)
    assert str(caught.value) == (
        "error: the stub of snap was started without OUT_DIR\n"
        "  usual cause: it was run by hand instead of by Cargo\n"
        "  what to do:  run `python -m pipeline build`, which runs Cargo"
    )


def _without_out_dir(place: Place) -> None:
    setup = GeneratorSetup(package="snap", version="1", generator=place.root, trigger=place.root)
    steps = StepSetup(
        target="arm64", executor="direct", qemu=place.root, qemu_version="", sysroot=place.root, tree=place.root,
        timeout_s=1, generators=(setup,),
    )  # fmt: skip
    snapshot.make_request(
        snapshot.SnapshotInputs(setup=steps, generator=setup, environ={}, workdir=place.root, steps_dir=place.root)
    )


def test_a_second_run_is_compared_with_the_first(place: Place) -> None:
    """Only where nothing changed that the script reads; what differs is named."""
    place.tree.mkdir()
    (place.tree / "main.js").write_text("1")
    script = "cat main.js > $OUT_DIR/same; date +%N > $OUT_DIR/other; echo cargo:rerun-if-changed=main.js"
    assert place.run(script).result.repeated is None
    again = place.run(script).result
    assert again.repeated is not None
    assert [line.partition(":")[0] for line in again.repeated] == ["other, file"]
    assert not (place.root / "out.former").exists()
    path = result_path(place.root / "steps", "snap", "1.0.0")
    assert StepResult.model_validate_json(path.read_text()) == again
    (place.tree / "main.js").write_text("2")
    assert place.run(script).result.repeated is None
    assert place.run(script, CARGO_FEATURE_X="1").result.repeated is None


def test_equal_bytes_and_other_generators(place: Place) -> None:
    assert place.run("echo 1 > $OUT_DIR/blob").result.repeated is None
    assert place.run("echo 1 > $OUT_DIR/blob").result.repeated == ()
    assert place.run("echo 2 > $OUT_DIR/blob").result.repeated is None
    assert place.run("echo 2 > $OUT_DIR/blob").result.repeated == ()
    (place.root / "snap.inputs").write_text("")
    assert place.run("echo 2 > $OUT_DIR/blob").result.repeated is None


def test_after_a_run_that_failed_there_is_nothing_to_compare_with(place: Place) -> None:
    script = "echo 1 > $OUT_DIR/blob; test ! -e fail"
    place.run(script)
    (place.tree / "fail").write_text("")
    assert place.run(script).result.exit_code == 1
    (place.tree / "fail").unlink()
    assert place.run(script).result.repeated is None
    assert place.run(script).result.repeated == ()
