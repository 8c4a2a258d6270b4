"""Patches for packages that come from a registry or a repository, lifted and not."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.fs import sha256_file
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc

from .command import Cli, Ended
from .lifted_builds import output_of
from .published import Shelf, commit
from .workspaces import SNAP_LIB, VM_FILES, WRITE, Workspace, manifest

HELPER_FILES = {
    "helper/Cargo.toml": manifest("helper", version="2.1.0"),
    "helper/src/lib.rs": '// Says who\n// it is.\npub const NAME: &str = "helper";\n',
}
SNAP_FILES = {
    "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = "1"', head='build = "build.rs"'),
    "snap/build.rs": f'{WRITE}\nfn main() {{\n    write("snapshot.txt", &v8::heap("snap"));\n}}\n',
    "snap/src/lib.rs": SNAP_LIB,
}
# A package of a workspace: its manifest means something in its repository only, and so does a file beside it.
FORK_FILES = {
    "Cargo.toml": '[workspace]\nmembers = ["fork"]\n[workspace.package]\nversion = "0.3.0"\nedition = "2021"\n',
    "fork/Cargo.toml": '[package]\nname = "fork"\nversion.workspace = true\nedition.workspace = true\n',
    "fork/src/lib.rs": 'pub const NAME: &str = concat!(include_str!("../../word.txt"), " fork");\n',
    "word.txt": "a",
}
MAIN = """\
fn main() { println!("{}; {}; {}; {}", snap::SNAPSHOT, helper::NAME, fork::NAME, v8::heap("app")); }
"""
PATCHES = {
    "helper.patch": ("helper", ">=2, <3", "src/lib.rs", '@@ -3 +3 @@\n-pub const NAME: &str = "helper";\n+{}\n'),
    "snap.patch": (
        "snap",
        ">=1",
        "build.rs",
        """\
@@ -7,3 +7,3 @@
 fn main() {
-    write("snapshot.txt", &v8::heap("snap"));
+    write("snapshot.txt", &v8::heap("patched snap"));
 }
""",
    ),
    "fork.patch": (
        "fork",
        ">=0.3",
        "src/lib.rs",
        """\
