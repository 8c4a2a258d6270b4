"""Workspaces that cannot be lifted, and the whole message that each gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.errors import (
    LiftError,
    LockChangedError,
    LockfileMissingError,
    NothingToLiftError,
    PipelineError,
    UnknownNameError,
    UsageError,
    WorkspaceError,
)
from pipeline.stages.building import analyze

from .lifted_builds import Bench, Make
from .workspaces import APP_MAIN, SNAP, SNAP_BUILD, SNAP_LIB, V8, VM_FILES, WORKSPACES, Workspace, manifest, virtual

PLAIN = WORKSPACES["plain"]


def with_files(workspace: Workspace, **changes: object) -> Workspace:
    return dataclasses.replace(workspace, **changes)  # type: ignore[arg-type]


def refusal(bench: Bench, kind: type[PipelineError]) -> str:
    with pytest.raises(kind) as caught:
        bench.lift()
    assert caught.type is kind
    return str(caught.value)


def test_no_lock_file(make: Make) -> None:
    bench = make(PLAIN)
    (bench.directory / "Cargo.lock").unlink()
    assert refusal(bench, LockfileMissingError) == (
        f"error: there is no {bench.directory}/Cargo.lock\n"
        "  usual cause: the workspace was never built, or Cargo.lock is not under version control\n"
        "  what to do:  run `cargo generate-lockfile` in the workspace, look at the versions, and try again"
    )
    assert not (bench.directory / "Cargo.lock").exists()


def test_a_lock_file_that_does_not_fit(make: Make) -> None:
    bench = make(PLAIN)
    lock = bench.directory / "Cargo.lock"
    lock.write_text(lock.read_text().replace('name = "snap"\nversion = "1.0.0"', 'name = "snap"\nversion = "0.9.0"'))
    before = lock.read_bytes()
    message = refusal(bench, LockChangedError)
    assert "--locked was passed" in message
    assert message.endswith(
        "error: Cargo.lock does not fit the manifests any more\n"
        "  usual cause: a manifest was edited and the lock file was not updated\n"
        "  what to do:  run `cargo update --workspace` in the workspace, look at the change, and try again"
    )
    assert lock.read_bytes() == before


def test_a_broken_manifest_is_told_in_cargos_words(make: Make) -> None:
    bench = make(PLAIN)
    (bench.directory / "snap" / "Cargo.toml").write_text('[package]\nname = "snap"\nedition = "1999"\n')
    message = refusal(bench, WorkspaceError)
    assert "supported edition values are" in message
    assert "error: Cargo cannot read the workspace\n  usual cause: see what Cargo says, above\n" in message


def test_no_workspace_at_all(make: Make, tmp_path: Path) -> None:
    bench = dataclasses.replace(make(PLAIN), directory=tmp_path)
    assert refusal(bench, WorkspaceError) == (
        f"error: there is no Cargo.toml in {tmp_path.resolve()}\n"
        "  usual cause: the path leads elsewhere than to a Cargo workspace\n"
        "  what to do:  give the directory that holds the workspace's Cargo.toml"
    )


def test_another_vm_crate_is_suggested(make: Make) -> None:
    bench = make(WORKSPACES["facade"])
    inputs = dataclasses.replace(bench.analyze_inputs(), vm_crate="facad")
    with pytest.raises(NothingToLiftError) as caught:
        analyze.run(inputs, bench.context)
    assert caught.value.what == (
        "no build script of app makes a snapshot: facad is not among its 4 packages; did you mean facade?"
    )


def test_several_products(make: Make) -> None:
    files = {**PLAIN.files, "snap/src/main.rs": "fn main() {}\n"}
    bench = make(with_files(PLAIN, files=files))
    assert refusal(bench, UsageError) == (
        f"error: several packages of {bench.directory} have programs: app, snap\n"
        "  usual cause: the workspace does not say which one is its product\n"
        "  what to do:  name one with --package"
    )


def test_a_misspelt_package(make: Make) -> None:
    bench = make(with_files(PLAIN, package="snip"))
    assert refusal(bench, UnknownNameError) == (
        f"error: {bench.directory} has no package 'snip'; did you mean snap?\n"
        "  usual cause: a misspelt name, or a package of another workspace\n"
        "  what to do:  choose one of app, snap, v8"
    )


def test_a_misspelt_program(make: Make) -> None:
    bench = make(PLAIN)
    with pytest.raises(UnknownNameError) as caught:
        analyze.run(dataclasses.replace(bench.analyze_inputs(), binaries=("apps",)), bench.context)
    assert str(caught.value) == (
        "error: package app has no program 'apps'; did you mean app?\n"
        "  usual cause: a misspelt name, or a program of another package\n"
        "  what to do:  choose from app"
    )


def test_a_library_is_no_product(make: Make) -> None:
    assert refusal(make(with_files(PLAIN, package="snap")), UsageError) == (
        "error: package snap has no program to build\n"
        "  usual cause: it is a library\n"
        "  what to do:  name the package of the program with --package"
    )


def test_a_procedural_macro_with_the_vm_in_it(make: Make) -> None:
    files = {
        **PLAIN.files,
        "Cargo.toml": virtual("app", "snap", "v8", "ops"),
        "ops/Cargo.toml": manifest("ops", f"[lib]\nproc-macro = true\n[dependencies]\n{V8}"),
        "ops/src/lib.rs": "",
        "app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\n{V8}\nops = {{ path = "../ops" }}'),
    }
    assert "v8 is linked into a procedural macro: ops v1.0.0" in refusal(
        make(with_files(PLAIN, files=files)), LiftError
    )


def test_an_inner_snapshot_that_only_a_script_needs_and_that_is_no_member(make: Make) -> None:
    files = {
        **VM_FILES,
        "inner/Cargo.toml": manifest("inner", f"[build-dependencies]\n{V8}"),
        "inner/build.rs": SNAP_BUILD,
        "inner/src/lib.rs": SNAP_LIB,
        "ws/Cargo.toml": virtual("app", "snap"),
        "ws/app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nv8 = {{ path = "../../v8" }}'),
        "ws/app/src/main.rs": APP_MAIN,
        "ws/snap/Cargo.toml": manifest("snap", '[build-dependencies]\ninner = { path = "../../inner" }'),
        "ws/snap/build.rs": SNAP_BUILD.replace('v8::heap("snap")', "inner::SNAPSHOT"),
        "ws/snap/src/lib.rs": SNAP_LIB,
    }
    message = refusal(make(Workspace(files=files, root="ws", package="app")), LiftError)
    assert message == (
        "error: the build script of inner v1.0.0 makes a snapshot, and only other build scripts need the package\n"
        "  usual cause: Cargo can build a program of such a package for the target only if it is in the workspace\n"
        "  what to do:  make inner a member of the workspace, or a dependency of app"
    )


def test_a_lost_feature_that_nothing_restores(make: Make) -> None:
    # `helper` is no member, and the script depends on it through another crate.
    files = {
        **VM_FILES,
        "helper/Cargo.toml": manifest("helper", "[features]\nmore = []"),
        "helper/src/lib.rs": "",
        "ws/Cargo.toml": virtual("app", "snap", "between", "other"),
        "ws/app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nother = {{ path = "../other" }}'),
        "ws/app/src/main.rs": "fn main() {}",
        "ws/snap/Cargo.toml": manifest(
            "snap", '[build-dependencies]\nbetween = { path = "../between" }\nv8 = { path = "../../v8" }'
        ),
        "ws/snap/build.rs": SNAP_BUILD,
        "ws/snap/src/lib.rs": SNAP_LIB,
        "ws/between/Cargo.toml": manifest("between", '[dependencies]\nhelper = { path = "../../helper" }'),
        "ws/between/src/lib.rs": "",
        "ws/other/Cargo.toml": manifest(
            "other", '[build-dependencies]\nhelper = { path = "../../helper", features = ["more"] }'
        ),
        "ws/other/build.rs": "fn main() {}",
        "ws/other/src/lib.rs": "",
    }
    bench = make(Workspace(files=files, root="ws", package="app"))
    assert refusal(bench, LiftError) == (
        "error: crates of snap v1.0.0 would be compiled without features that they have in an untouched build:\n"
        "  helper v1.0.0 [more]\n"
        "  usual cause: Cargo unifies features over everything that is built for the host, and another build script"
        " or macro asks for them\n"
        "  what to do:  ask for these features where snap depends on the crates (crates: helper)"
    )


def test_an_absolute_path_to_a_lifted_package(make: Make, tmp_path: Path) -> None:
    files = {
        **PLAIN.files,
        "app/Cargo.toml": manifest("app", f'[dependencies]\nsnap = {{ path = "{tmp_path}/sources/snap" }}\n{V8}'),
        "Cargo.toml": virtual("app", "v8"),
    }
    bench = make(with_files(PLAIN, files=files))
    assert refusal(bench, LiftError) == (
        f"error: {bench.directory}/app/Cargo.toml names a package by an absolute path: {tmp_path}/sources/snap\n"
        "  usual cause: the build works on a copy of the workspace, and an absolute path leads back to the original\n"
        "  what to do:  write the path relative to the manifest"
    )


def test_two_sets_of_features_for_one_script(make: Make) -> None:
    chained = WORKSPACES["chained"]
    files = {
        **chained.files,
        "snap/Cargo.toml": manifest("snap", f"[features]\nlarge = []\n[build-dependencies]\n{V8}"),
        "outer/Cargo.toml": manifest(
            "outer", f'[build-dependencies]\nsnap = {{ path = "../snap", features = ["large"] }}\n{V8}'
        ),
    }
    assert refusal(make(with_files(chained, files=files)), LiftError) == (
        "error: the build script of snap v1.0.0 is needed with two sets of features"
        " (one with and one without large)\n"
        "  usual cause: the product and another build script ask for different features of the package\n"
        "  what to do:  ask for the same features of snap everywhere"
    )
