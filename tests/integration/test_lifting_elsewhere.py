"""Lifted packages that come from a registry, from a repository, or from a fork that is patched in."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import LiftError
from pipeline.model.analysis import Origin
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.rust.cargo import BuildOutcome
from pipeline.workbench.lift import Lift

from .lifted_builds import Bench, build_untouched, output_of, snapshot_of_tree
from .published import Shelf, commit
from .workspaces import APP_MAIN, SNAP_BUILD, SNAP_LIB, VM_FILES, WRITE, Workspace, manifest, virtual

HELPER_LIB = 'pub const NAME: &str = if cfg!(feature = "more") { "more" } else { "less" };\n'
SNAP_FILES = {
    "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = "1"', head='build = "build.rs"'),
    "snap/Cargo.toml.orig": "not for Cargo",
    "snap/build.rs": SNAP_BUILD,
    "snap/src/lib.rs": SNAP_LIB,
}
APP_FILES = {
    "app/Cargo.toml": manifest("app", '[dependencies]\nsnap = "1"\nv8 = "1"\n[workspace]\nresolver = "2"'),
    "app/src/main.rs": APP_MAIN,
}

Layout = Callable[..., Bench]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a registry with the VM."""
    shelf = Shelf.at(tmp_path / "shelf")
    shelf.publish(VM_FILES)
    return shelf


@pytest.fixture
def lay_out(tmp_path: Path, shelf: Shelf, host_toolchain: Toolchain, context: Context) -> Layout:
    """Return a function that lays a workspace out, with a lock file; its crates come from the shelf."""

    def new(files: Mapping[str, str], **facts: object) -> Bench:
        workspace = dataclasses.replace(Workspace(files=files, root="app"), **facts)  # type: ignore[arg-type]
        directory = workspace.write(tmp_path / "the sources")
        environ = {**os.environ, "CARGO_HOME": str(shelf.cargo_home)}
        env = proc.base_environment(environ) | dict(host_toolchain.env)
        # It also brings the crates here; nothing of it leaves this machine.
        proc.check(proc.Command(argv=(str(host_toolchain.cargo), "fetch"), env=env, cwd=directory))
        return Bench(
            workspace=workspace,
            directory=directory,
            work_dir=tmp_path / "work",
            toolchain=host_toolchain,
            context=dataclasses.replace(context, environ=environ),
        )

    return new


def check(bench: Bench, *, expected: str | None = None) -> Lift:
    """Build twice; the first result is that of an untouched build, and the second build does nothing."""
    homes = (bench.directory, Path(bench.context.environ["CARGO_HOME"]) / "registry" / "src")
    plain = output_of(build_untouched(bench, bench.work_dir.with_name("untouched")))
    before = [snapshot_of_tree(home) for home in homes if home.exists()]
    lifted, outcomes = bench.build()
    program = outcomes[-1].executable(lifted.analysis.product.binaries[0])
    assert program
    assert output_of(program) == (expected or plain)
    assert sorted(package.key.name for package in lifted.analysis.lifted) == sorted(bench.workspace.lifted)
    assert vm_artifacts(lifted, outcomes)
    runs = bench.runs()
    assert runs
    _lifted, again = bench.build()
    assert bench.runs() == runs
    assert all(artifact.fresh for outcome in again for artifact in outcome.artifacts)
    assert [snapshot_of_tree(home) for home in homes if home.exists()] == before
    return lifted


def vm_artifacts(lifted: Lift, outcomes: list[BuildOutcome]) -> int:
    """Return how many libraries of the VM were compiled, all of them for the target."""
    for_target = lifted.call.target_dir / lifted.call.selection.target_triple
    files = [
        file
        for outcome in outcomes
        for artifact in outcome.artifacts
        if artifact.package_id in lifted.vm_package_ids and artifact.target.is_library
        for file in artifact.filenames
    ]
    assert all(file.is_relative_to(for_target) for file in files)
    return len(files)


