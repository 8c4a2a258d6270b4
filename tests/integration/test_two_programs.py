"""A repository with two programs and one snapshot between them, patched: the whole way, as a person goes it."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.components import COMPONENTS_SUFFIX
from pipeline.model.toolchain import Toolchain

from .command import Cli, Ended
from .lifted_builds import generate_lock
from .published import commit
from .workspaces import V8, VM_FILES, WRITE, Workspace, manifest, virtual

SNAP = 'snap = { path = "../snap" }'
# Large enough to be looked for in the products.
SNAP_BUILD = f"""\
{WRITE}
fn main() {{
    if std::env::var("HOST").unwrap() != std::env::var("TARGET").unwrap() {{ panic!("Cross compiling"); }}
    let lines: Vec<String> = (0..4000).map(|n| format!("{{}} {{n}}", v8::heap("shared"))).collect();
    write("snapshot.txt", &lines.join("\\n"));
}}
"""
SNAP_LIB = """\
pub static SNAPSHOT: &str = include_str!(concat!(env!("OUT_DIR"), "/snapshot.txt"));
pub fn first() -> &'static str { SNAPSHOT.lines().next().unwrap() }
"""
SMALL_BUILD = 'fn main() { println!("cargo:rustc-env=MADE={}", v8::heap("small")); }\n'
FILES = {
    **VM_FILES,
    "Cargo.toml": virtual("full", "small", "snap", "v8"),
    ".gitignore": "target\n",
    "full/Cargo.toml": manifest("full", f'[dependencies]\n{SNAP}\n{V8}\n[features]\ndefault = ["more"]\nmore = []'),
    "full/src/main.rs": """\
const WHERE: &str = "upstream";
fn main() { println!("full {} {} {}", WHERE, cfg!(feature = "more"), snap::first()); }
""",
    "small/Cargo.toml": manifest("small", f"[dependencies]\n{SNAP}\n{V8}\n[build-dependencies]\n{V8}", version="1.0.1"),
    "small/build.rs": SMALL_BUILD,
    "small/src/main.rs": 'fn main() { println!("small {} {}", env!("MADE"), snap::first()); }\n',
    "snap/Cargo.toml": manifest("snap", f"[build-dependencies]\n{V8}"),
    "snap/build.rs": SNAP_BUILD,
    "snap/src/lib.rs": SNAP_LIB,
}
PATCH = """\
Subject: somewhere else
Applies-To: >=1, <2
Package: full

---
--- a/src/main.rs
+++ b/src/main.rs
@@ -1,2 +1,2 @@
-const WHERE: &str = "upstream";
+const WHERE: &str = match option_env!("RELEASES_AT") { Some(place) => place, None => "nowhere" };
 fn main() { println!("full {} {} {}", WHERE, cfg!(feature = "more"), snap::first()); }
"""
SPEC = """\
schema = 1
[runtimes.pair]
source = {{ kind = "git", url = {url}, rev = "{rev}" }}
package = "full"
vm-crate = "v8"
v8 = {{ kind = "system", packages = ["libc6-dev"] }}
targets = ["amd64", "arm64"]
env = {{ RELEASES_AT = "here" }}

[[runtimes.pair.canaries]]
args = ["x"]
stdout = "full {where} true heap(shared)[] 0\\n"

[[runtimes.pair.companions]]
package = "small"
asset-name = "small-{{target}}.zip"

