"""What is told of two versions whose lifting differs."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.analysis import Analysis, LiftedPackage, Origin, PackageKey, Product, Selection
from pipeline.model.cargo import Package
from pipeline.orchestrate.releases.lifting_changes import differences

NOWHERE = Path("/nowhere")


def key(name: str, version: str = "1.0.0") -> PackageKey:
    return PackageKey(name=name, version=version, source="registry")


def lifted(name: str, *features: str) -> LiftedPackage:
    return LiftedPackage(
        key=key(name), origin=Origin.REGISTRY, manifest_path=NOWHERE, script_path=NOWHERE,
        features=frozenset(features), in_product=True, requires=(), closure=(),
    )  # fmt: skip


def package(name: str, rust: str | None) -> Package:
    return Package(
        id=name, name=name, version="1.0.0", source="registry", manifest_path=NOWHERE, targets=(), rust_version=rust
    )


def analysis(v8: str, scripts: tuple[LiftedPackage, ...], names: tuple[str, ...], rust: str | None = None) -> Analysis:
    return Analysis(
        workspace_root=NOWHERE,
        call_dir=NOWHERE,
        product=Product(key=key("app"), manifest_path=NOWHERE, binaries=("app",), has_default_feature=False),
        selection=Selection(target_triple="aarch64-unknown-linux-gnu"),
        vm_crate="v8",
        vm=(key("v8", v8),),
        raise_vm_opt_level=False,
        lifted=scripts,
        packages=frozenset(map(key, names)),
        lock_path=NOWHERE,
        lock_sha256="",
        path_packages=(),
        published=tuple(package(name, rust) for name in names),
        target_features=(),
        host_features=(),
        per_package_features=True,
        host_triple="x86_64-unknown-linux-gnu",
        git=None,
        target_directory=NOWHERE,
    )


def test_everything_that_differs_is_told() -> None:
    old = analysis("1.0.0", (lifted("app"), lifted("gone"), lifted("snap", "a", "b")), ("v8", "old"))
    many = tuple(f"p{number:02}" for number in range(14))
    scripts = (lifted("app"), lifted("fresh"), lifted("snap", "b", "c"))
    new = analysis("2.0.0", scripts, ("v8", *many), "1.95")
    assert list(differences(old, new)) == [
        "the build script of fresh v1.0.0 reaches v8 now",
        "the build script of gone does not reach v8 any more",
        "the build script of snap is compiled with +c, -a",
        "v8 1.0.0 became 2.0.0",
        "packages of its lock want Rust 1.95",
        "new packages (14): p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11 and 2 more",
        "packages that are gone (1): old",
    ]


def test_equal_versions_differ_in_nothing() -> None:
    one = analysis("1.0.0", (lifted("app", "a"),), ("v8",))
    assert list(differences(one, one)) == []
