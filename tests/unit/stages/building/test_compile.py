"""What Cargo's messages say about who was compiled for whom; a real process plays them back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import CompileError, HostVmError
from pipeline.model.analysis import Selection
from pipeline.model.cargo import Goal
from pipeline.rust.cargo import CargoCall
from pipeline.stages.building import compile as compile_stage

TRIPLE = "aarch64-unknown-linux-gnu"
VM_ID = "registry+https://example.org#v8@137.2.1"


def artifact(package_id: str, directory: str, *, fresh: bool = False, kind: str = "lib") -> str:
    name = package_id.rpartition("#")[2].partition("@")[0]
    return json.dumps(
        {
            "reason": "compiler-artifact",
            "package_id": package_id,
            "target": {"name": name, "kind": [kind], "src_path": "/src/lib.rs"},
            "filenames": [f"{directory}/lib{name}.rlib"],
            "executable": None,
            "fresh": fresh,
        }
    )


def run(tmp_path: Path, messages: list[str], exit_code: int = 0) -> compile_stage.CompileOutputs:
    (tmp_path / "messages").write_text("".join(f"{line}\n" for line in messages))
    player = tmp_path / "cargo"
    player.write_text(f"#!/bin/sh\ncat {tmp_path}/messages\necho 'error: it is broken' >&2\nexit {exit_code}\n")
    player.chmod(0o755)
    call = CargoCall(
        cargo=player,
        env={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        manifest_path=tmp_path / "Cargo.toml",
        target_dir=Path("/target"),
        selection=Selection(target_triple=TRIPLE),
    )
    inputs = compile_stage.CompileInputs(
        call=call, goal=Goal(packages=("app",), bins=("app",)), vm_package_ids=frozenset({VM_ID})
    )
    return compile_stage.run(inputs)


def test_units_are_counted_by_whom_they_are_for(tmp_path: Path) -> None:
    outputs = run(
        tmp_path,
        [
            artifact("r#serde@1", f"/target/{TRIPLE}/release"),
            artifact("r#syn@2", "/target/release"),
            artifact("r#old@1", "/target/release", fresh=True),
            artifact(VM_ID, f"/target/{TRIPLE}/release"),
        ],
    )
    assert str(outputs.units) == "2 units for the target, 1 for the host, 1 fresh"


def test_a_build_that_had_nothing_to_do(tmp_path: Path) -> None:
    outputs = run(tmp_path, [artifact(VM_ID, f"/target/{TRIPLE}/release", fresh=True)])
    assert str(outputs.units) == "all 1 units fresh"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_virtual_machine_for_the_build_host_is_refused(tmp_path: Path, fresh: bool) -> None:
    with pytest.raises(HostVmError) as caught:
        run(tmp_path, [artifact(VM_ID, "/target/release", fresh=fresh)])
    assert str(caught.value) == (
        "/target/release/libv8.rlib\n\n"
        f"error: the virtual machine was compiled for the build host: {VM_ID}\n"
        "  usual cause: a build script or procedural macro that was not lifted links it\n"
        "  what to do:  please report the workspace's shape; `cargo tree -i` with the VM crate shows who asks for it"
    )


def test_the_vms_own_build_script_may_run_on_the_host(tmp_path: Path) -> None:
    run(tmp_path, [artifact(VM_ID, "/target/release", kind="custom-build")])


def test_a_failed_build_is_an_error_with_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="it is broken"):
        run(tmp_path, [], exit_code=101)
