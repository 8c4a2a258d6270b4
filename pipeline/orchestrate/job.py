"""One build for one target: where it happens and with what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.executors.choose import Means
from pipeline.executors.containers import engine_variables
from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.ssh import SshHost, client_environment
from pipeline.model.target import Target
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.ledger import Ledger
from pipeline.rust import native_env
from pipeline.stages.building import toolbox
from pipeline.stages.building.patch import AppliedPatch
from pipeline.stages.building.provide_v8 import V8File


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What the parts of one build share."""

    request: BuildRequest
    wanted: TargetRequest
    context: Context
    ledger: Ledger
    toolchain: Toolchain
    executor_name: str
    work_dir: Path
    """Kept from build to build: overlay, Cargo's target directory, records of steps."""
    patches: tuple[AppliedPatch, ...] = ()
    """What the source was changed by."""
    v8_archive: V8File | None = None
    """What V8 is linked from; None when it is the system's library."""

    @property
    def target(self) -> Target:
        """Return the target."""
        return self.wanted.target

    @property
    def label(self) -> str:
        """Return the name that tells this build apart from others in the same work directory."""
        return f"{self.target.name}-{self.request.runtime.profile}"

    @property
    def steps_dir(self) -> Path:
        """Return where requests and results of the snapshot steps lie."""
        return self.work_dir / "steps" / self.label

    @property
    def means(self) -> Means:
        """Return what there is to run programs of the target with."""
        means = means_of(self.toolchain, self.context.environ, self.request.host)
        return dataclasses.replace(means, keep_dir=self.steps_dir)


def toolbox_inputs(request: BuildRequest, wanted: TargetRequest) -> toolbox.ToolboxInputs:
    """Return what the toolbox of a build for one target is made of."""
    runtime = request.runtime
    return toolbox.ToolboxInputs(
        target=wanted.target,
        suite=wanted.suite,
        sysroot_packages=runtime.vm_packages(wanted.target.name),
        tool_packages=native_env.PACKAGES if runtime.native_tools else (),
        mode=request.toolchain,
    )


def means_of(toolchain: Toolchain, environ: Mapping[str, str], host: SshHost | None = None) -> Means:
    """Return what *toolchain* has to run programs of its target with, and what a *host* adds to it."""
    return Means(
        target=toolchain.target,
        sysroot=toolchain.sysroot,
        qemu=toolchain.qemu,
        qemu_version=toolchain.qemu_version,
        engine_env=engine_variables(environ),
        host=host,
        client_env=client_environment(environ) if host else {},
    )


def work_dir_for(request: BuildRequest, context: Context) -> Path:
    """Return the work directory of a workspace and package: the same for each build of it, and for no other."""
    runtime = request.runtime
    packages = (runtime.package, *(companion.package for companion in runtime.companions))
    digest = fs.sha256_json([runtime.source.model_dump(mode="json"), *packages])[:12]
    name = request.name or (request.workspace_dir.name if request.workspace_dir else "source")
    return context.work_root / f"{name}-{digest}"
