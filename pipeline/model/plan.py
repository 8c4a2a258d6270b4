"""What a build would do, as a value that can be printed before anything runs."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.model.asset import ZIP_SUFFIX, asset_name
from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.events import Where
from pipeline.model.spec.origins import GitSource, RegistrySource
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.target import Target


class Stage(enum.StrEnum):
    """The steps of a build, in their order."""

    TOOLBOX = "toolbox"
    PATCH = "patch"
    ANALYZE = "analyze"
    LIFT = "lift"
    COMPILE_GENERATOR = "compile generator"
    SNAPSHOT = "snapshot"
    COMPILE_PRODUCT = "compile product"
    BUNDLE = "bundle"
    PACKAGE = "package"
    VERIFY = "verify"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """One step for one target: what keeps busy, what goes in, what comes out."""

    stage: Stage
    target: str
    where: Where
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """All steps of one request, in the order in which they would be done."""

    runtime: str
    workspace: str
    vm_crate: str
    profile: str
    targets: tuple[TargetRequest, ...]
    out_dir: str
    assumed_libraries: tuple[str, ...]
    """What users are taken to have beside the C library."""
    steps: tuple[PlannedStep, ...]


def make_plan(request: BuildRequest, *, build_machine: Target | None, patches: tuple[str, ...] = ()) -> Plan:
    """Return what a build of *request* does on a machine of the architecture *build_machine*.

    *patches* are those that it applies, in words.
    """
    return Plan(
        runtime=request.name or "<package>",
        workspace=_workspace(request),
        vm_crate=request.runtime.vm_crate,
        profile=request.runtime.profile,
        targets=request.targets,
        out_dir=str(request.out_dir),
        assumed_libraries=request.runtime.assumed_libraries,
        steps=tuple(step for wanted in request.targets for step in _steps(request, wanted, build_machine, patches)),
    )


def _workspace(request: BuildRequest) -> str:
    match request.runtime.source:
        case RegistrySource(package=package, version=version):
            return f"{package} {version} of the registry"
        case GitSource(url=url, rev=rev):
            return f"{rev[:12]} of {url}"
        case _:
            return str(request.workspace_dir)


def as_text(plan: Plan) -> str:
    """Return the plan for people: one line a step, below a heading for each target."""
    lines = [f"{plan.runtime} from {plan.workspace} (VM crate {plan.vm_crate}, profile {plan.profile})"]
    if plan.assumed_libraries:
        lines.append(f"for users who have {', '.join(plan.assumed_libraries)}")
    for wanted in plan.targets:
        lines += ["", _heading(wanted)]
        steps = [step for step in plan.steps if step.target == wanted.target.name]
        lines += [_line(number, step) for number, step in enumerate(steps, start=1)]
    return "\n".join(lines) + "\n"


def as_json(plan: Plan) -> dict[str, object]:
    """Return the plan for programs; every value is a JSON value."""
    return {
        "schema": 1,
        "runtime": plan.runtime,
        "workspace": plan.workspace,
        "vm_crate": plan.vm_crate,
        "profile": plan.profile,
        "out_dir": plan.out_dir,
        "assumed_libraries": list(plan.assumed_libraries),
        "targets": [
            {"name": wanted.target.name, "suite": wanted.suite, "glibc": wanted.glibc} for wanted in plan.targets
        ],
        "steps": [dataclasses.asdict(step) for step in plan.steps],
    }


def _steps(
    request: BuildRequest, wanted: TargetRequest, build_machine: Target | None, patches: tuple[str, ...]
) -> Iterator[PlannedStep]:
    on_target = Where.NATIVE if wanted.target == build_machine else Where.EMULATED
    for stage, where, inputs, outputs in (
        *_compile_rows(request, wanted, on_target, patches),
        *_finish_rows(request, wanted, on_target),
    ):
        yield PlannedStep(stage=stage, target=wanted.target.name, where=where, inputs=inputs, outputs=outputs)


_Row = tuple[Stage, Where, tuple[str, ...], tuple[str, ...]]


def _compile_rows(
    request: BuildRequest, wanted: TargetRequest, on_target: Where, patches: tuple[str, ...]
) -> Iterator[_Row]:
    name = wanted.target.name
    packages = request.runtime.vm_packages(name)
    yield Stage.TOOLBOX, Where.NETWORK, ("distribution packages", *packages), ("tools", f"sysroot of {name}")
    if patches:
        yield Stage.PATCH, Where.NATIVE, ("workspace", *patches), ("patched workspace",)
    yield Stage.ANALYZE, Where.NATIVE, ("workspace", "Cargo.lock"), ("build scripts to lift",)
    yield Stage.LIFT, Where.NATIVE, ("workspace", "build scripts to lift"), ("overlay",)
    yield Stage.COMPILE_GENERATOR, Where.NATIVE, ("overlay", "tools", f"sysroot of {name}"), (f"generator for {name}",)
    yield Stage.SNAPSHOT, on_target, (f"generator for {name}",), ("OUT_DIR with the snapshot",)
    products = ("product", *(companion.package for companion in request.runtime.companions))
    yield Stage.COMPILE_PRODUCT, Where.NATIVE, ("overlay", "OUT_DIR with the snapshot"), products


def _finish_rows(request: BuildRequest, wanted: TargetRequest, on_target: Where) -> Iterator[_Row]:
    runtime = request.runtime
    yield from _zip_rows(
        request, wanted, _Zip("product", request.name, runtime.asset_name, runtime.canaries), on_target
    )
    for companion in runtime.companions:
        if companion.asset_name is not None:
            name = companion.package
            yield from _zip_rows(request, wanted, _Zip(name, name, companion.asset_name, companion.canaries), on_target)


class _Zip(NamedTuple):
    product: str
    name: str | None
    template: str
    canaries: tuple[Canary, ...]


def _zip_rows(request: BuildRequest, wanted: TargetRequest, made: _Zip, on_target: Where) -> Iterator[_Row]:
    archive = _zip_name(request, wanted, made)
    stem = archive.removesuffix(ZIP_SUFFIX)
    if request.runtime.bundle or request.runtime.strip:
        sysroot = f"sysroot of {wanted.target.name}"
        yield Stage.BUNDLE, Where.NATIVE, (made.product, sysroot), (f"{made.product} as it ships",)
    yield Stage.PACKAGE, Where.NATIVE, (made.product,), (archive, f"{archive}.sha256")
    yield Stage.VERIFY, on_target, (archive, *_canary_names(made.canaries)), (f"{stem}.build-info.json",)


def _zip_name(request: BuildRequest, wanted: TargetRequest, made: _Zip) -> str:
    """Return the name of the zip, with the version left open where only the sources know it."""
    source = request.runtime.source
    version = source.version if isinstance(source, RegistrySource) else "<version>"
    return asset_name(made.template, runtime=made.name or "<package>", version=version, target=wanted.target)


def _canary_names(canaries: tuple[Canary, ...]) -> tuple[str, ...]:
    count = len(canaries)
    return (f"{count} canaries" if count != 1 else "1 canary",) if count else ()


def _heading(wanted: TargetRequest) -> str:
    suite = f"sysroot of {wanted.suite}" if wanted.suite else "sysroot of this machine's release"
    floor = f", glibc {wanted.glibc} or older" if wanted.glibc else ""
    return f"{wanted.target.name}  ({suite}{floor})"


def _line(number: int, step: PlannedStep) -> str:
    made = ", ".join(step.outputs)
    return f"  {number}. {step.stage:<18} {step.where:<9} {', '.join(step.inputs)} -> {made}"
