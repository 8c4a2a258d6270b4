"""Building a workspace twice: as it is, and lifted with the generators run on this machine."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.context import Context
from pipeline.lifting.stub import RUN_STEP_VARIABLE
from pipeline.model.analysis import Analysis
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.rust import cargo
from pipeline.rust.cargo import BuildOutcome
from pipeline.stages.building import analyze, lift
from pipeline.stages.building.analyze import AnalyzeInputs
from pipeline.stages.building.lift import LiftInputs
from pipeline.workbench.lift import Lift, check_lock, enter_generator_form, enter_product_form

from .workspaces import Workspace

# The trigger keeps Cargo's default rule where the script gave no directive of its own.
STEP = """\
#!/bin/sh
cd "$PWD" || exit 1
here=$(dirname "$0")
echo "$1 $2" >> "$here/log"
HOST="$TARGET" "$here/$1-$2" > "$here/out"
status=$?
cat "$here/out"
echo "cargo:rerun-if-changed=$here/$1-$2"
grep -q '^cargo::*rerun-if' "$here/out" || echo "cargo:rerun-if-changed=$(cat "$here/$1-$2.trigger")"
exit $status
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """A workspace on disk and with what it is built."""

    workspace: Workspace
    directory: Path
    work_dir: Path
    toolchain: Toolchain
    context: Context

    @property
    def step_dir(self) -> Path:
        return self.work_dir / "step"

    def runs(self) -> list[str]:
        """Return which generators ran so far."""
        log = self.step_dir / "log"
        return log.read_text().splitlines() if log.exists() else []

    def analyze_inputs(self) -> AnalyzeInputs:
        return AnalyzeInputs(
            workspace_dir=self.directory,
            work_dir=self.work_dir,
            toolchain=self.toolchain,
            package=self.workspace.package,
            features=self.workspace.features,
            default_features=self.workspace.default_features,
            profile=self.workspace.profile,
            settings=self.workspace.settings,
        )

    def analyze(self) -> Analysis:
        return analyze.run(self.analyze_inputs(), self.context)

    def lift(self, analysis: Analysis | None = None) -> Lift:
        inputs = LiftInputs(
            analysis=analysis or self.analyze(),
            work_dir=self.work_dir,
            toolchain=self.toolchain,
            env={RUN_STEP_VARIABLE: str(self.step_dir / "step")},
        )
        return lift.run(inputs, self.context)

    def build_generators(self, lifted: Lift) -> list[BuildOutcome]:
        """Build all generators and put them where the step looks for them."""
        self.step_dir.mkdir(parents=True, exist_ok=True)
        step = self.step_dir / "step"
        step.write_text(STEP)
        step.chmod(0o755)
        outcomes = []
        for generator in lifted.generators:
            enter_generator_form(lifted, generator)
            outcomes.append(cargo.build(lifted.call, generator.goal))
            key = generator.package.key
            place = self.step_dir / f"{key.name}-{key.version}"
            place.unlink(missing_ok=True)
            place.symlink_to(generator.expected_path)
            (self.step_dir / f"{key.name}-{key.version}.trigger").write_text(str(generator.trigger))
        return outcomes

    def build(self) -> tuple[Lift, list[BuildOutcome]]:
        """Lift and build everything; the product's outcome comes last."""
        lifted = self.lift()
        outcomes = self.build_generators(lifted)
        enter_product_form(lifted)
        outcomes.append(cargo.build(lifted.call, lifted.product))
        check_lock(lifted)
        return lifted, outcomes


def generate_lock(directory: Path, toolchain: Toolchain) -> None:
    """Write Cargo.lock."""
    env = proc.base_environment(os.environ) | dict(toolchain.env)
    proc.check(proc.Command(argv=(str(toolchain.cargo), "generate-lockfile", "--offline"), env=env, cwd=directory))


def build_untouched(bench: Bench, target_dir: Path) -> Path:
    """Build the workspace with nothing but Cargo and return the product's program."""
    analysis = bench.analyze()
    call = cargo.CargoCall(
        cargo=bench.toolchain.cargo,
        env=cargo.environment(bench.toolchain, bench.context),
        cwd=bench.directory,
        manifest_path=analysis.product.manifest_path,
        target_dir=target_dir,
        selection=analysis.selection,
        offline=True,
    )
    goal = cargo.Goal(
        packages=(analysis.product.key.spec,),
        bins=analysis.product.binaries,
        features=analysis.selection.features,
        default_features=analysis.selection.default_features,
    )
    program = cargo.build(call, goal).executable(analysis.product.binaries[0])
    assert program
    return program


def output_of(program: Path) -> str:
    """Run a program and return what it prints."""
    return proc.check(proc.Command(argv=(str(program),), env=proc.base_environment(os.environ))).text


def snapshot_of_tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and content of every file of a tree."""
    return {
        str(path.relative_to(directory)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(directory.rglob("*"))
    }


Make = Callable[[Workspace], Bench]
"""Lays a workspace out, with a lock file."""
