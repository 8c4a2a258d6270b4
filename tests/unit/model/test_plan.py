"""The plan as a value, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.events import Where
from pipeline.model.plan import Plan, Stage, as_json, as_text, make_plan
from pipeline.model.spec.origins import PathSource, RegistrySource
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.target import find_target

AMD64, ARM64 = find_target("amd64"), find_target("arm64")
RUNTIME = RuntimeSpec(
    source=PathSource(kind="path", path=Path("app")), canaries=(Canary(args=("--version",)),), vm_crate="vm"
)


def plan(*, runtime: RuntimeSpec = RUNTIME, name: str | None = "app", patches: tuple[str, ...] = ()) -> Plan:
    request = BuildRequest(
        name=name,
        runtime=runtime,
        workspace_dir=Path("/work/app"),
        targets=(TargetRequest(target=ARM64, suite="bookworm", glibc="2.36"), TargetRequest(target=AMD64)),
        out_dir=Path("/out"),
    )
    return make_plan(request, build_machine=AMD64, patches=patches)


def where(made: Plan, target: str, stage: Stage) -> Where:
    return next(step.where for step in made.steps if step.target == target and step.stage is stage)


def test_every_target_has_all_stages_in_order() -> None:
    for target in ("arm64", "amd64"):
        assert [step.stage for step in plan().steps if step.target == target] == [
            stage for stage in Stage if stage is not Stage.PATCH
        ]


def test_only_what_runs_the_targets_programs_is_emulated() -> None:
    assert {step.stage for step in plan().steps if step.where is Where.EMULATED} == {Stage.SNAPSHOT, Stage.VERIFY}
    assert where(plan(), "amd64", Stage.SNAPSHOT) is Where.NATIVE
    assert where(plan(), "arm64", Stage.SNAPSHOT) is Where.EMULATED


def test_nothing_to_bundle() -> None:
    made = plan(runtime=RUNTIME.model_copy(update={"bundle": False, "strip": False}))
    assert Stage.BUNDLE not in {step.stage for step in made.steps}


def test_text() -> None:
    assert (
        as_text(plan())
        == """\
app from /work/app (VM crate vm, profile release)

arm64  (sysroot of bookworm, glibc 2.36 or older)
  1. toolbox            network   distribution packages, libnode-dev -> tools, sysroot of arm64
  2. analyze            native    workspace, Cargo.lock -> build scripts to lift
  3. lift               native    workspace, build scripts to lift -> overlay
  4. compile generator  native    overlay, tools, sysroot of arm64 -> generator for arm64
  5. snapshot           emulated  generator for arm64 -> OUT_DIR with the snapshot
  6. compile product    native    overlay, OUT_DIR with the snapshot -> product
  7. bundle             native    product, sysroot of arm64 -> product as it ships
  8. package            native    product -> app-<version>-linux-arm64.zip, app-<version>-linux-arm64.zip.sha256
  9. verify             emulated  app-<version>-linux-arm64.zip, 1 canary -> app-<version>-linux-arm64.build-info.json

amd64  (sysroot of this machine's release)
  1. toolbox            network   distribution packages, libnode-dev -> tools, sysroot of amd64
  2. analyze            native    workspace, Cargo.lock -> build scripts to lift
  3. lift               native    workspace, build scripts to lift -> overlay
  4. compile generator  native    overlay, tools, sysroot of amd64 -> generator for amd64
  5. snapshot           native    generator for amd64 -> OUT_DIR with the snapshot
  6. compile product    native    overlay, OUT_DIR with the snapshot -> product
  7. bundle             native    product, sysroot of amd64 -> product as it ships
  8. package            native    product -> app-<version>-linux-amd64.zip, app-<version>-linux-amd64.zip.sha256
  9. verify             native    app-<version>-linux-amd64.zip, 1 canary -> app-<version>-linux-amd64.build-info.json
"""
    )


def test_names_and_libraries_of_the_runtimes_own() -> None:
    source = RegistrySource(kind="registry", package="app", version="2.0.0")
    settings = {"source": source, "asset_name": "{runtime}-{version}-{rust-triple}.zip"}
    made = plan(runtime=RUNTIME.model_copy(update={**settings, "assumed_libraries": ("libgcc_s.so.1",)}))
    lines = as_text(made).splitlines()
    assert lines[:2] == [
        "app from app 2.0.0 of the registry (VM crate vm, profile release)", "for users who have libgcc_s.so.1"
    ]  # fmt: skip
    name = "app-2.0.0-aarch64-unknown-linux-gnu"
    assert f"  8. package            native    product -> {name}.zip, {name}.zip.sha256" in lines
    assert f"  9. verify             emulated  {name}.zip, 1 canary -> {name}.build-info.json" in lines
    assert as_json(made)["assumed_libraries"] == ["libgcc_s.so.1"]


def test_a_name_that_is_not_known_yet() -> None:
    assert as_text(plan(name=None)).startswith("<package> from /work/app")


def test_json() -> None:
    document = json.loads(json.dumps(as_json(plan())))
    assert document["targets"] == [
        {"name": "arm64", "suite": "bookworm", "glibc": "2.36"},
        {"name": "amd64", "suite": None, "glibc": None},
    ]
    assert document["steps"][4] == {
        "stage": "snapshot",
        "target": "arm64",
        "where": "emulated",
        "inputs": ["generator for arm64"],
        "outputs": ["OUT_DIR with the snapshot"],
    }
    assert len(document["steps"]) == 2 * (len(Stage) - 1)  # there are no patches
