"""What must hold before a snapshot counts as stitched in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.errors import GeneratorFailedError, GeneratorTimeoutError, StitchError, ToolboxError
from pipeline.model.snapshot import GeneratorSetup, StepFailure, StepResult, failure_path, result_path
from pipeline.stages.building import stitch


@dataclasses.dataclass(frozen=True)
class Build:
    root: Path

    @property
    def out_dir(self) -> Path:
        return self.root / "out"

    @property
    def setup(self) -> GeneratorSetup:
        return GeneratorSetup(
            package="snap", version="1.0.0", generator=self.root / "generator", trigger=self.root / "trigger"
        )

    def write_result(self, *, exit_code: int = 0, timed_out: bool = False) -> StepResult:
        result = StepResult(
            package="snap", version="1.0.0", target="arm64", exit_code=exit_code, timed_out=timed_out, duration_s=2.0,
            cpu_s=1.0, emulated=True, executor="qemu", executor_version="7.2", cpu_model="cortex-a72",
            generator_sha256=fs.sha256_file(self.setup.generator), out_dir=self.out_dir,
            outputs=fs.describe_tree(self.out_dir), strays=(), stdout_tail="out\n", stderr_tail="err\n", replay="again",
        )  # fmt: skip
        fs.write_text(result_path(self.root, "snap", "1.0.0"), result.model_dump_json())
        return result

    def stitch(self, *out_dirs: Path) -> tuple[StepResult, ...]:
        used = frozenset(("snap", "1.0.0", path) for path in (out_dirs or (self.out_dir,)))
        return stitch.run(stitch.StitchInputs(steps_dir=self.root, generators=(self.setup,), out_dirs=used))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    built = Build(tmp_path)
    built.out_dir.mkdir()
    (built.out_dir / "blob").write_bytes(b"heap")
    built.setup.generator.write_bytes(b"elf")
    return built


def message(build: Build, problem: str) -> str:
    return (
        f"error: the snapshot of snap 1.0.0 cannot be stitched in: {problem}\n"
        "  usual cause: two builds used the same work directory, or files in it were changed by hand\n"
        f"  what to do:  delete {build.root} and build again"
    )


def test_a_snapshot_that_is_as_it_was_made_is_accepted(build: Build) -> None:
    expected = build.write_result()
    assert build.stitch() == (expected,)


def test_a_missing_snapshot_is_refused(build: Build) -> None:
    with pytest.raises(StitchError) as caught:
        build.stitch()
    assert str(caught.value) == message(build, "it was never made")


def test_an_altered_snapshot_is_refused(build: Build) -> None:
    build.write_result()
    (build.out_dir / "blob").write_bytes(b"HEAP")
    with pytest.raises(StitchError) as caught:
        build.stitch()
    assert str(caught.value) == message(build, f"files in {build.out_dir} are not those that the generator wrote")


def test_a_snapshot_of_another_generator_is_refused(build: Build) -> None:
    build.write_result()
    build.setup.generator.write_bytes(b"other elf")
    with pytest.raises(StitchError) as caught:
        build.stitch()
    assert str(caught.value) == message(build, "it was made by another generator than the one that lies there now")


def test_a_second_snapshot_for_the_same_package_is_refused(build: Build) -> None:
    build.write_result()
    second = build.root / "second"
    with pytest.raises(StitchError) as caught:
        build.stitch(build.out_dir, second)
    assert str(caught.value) == message(
        build, f"it was made in {build.out_dir}, but the product was given {build.out_dir}, {second}"
    )


def test_a_damaged_record_is_refused(build: Build) -> None:
    result_path(build.root, "snap", "1.0.0").write_text("{")
    path = result_path(build.root, "snap", "1.0.0")
    with pytest.raises(StitchError) as caught:
        build.stitch()
    assert str(caught.value) == (
        f"error: the record of snap's snapshot cannot be read: {path}\n"
        "  usual cause: the file was damaged, or written by another version of this program\n"
        "  what to do:  delete the file and build again: the snapshot is made anew"
    )


def test_a_snapshot_that_another_build_made_is_for_a_build_that_takes_such_ones(build: Build) -> None:
    build.write_result()
    used = frozenset({("snap", "1.0.0", build.out_dir)})
    inputs = stitch.StitchInputs(steps_dir=build.root, generators=(build.setup,), out_dirs=used, replayed=True)
    with pytest.raises(StitchError) as caught:
        stitch.run(inputs)
    assert str(caught.value) == message(build, "it was not made for this build")


def test_what_a_helper_met_is_raised_as_it_was(build: Build) -> None:
    failure = StepFailure(error="ToolboxError", what="no QEMU", cause="C", action="A", details="D")
    path = failure_path(build.root, "snap", "1.0.0")
    path.write_text(failure.model_dump_json())
    with pytest.raises(ToolboxError) as caught:
        stitch.raise_for_failed_generator(build.root, [build.setup])
    assert str(caught.value) == "D\n\nerror: no QEMU\n  usual cause: C\n  what to do:  A"
    for unknown in ("Path", "annotations", "NoSuchError"):
        path.write_text(failure.model_copy(update={"error": unknown}).model_dump_json())
        stitch.raise_for_failed_generator(build.root, [build.setup])


def test_a_failed_generator_shows_its_output_and_the_line_that_runs_it_again(build: Build) -> None:
    build.write_result(exit_code=139)
    with pytest.raises(GeneratorFailedError) as caught:
        stitch.raise_for_failed_generator(build.root, [build.setup])
    assert str(caught.value) == (
        "out\nerr\n\n"
        "error: the snapshot generator of snap ended with signal SIGSEGV on arm64\n"
        "  usual cause: an error in the build script, or something it needs is missing on the target;"
        " see its output above\n"
        "  what to do:  the build tree is kept; run the generator again by hand:\nagain"
    )


def test_a_generator_that_hangs_says_so(build: Build) -> None:
    build.write_result(exit_code=137, timed_out=True)
    with pytest.raises(GeneratorTimeoutError) as caught:
        stitch.raise_for_failed_generator(build.root, [build.setup])
    assert str(caught.value) == (
        "out\nerr\n\n"
        "error: the generator of snap did not end within 2 s on arm64\n"
        "  usual cause: it waits for something, or the machine is slower than the time limit allows\n"
        "  what to do:  raise the limit with --timeout, or find out what it waits for;"
        " the build tree is kept; run the generator again by hand:\nagain"
    )


def test_generators_that_worked_or_never_ran_raise_nothing(build: Build) -> None:
    stitch.raise_for_failed_generator(build.root, [build.setup])
    build.write_result()
    stitch.raise_for_failed_generator(build.root, [build.setup])