def test_package_of_a_registry(shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish(SNAP_FILES)
    lifted = check(lay_out(APP_FILES))
    [package] = lifted.analysis.lifted
    assert package.origin is Origin.REGISTRY
    copy = lifted.copies.manifest(package).parent
    assert (copy / "build.rs").read_text() == SNAP_BUILD
    assert not (copy / "Cargo.toml.orig").exists()


def test_published_program_with_its_own_lock(shelf: Shelf, lay_out: Layout) -> None:
    """Its own build script makes a snapshot, and so does one of a crate that it depends on."""
    shelf.publish(SNAP_FILES)
    text = manifest(
        "app",
        '[dependencies]\nsnap = "1"\nv8 = { version = "1", features = ["icu"] }\n'
        '[build-dependencies]\nv8 = { version = "1", features = ["jit"] }',
    )
    main = 'fn main() { println!("{} {}", snap::SNAPSHOT, include_str!(concat!(env!("OUT_DIR"), "/snapshot.txt"))); }'
    files = {"app/Cargo.toml": text, "app/build.rs": SNAP_BUILD.replace('"snap"', '"app"'), "app/src/main.rs": main}
    # Both generators are compiled from the very crates that the product is compiled from.
    lifted = check(lay_out(files, lifted=("app", "snap")), expected="heap(snap)[icu+jit] heap(app)[icu+jit]\n")
    assert [package.key.name for package in lifted.analysis.lifted] == ["snap", "app"]


def test_snapshot_of_a_registry_below_one_of_the_workspace(shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish(SNAP_FILES)
    files = {
        "app/Cargo.toml": virtual("app", "outer"),
        "app/app/Cargo.toml": manifest("app", '[dependencies]\nsnap = "1"\nouter = { path = "../outer" }\nv8 = "1"'),
        "app/app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, outer::SNAPSHOT); }',
        "app/outer/Cargo.toml": manifest("outer", '[build-dependencies]\nsnap = "1"\nv8 = "1"'),
        "app/outer/build.rs": SNAP_BUILD.replace('"snap"', "snap::SNAPSHOT"),
        "app/outer/src/lib.rs": SNAP_LIB,
    }
    lifted = check(lay_out(files, lifted=("snap", "outer")))
    assert [package.key.name for package in lifted.analysis.lifted] == ["snap", "outer"]


def test_lost_features_of_distant_crates_are_asked_for_in_the_copy(shelf: Shelf, lay_out: Layout) -> None:
    """The script of `other` stays on the host; what it asks of `helper` there, the snapshot had as well."""
    shelf.publish(
        {
            **SNAP_FILES,
            "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = "1"\nbetween = "1"'),
            "snap/build.rs": SNAP_BUILD.replace('"snap"', "between::NAME"),
            "between/Cargo.toml": manifest("between", '[dependencies]\nhelper = "1"'),
            "between/src/lib.rs": "pub use helper::NAME;",
            "helper/Cargo.toml": manifest("helper", "[features]\nmore = []"),
            "helper/src/lib.rs": HELPER_LIB,
            "other/Cargo.toml": manifest(
                "other", '[build-dependencies]\nhelper = { version = "1", features = ["more"] }'
            ),
            "other/build.rs": 'fn main() { println!("cargo:rustc-env=TEXT={}", helper::NAME); }',
            "other/src/lib.rs": 'pub static TEXT: &str = env!("TEXT");',
        }
    )
    app = manifest("app", '[dependencies]\nsnap = "1"\nother = "1"\nv8 = "1"\n[workspace]\nresolver = "2"')
    main = 'fn main() { println!("{} {} {}", snap::SNAPSHOT, other::TEXT, v8::heap("app")); }'
    lifted = check(lay_out({"app/Cargo.toml": app, "app/src/main.rs": main}))
    [generator] = lifted.generators
    [(owner, restored)] = generator.remedy.manifests.items()
    assert owner.name == "snap"
    assert [(item.added and item.added.name, item.features) for item in restored] == [("helper", ("more",))]


REPOSITORY = {
    "Cargo.toml": virtual(
        "crates/*",
        extra='[workspace.package]\nversion = "2.1.0"\nedition = "2021"\nreadme = "README.md"\n'
        '[workspace.dependencies]\nv8 = { version = "1", features = ["icu"] }\n'
        'helper = { path = "crates/helper", features = ["more"] }\n[workspace.lints.rust]\nunused = "forbid"',
    ),
    "README.md": "",
    "notes/name.txt": "noted",
    "crates/helper/Cargo.toml": manifest("helper", "[features]\nmore = []"),
    "crates/helper/src/lib.rs": HELPER_LIB,
    "crates/snap/Cargo.toml": '[package]\nname = "snap"\nversion.workspace = true\nedition.workspace = true\n'
    "readme.workspace = true\n[lints]\nworkspace = true\n[dependencies]\nhelper.workspace = true\n"
    '[build-dependencies]\nv8 = { workspace = true, features = ["jit"] }\nhelper.workspace = true\n',
    "crates/snap/build.rs": f"{WRITE}\nfn main() {{\n"
    '    let note = include_str!("../../notes/name.txt");\n'
    '    let text = format!("{}-{}-{}", note, helper::NAME, env!("CARGO_PKG_VERSION"));\n'
    '    write("snapshot.txt", &v8::heap(&text)); }\n',
    "crates/snap/src/lib.rs": SNAP_LIB + "pub use helper::NAME;\n",
    # A package inside of the package: Cargo must not take it for one of the copies.
    "crates/snap/fuzz/Cargo.toml": manifest("helper", "[workspace]", version="9.9.9"),
    "crates/snap/fuzz/src/lib.rs": "compile_error!();",
}
GIT_MAIN = 'fn main() { println!("{} {} {}", snap::SNAPSHOT, snap::NAME, v8::heap("app")); }'


@pytest.mark.parametrize("reference", ["", 'branch = "main"', "rev"])
def test_member_of_a_repositorys_workspace(reference: str, tmp_path: Path, lay_out: Layout) -> None:
    revision = commit(tmp_path / "a repository", REPOSITORY)
    reference = f'rev = "{revision}"' if reference == "rev" else reference
    place = f'git = "{(tmp_path / "a repository").as_uri()}"' + (f", {reference}" if reference else "")
    text = manifest("app", f'[dependencies]\nsnap = {{ {place} }}\nv8 = "1"\n[workspace]')
    lifted = check(lay_out({"app/Cargo.toml": text, "app/src/main.rs": GIT_MAIN}))
    [package] = lifted.analysis.lifted
    assert package.origin is Origin.GIT
    assert revision in package.key.source


def test_package_at_the_top_of_a_repository(tmp_path: Path, lay_out: Layout) -> None:
    """Its own workspace has a member that the product depends on as well."""
    files = {
        **{name.removeprefix("snap/"): text for name, text in SNAP_FILES.items()},
        "Cargo.toml": manifest(
            "snap",
            '[dependencies]\nhelper = { path = "helper" }\n[build-dependencies]\nv8 = "1"\n'
            '[workspace]\nmembers = ["helper"]',
        ),
        "src/lib.rs": SNAP_LIB + "pub use helper::NAME;\n",
        "helper/Cargo.toml": manifest("helper", "[features]\nmore = []"),
        "helper/src/lib.rs": HELPER_LIB,
    }
    commit(tmp_path / "repository", files)
    place = f'git = "{(tmp_path / "repository").as_uri()}"'
    text = manifest(
        "app",
        f'[dependencies]\nsnap = {{ {place} }}\nhelper = {{ {place}, features = ["more"] }}\nv8 = "1"\n[workspace]',
    )
    check(lay_out({"app/Cargo.toml": text, "app/src/main.rs": GIT_MAIN}))


@pytest.mark.parametrize("kind", ["git", "path"])
def test_fork_that_is_patched_in(kind: str, tmp_path: Path, shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish({**SNAP_FILES, "snap/build.rs": "compile_error!();"})
    fork = {name.removeprefix("snap/"): text for name, text in SNAP_FILES.items()}
    fork["build.rs"] = SNAP_BUILD.replace('"snap"', '"fork"')
    files = dict(APP_FILES)
    if kind == "git":
        commit(tmp_path / "fork", fork)
        place = f'git = "{(tmp_path / "fork").as_uri()}"'
    else:
        files |= {f"fork/{name}": text for name, text in fork.items()}
        place = 'path = "../fork"'
    files["app/Cargo.toml"] += f"[patch.crates-io]\nsnap = {{ {place} }}\n"
    lifted = check(lay_out(files))
    assert [package.origin.value for package in lifted.analysis.lifted] == [kind]


def test_two_versions_of_one_name(shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish(SNAP_FILES)
    shelf.publish(
        {
            "snap/Cargo.toml": manifest("snap", version="0.9.0"),
            "snap/src/lib.rs": 'pub static SNAPSHOT: &str = "none";',
        }
    )
    files = dict(APP_FILES)
    files["app/Cargo.toml"] = files["app/Cargo.toml"].replace(
        'snap = "1"\n', 'snap = "1"\nold = { version = "0.9", package = "snap" }\n'
    )
    with pytest.raises(LiftError) as caught:
        lay_out(files).lift()
    assert str(caught.value) == (
        "error: the build script of snap v1.0.0 makes a snapshot, and Cargo.lock has other packages of that name:"
        " v0.9.0 (registry+https://github.com/rust-lang/crates.io-index)\n"
        "  usual cause: Cargo can put a copy in the place of a package by its name only, whatever the version\n"
        "  what to do:  put a copy of snap v1.0.0 into the workspace and [patch] it in, or use one version only"
    )


def test_snapshot_that_only_another_script_needs(shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish(
        {
            **SNAP_FILES,
            "outer/Cargo.toml": manifest("outer", '[build-dependencies]\nsnap = "1"\nv8 = "1"'),
            "outer/build.rs": SNAP_BUILD.replace('"snap"', "snap::SNAPSHOT"),
            "outer/src/lib.rs": SNAP_LIB,
        }
    )
    files = {
        "app/Cargo.toml": manifest("app", '[dependencies]\nouter = "1"\nv8 = "1"\n[workspace]'),
        "app/src/main.rs": APP_MAIN.replace("snap::", "outer::"),
    }
    with pytest.raises(LiftError) as caught:
        lay_out(files).lift()
    assert str(caught.value) == (
        "error: the build script of snap v1.0.0 makes a snapshot, and only other build scripts need the package\n"
        "  usual cause: Cargo can build a program of such a package for the target only if it is in the workspace\n"
        "  what to do:  make snap a member of the workspace, or a dependency of app"
    )
