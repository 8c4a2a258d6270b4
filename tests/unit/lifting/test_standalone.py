"""Manifests that are taken out of their workspace."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.lifting.entries import crate_entry
from pipeline.lifting.standalone import standalone_manifest
from pipeline.model.analysis import PackageKey
from pipeline.model.cargo import Dependency, Package

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
ROOT = """\
[workspace]
members = ["snap"]
[workspace.package]
version = "2.0.0"
license-file = "LICENSE"
[workspace.dependencies]
helper = { path = "helper" }
"""
MEMBER = """\
[package]
name = "snap"
version.workspace = true
license-file.workspace = true
edition = "2021"
workspace = ".."

[features]
default = ["dep:opt"]

[dependencies]
helper.workspace = true

[target.'cfg(unix)'.build-dependencies]
engine = { package = "v8", path = "../v8" }

[lints]
workspace = true
"""
GIT = "git+https://git.invalid/runtime?branch=main"


def standalone(*dependencies: Dependency) -> dict[str, Any]:
    package = Package(
        id="snap",
        name="snap",
        version="2.0.0",
        source=f"{GIT}#1234",
        manifest_path=Path("/checkout/snap/Cargo.toml"),
        targets=(),
        dependencies=dependencies,
    )
    return tomllib.loads(standalone_manifest(MEMBER, ROOT, package))


def test_what_is_inherited_is_written_out() -> None:
    manifest = standalone(
        Dependency(name="helper", source=GIT, features=("more",), uses_default_features=False),
        Dependency(name="v8", rename="engine", kind="build", target="cfg(unix)", source=GIT, req="^1"),
        Dependency(name="opt", source=CRATES_IO, req="^0.3", optional=True),
        Dependency(name="checked", kind="dev", source="registry+https://r.invalid", registry="https://r.invalid"),
    )
    place = {"git": "https://git.invalid/runtime", "branch": "main"}
    assert manifest == {
        "package": {"name": "snap", "version": "2.0.0", "edition": "2021"},
        "features": {"default": ["dep:opt"]},
        "dependencies": {
            "helper": {"version": "*", **place, "default-features": False, "features": ["more"]},
            "opt": {"version": "^0.3", "optional": True},
        },
        "dev-dependencies": {"checked": {"version": "*", "registry-index": "https://r.invalid"}},
        "target": {"cfg(unix)": {"build-dependencies": {"engine": {"version": "^1", **place, "package": "v8"}}}},
    }


def test_a_manifest_that_inherits_nothing_keeps_what_it_says() -> None:
    """A root without a workspace, no table of targets; what a dependency was given is Cargo's word alone."""
    package = Package(
        id="snap", name="snap", version="1.0.0", source=GIT, manifest_path=Path("/checkout/snap/Cargo.toml"),
        targets=(),
        dependencies=(
            Dependency(name="a", source=CRATES_IO, req="^1"),
            Dependency(name="b", source=CRATES_IO, req="^2", target="cfg(unix)"),
            Dependency(name="c", source=CRATES_IO, req="^3", target="cfg(unix)"),
        ),
    )  # fmt: skip
    text = '[package]\nname = "snap"\nversion = "1.0.0"\n[dependencies]\nold = "1"\n[build-dependencies]\nolder = "1"\n'
    assert tomllib.loads(standalone_manifest(text, "", package)) == {
        "package": {"name": "snap", "version": "1.0.0"},
        "dependencies": {"a": {"version": "^1"}},
        "target": {"cfg(unix)": {"dependencies": {"b": {"version": "^2"}, "c": {"version": "^3"}}}},
    }


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (CRATES_IO, {}),
        ("sparse+https://r.invalid/index/", {"registry-index": "sparse+https://r.invalid/index/"}),
        ("registry+https://r.invalid/index", {"registry-index": "https://r.invalid/index"}),
        ("git+https://git.invalid/a#1234", {"git": "https://git.invalid/a"}),
        ("git+https://git.invalid/a?rev=12&x=1#1234", {"git": "https://git.invalid/a?x=1", "rev": "12"}),
        ("git+ssh://git@git.invalid/a?branch=feature%2Fx#1", {"git": "ssh://git@git.invalid/a", "branch": "feature/x"}),
    ],
)
def test_one_crate_is_named_by_its_source(source: str, place: dict[str, str]) -> None:
    crate = PackageKey(name="syn", version="2.0.87", source=source)
    assert crate_entry(crate, ("visit", "fold")) == {
        "package": "syn",
        "version": "=2.0.87",
        "default-features": False,
        "features": ["fold", "visit"],
        **place,
    }
