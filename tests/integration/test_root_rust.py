"""Rust in an emulated root: native compilers, build scripts as programs of the target, and builds without lifting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.model.findings import Severity

from .command import Cli
from .products import Built

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

WORKSPACE = {
    "Cargo.toml": '[workspace]\nresolver = "2"\nmembers = ["app", "derive", "words"]\n',
    "words/Cargo.toml": '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2021"\n',
    "words/build.rs": 'fn main() { println!("cargo:rustc-env=SCRIPT={}", std::env::consts::ARCH); }\n',
    "words/src/lib.rs": "pub fn compiled_for() -> String {\n"
    '    format!("{} {}", env!("SCRIPT"), std::env::consts::ARCH)\n}\n',
    "derive/Cargo.toml": '[package]\nname = "derive"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n'
    '[dependencies]\nwords = { path = "../words" }\n',
    "derive/src/lib.rs": "#[proc_macro]\npub fn told(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n"
    '    format!("{:?}", words::compiled_for()).parse().unwrap()\n}\n',
    "app/Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n'
    'words = { path = "../words" }\nderive = { path = "../derive" }\n',
    "app/src/main.rs": 'fn main() { println!("macro {}, program {}", derive::told!(), words::compiled_for()); }\n',
}
COMPILERS = ("gcc", "g++", "libc6-dev", "rustc-web", "cargo-web", "libnode-dev")
"""What the strategy `root` asks for to build the example: both tests use one root."""


@pytest.fixture(scope="module")
def rooted(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the example, built in a root."""
    return Built(cli, "arm64", tmp_path_factory.mktemp("in a root"), "--strategy", "root")


def test_a_build_without_lifting_makes_the_same_snapshot(
    rooted: Built, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    record = rooted.record
    lifted = Built(cli, "arm64", tmp_path_factory.mktemp("lifted")).record
    (here,), (there,) = record.subject.snapshots, lifted.subject.snapshots
    assert here.files == there.files
    assert here.generator_sha256 != there.generator_sha256
    assert record.executor is not None
    assert (record.executor.name, record.executor.emulated, record.verdict) == ("root", True, Severity.OK)


def test_macros_are_native_and_build_scripts_are_not(rooted: Built, cli: Cli, tmp_path: Path) -> None:
    assert rooted.steps["compile in the root"]["where"] == "native"
    for name, text in WORKSPACE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    named = [word for name in COMPILERS for word in ("--package", name)]
    options: tuple[str | Path, ...] = (
        "--target", "arm64", "--suite", "bookworm", "--minimal", *named, "--project", tmp_path, "--no-network",
    )  # fmt: skip
    script = "rustc -vV | grep host; cargo build -q && target/debug/app"
    script += "; touch words/build.rs; cargo build -q"
    report = tmp_path / "ran.json"
    said = cli.run("root", "run", *options, "--report-file", report, "sh", "-c", script)
    assert said.exit_code == 0, said.stderr
    assert said.stdout.splitlines() == [
        "host: aarch64-unknown-linux-gnu", "macro aarch64 x86_64, program aarch64 aarch64",
    ]  # fmt: skip
    ran = {(one["name"], one["emulated"]): one["runs"] for one in json.loads(report.read_text())["ran"]}
    assert {("rustc", False), ("cargo", False), ("build-script-build", True)} <= ran.keys()
    assert not {("rustc", True), ("cargo", True), ("ld.bfd", True)} & ran.keys()
    # After the change the library's copy went, and the macro had it made anew.
    copies = sorted(path.name.partition("-")[0] for path in (tmp_path / "target/debug/deps/.native").glob("*.rlib"))
    assert copies == ["libwords"]