@@ -1 +1 @@
-pub const NAME: &str = concat!(include_str!("../../word.txt"), " fork");
+pub const NAME: &str = concat!(include_str!("../../word.txt"), " patched fork");
""",
    ),
    "other.patch": ("helper", ">=3", "src/lib.rs", "@@ -1 +1 @@\n-not for this version\n+x\n"),
}
SPEC = """\
schema = 1
[runtimes.app]
source = { kind = "path", path = "app" }
vm-crate = "v8"
v8 = { kind = "system", packages = ["libc6-dev"] }
"""


class Patched:
    """A program whose crates are published or committed, and patches for them."""

    def __init__(self, cli: Cli, toolchain: Toolchain, directory: Path) -> None:
        self.cli = cli
        self.directory = directory
        shelf = Shelf.at(directory / "shelf")
        shelf.publish({**VM_FILES, **SNAP_FILES, **HELPER_FILES})
        commit(directory / "forks", FORK_FILES)
        self.environ = {"CARGO_HOME": str(shelf.cargo_home)}
        fork = f'fork = {{ git = "file://{directory}/forks" }}'
        dependencies = f'[dependencies]\nsnap = "1"\nv8 = "1"\nhelper = "2"\n{fork}\n[workspace]\nresolver = "2"'
        files = {"app/Cargo.toml": manifest("app", dependencies), "app/src/main.rs": MAIN}
        app = Workspace(files=files, root="app").write(directory)
        env = proc.base_environment({**os.environ, **self.environ}) | dict(toolchain.env)
        proc.check(proc.Command(argv=(str(toolchain.cargo), "fetch"), env=env, cwd=app))
        self.lock = app / "Cargo.lock"
        self.patches_dir = directory / "patches" / "app"
        self.patches_dir.mkdir(parents=True)
        (directory / "releases.toml").write_text(SPEC)
        self.write_patches()

    def write_patches(self, line: str = 'pub const NAME: &str = "patched helper";') -> None:
        for name, (package, versions, file, hunk) in PATCHES.items():
            body = f"--- a/{file}\n+++ b/{file}\n{hunk.replace('{}', line) if name == 'helper.patch' else hunk}"
            self.write_patch(name, f"Applies-To: {versions}\nPackage: {package}\n---\n{body}")

    def write_patch(self, name: str, text: str) -> None:
        path = self.patches_dir / name
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)

    def build(self, *options: str) -> Ended:
        fixed = ("--spec", self.directory / "releases.toml", "--target", "amd64", "--toolchain", "private")
        return self.cli.run("build", *fixed, "--out", self.directory / "dist", *options, env=self.environ)


@pytest.fixture(scope="module")
def patched(cli: Cli, host_toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Patched:
    return Patched(cli, host_toolchain, tmp_path_factory.mktemp("patched packages"))


def run(outcome: dict[str, Any], directory: Path) -> str:
    with zipfile.ZipFile(outcome["zip"]) as archive:
        archive.extractall(directory)
    (directory / "app").chmod(0o755)
    return output_of(directory / "app")


def details(outcome: dict[str, Any]) -> dict[str, str]:
    return {step["title"]: step["detail"] for step in outcome["steps"]}


def test_patches_reach_lifted_and_other_packages_and_the_lock_stays(patched: Patched, tmp_path: Path) -> None:
    lock = sha256_file(patched.lock)
    patched.write_patches()
    outcome = patched.build().outcome()
    assert run(outcome, tmp_path) == "heap(patched snap)[]; patched helper; a patched fork; heap(app)[]\n"
    assert sha256_file(patched.lock) == lock
    subject = json.loads(Path(outcome["record"]).read_text())["subject"]
    assert [(item["name"], item["package"]) for item in subject["patches"]] == [
        ("fork.patch", "fork"),
        ("helper.patch", "helper"),
        ("snap.patch", "snap"),
    ]
    again = details(patched.build().outcome())
    assert again["compile product"].startswith("all ")
    assert not [title for title in again if title.startswith("snapshot")]


def test_another_patch_compiles_what_it_is_for(patched: Patched, tmp_path: Path) -> None:
    patched.build().outcome()
    try:
        patched.write_patches('pub const NAME: &str = "another helper";')
        outcome = patched.build().outcome()
    finally:
        patched.write_patches()
    assert "another helper" in run(outcome, tmp_path)
    assert details(outcome)["compile product"].startswith("2 units for the target"), "helper and the program"


def test_without_patches_packages_come_from_where_they_lie(patched: Patched, tmp_path: Path) -> None:
    outcome = patched.build("--no-patches").outcome()
    assert run(outcome, tmp_path) == "heap(snap)[]; helper; a fork; heap(app)[]\n"


def test_a_changed_manifest_is_refused(patched: Patched) -> None:
    line = 'name = "helper"'
    try:
        patched.write_patch(
            "manifest.patch",
            "Applies-To: >=2\nPackage: helper\n---\n--- a/Cargo.toml\n+++ b/Cargo.toml\n"
            f'@@ -1,3 +1,4 @@\n [package]\n {line}\n+links = "x"\n version = "2.1.0"\n',
        )  # fmt: skip
        ended = patched.build()
    finally:
        (patched.patches_dir / "manifest.patch").unlink()
    assert ended.exit_code == 29
    assert ended.stderr.endswith(
        "error: a patch changes Cargo.toml of helper 2.1.0: one of helper.patch, manifest.patch\n"
        "  usual cause: Cargo.lock would not be true any more: what the package depends on is settled in it\n"
        "  what to do:  put a changed package into the workspace and [patch] it in, with a lock file of its own\n"
    )