[[runtimes.pair.companions.canaries]]
args = ["x"]
stdout = "small heap(small)[] heap(shared)[] 0\\n"
"""


class Pair:
    """The repository, and a releases.toml with patches beside it."""

    def __init__(self, cli: Cli, toolchain: Toolchain, directory: Path) -> None:
        self.cli = cli
        self.directory = directory
        self.spec = directory / "releases.toml"
        self.out_dir = directory / "dist"
        Workspace(files=FILES).write(directory / "repository")
        generate_lock(directory / "repository", toolchain)
        self.rev = commit(directory / "repository", {})
        (directory / "patches" / "pair").mkdir(parents=True)
        (directory / "patches" / "pair" / "where.patch").write_text(PATCH)
        self.write("here")

    def write(self, where: str) -> None:
        url = json.dumps(str(self.directory / "repository"))
        self.spec.write_text(SPEC.format(url=url, rev=self.rev, where=where))

    def build(self, *options: str) -> Ended:
        fixed = ("--spec", self.spec, "--target", "amd64", "--toolchain", "private", "--out", self.out_dir)
        return self.cli.run("build", *fixed, *options)

    def outcomes(self, *options: str) -> list[dict[str, Any]]:
        ended = self.build(*options)
        assert ended.exit_code == 0, ended.stderr
        found: list[dict[str, Any]] = ended.result["outcomes"]
        return found


@pytest.fixture(scope="module")
def pair(cli: Cli, host_toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(cli, host_toolchain, tmp_path_factory.mktemp("two programs"))


def record(outcome: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(outcome["record"]).read_text())
    return found


def components(outcome: dict[str, Any]) -> set[str]:
    """The names of the local crates in the list of what a zip is made of."""
    (listed,) = [file["path"] for file in outcome["files"] if file["path"].endswith(COMPONENTS_SUFFIX)]
    names = re.findall(r'"name": *"([a-z0-9_]+)"', Path(listed).read_text())
    return {"full", "small", "snap", "v8"} & set(names)


def run(outcome: dict[str, Any], name: str, directory: Path) -> str:
    with zipfile.ZipFile(outcome["zip"]) as archive:
        archive.extractall(directory)
    program = directory / name
    program.chmod(0o755)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_both_programs_come_of_one_build_with_one_snapshot(pair: Pair, tmp_path: Path) -> None:
    full, small = pair.outcomes()
    assert [Path(item["zip"]).name for item in (full, small)] == ["pair-1.0.0-linux-amd64.zip", "small-amd64.zip"]
    assert run(full, "full", tmp_path / "full") == "full here true heap(shared)[] 0\n"
    assert run(small, "small", tmp_path / "small") == "small heap(small)[] heap(shared)[] 0\n"
    steps = [step["title"] for step in full["steps"]]
    assert steps.count("compile product") == 1
    assert [step["title"] for step in small["steps"]] == ["bundle small", "package small", "verify small"]
    of_full, of_small = record(full)["subject"], record(small)["subject"]
    assert [item["package"] for item in of_full["snapshots"]] == ["snap"]
    assert [item["package"] for item in of_small["snapshots"]] == ["snap", "small"]
    assert of_full["snapshots"][0] == of_small["snapshots"][0]
    assert of_full["generation_sha256"] == of_small["generation_sha256"]
    assert (of_full["version"], of_small["version"]) == ("1.0.0", "1.0.1")
    assert (components(full), components(small)) == ({"full", "snap", "v8"}, {"small", "snap", "v8"})
    (patch,) = of_full["patches"]
    assert (patch["name"], patch["package"], patch["offsets"]) == ("where.patch", "full", [])


def test_a_second_build_does_nothing(pair: Pair) -> None:
    pair.outcomes()
    full, small = pair.outcomes()
    details = {step["title"]: step["detail"] for step in full["steps"]}
    assert details["compile product"].startswith("all ")
    assert not [title for title in details if title.startswith(("snapshot", "bundle", "package", "verify"))]
    assert small["steps"] == []


def test_without_patches_the_source_is_built_as_it_is(pair: Pair, tmp_path: Path) -> None:
    try:
        pair.write("upstream")
        full, _small = pair.outcomes("--no-patches")
    finally:
        pair.write("here")
    assert run(full, "full", tmp_path) == "full upstream true heap(shared)[] 0\n"
    assert record(full)["subject"]["patches"] == []
    details = {step["title"]: step["detail"] for step in full["steps"]}
    assert details["compile product"].startswith("1 units for the target"), "only the program that is patched"
    assert "snapshot of small" not in details


def test_a_patch_for_a_package_that_is_not_there_is_refused(pair: Pair) -> None:
    path = pair.directory / "patches" / "pair" / "where.patch"
    try:
        path.write_text(PATCH.replace("Package: full", "Package: ful"))
        ended = pair.build()
    finally:
        path.write_text(PATCH)
    assert ended.exit_code == 29
    assert ended.stderr.endswith(
        "error: where.patch is for the package ful, which is not in the tree\n"
        "  usual cause: the name is misspelt, or this version of the runtime does not depend on the package\n"
        f"  what to do:  correct the line `Package:` in {path}, or build with --no-patches\n"
    )


def test_a_companion_that_is_not_there_is_refused(pair: Pair) -> None:
    try:
        pair.spec.write_text(pair.spec.read_text().replace('package = "small"', 'package = "smal"'))
        ended = pair.build()
    finally:
        pair.write("here")
    assert ended.exit_code == 4
    assert "has no package 'smal'; did you mean small?" in ended.stderr


def test_both_programs_make_one_release(pair: Pair, tmp_path: Path) -> None:
    full, small = pair.outcomes()
    ended = pair.cli.run("release", "assemble", "--tag", "v1.0.0", "--dist", pair.out_dir, "--out", tmp_path)
    assert ended.exit_code == 0, ended.stderr
    (release,) = ended.result["releases"]
    products = release["manifest"]["products"]
    assert [(product["name"], product["target"]) for product in products] == [("pair", "amd64"), ("small", "amd64")]
    # That of small itself leaves no file.
    snapshots = [product["snapshots"] for product in products]
    assert [item["package"] for item in snapshots[0]] == ["snap"]
    assert snapshots[0] == snapshots[1]
    for product, outcome in zip(products, (full, small), strict=True):
        assert product["files"] == record(outcome)["subject"]["files"]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "v1.0.0", check=True)
    purls = {purl(part) for part in json.loads((tmp_path / "v1.0.0/small-amd64.cdx.json").read_text())["components"]}
    assert {"pkg:generic/snap@1.0.0", "pkg:generic/v8@1.0.0"} <= purls
    assert "pkg:generic/full@1.0.0" not in purls


def purl(part: dict[str, Any]) -> str:
    return str(part["purl"])
