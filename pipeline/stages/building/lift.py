"""Moving build scripts to the target: the overlay, both forms of each lifted package, and what must not change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.lifting import checks
from pipeline.lifting.stub import STUB_FILE_NAME, stub_source
from pipeline.model.analysis import Analysis
from pipeline.model.toolchain import Toolchain
from pipeline.overlay.assemble import copies_for
from pipeline.overlay.overrides import Copies
from pipeline.overlay.repository import attach
from pipeline.rust import cargo
from pipeline.rust.answers.store import ANSWERS_DIR_NAME, Answers
from pipeline.rust.cargo import CargoCall
from pipeline.workbench.forms import EMPTY_LIBRARY_FILE_NAME, SUPPORT_DIR_NAME, Workbench
from pipeline.workbench.lift import Lift, enter_product_form


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiftInputs:
    """An analysed workspace, and with what it is built."""

    analysis: Analysis
    work_dir: Path
    """The same as in the analysis."""
    toolchain: Toolchain
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    accept_lost_features: frozenset[str] = frozenset()
    """``CRATE/FEATURE`` that the generators may be compiled without."""


def run(inputs: LiftInputs, context: Context) -> Lift:
    """Bring the overlay up to date, work out both forms of every lifted package, and check them.

    The overlay is left in product form.
    Raises LiftError when something would be built otherwise than in the untouched tree, LockChangedError when
    something would resolve otherwise, WorkspaceError, NotWritableError and DiskFullError.
    """
    analysis = inputs.analysis
    checks.overridable(analysis.lifted, analysis.packages, patched=analysis.patched)
    manifests = {analysis.workspace_root / "Cargo.toml", *(item.manifest_path for item in analysis.path_packages)}
    checks.paths_relative({path: path.read_text(encoding="utf-8") for path in sorted(manifests)})
    copies = copies_for(analysis, inputs.work_dir)
    synced = copies.sync()
    for package in analysis.patched:
        if package.manifest is not None:
            copies.write(package, package.manifest)
    fs.write_if_changed(inputs.work_dir / SUPPORT_DIR_NAME / STUB_FILE_NAME, stub_source())
    fs.write_if_changed(inputs.work_dir / SUPPORT_DIR_NAME / EMPTY_LIBRARY_FILE_NAME, "")
    if analysis.git:
        attach(
            copies.workspace.layout,
            analysis.git,
            private_dir=inputs.work_dir / "git",
            rewritten=[package.manifest_path for package in analysis.lifted],
            environ=context.environ,
        )
    bench = Workbench(
        analysis,
        copies,
        _call(inputs, copies, context),
        work_dir=inputs.work_dir,
        accept_lost=inputs.accept_lost_features,
    )
    lift = bench.product(synced)
    generators = tuple(bench.generator(package, lift.product_manifests) for package in analysis.lifted)
    enter_product_form(lift)
    return dataclasses.replace(lift, generators=generators)


def _call(inputs: LiftInputs, copies: Copies, context: Context) -> CargoCall:
    analysis = inputs.analysis
    # A repository around the work directory is not the workspace's.
    own = {"GIT_CEILING_DIRECTORIES": str(inputs.work_dir)}
    config = copies.overrides.settings
    if analysis.raise_vm_opt_level:
        # Both phases use it, or the crate would be compiled twice.
        config += (f'profile.{analysis.selection.profile}.package."{analysis.vm_crate}".opt-level=1',)
    return CargoCall(
        cargo=inputs.toolchain.cargo,
        env=cargo.environment(inputs.toolchain, context, inputs.env) | own,
        cwd=analysis.call_dir,
        manifest_path=copies.workspace.layout.locate(analysis.product.manifest_path),
        target_dir=inputs.work_dir / "target",
        selection=analysis.selection,
        config=config,
        jobs=context.jobs,
        offline=context.offline,
        answers=Answers(inputs.work_dir / ANSWERS_DIR_NAME),
    )
