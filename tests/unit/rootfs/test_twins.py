"""Which packages of a root are also taken for this machine."""

from __future__ import annotations

from pipeline.model.package import Package
from pipeline.rootfs.twins import find_twins, twin_names


def package(name: str, version: str) -> Package:
    file_name = f"{name}_{version}_arm64.deb"
    return Package(
        name=name, version=version, architecture="arm64", uri="", file_name=file_name, size_bytes=1, sha256="0" * 64
    )


ROOT = (
    package("rustc-web", "1.96.0-1+b1"), package("cargo-web", "1.96.0-1"), package("clang", "1:14.0-55"),
    package("clang-14", "1:14.0.6-12"), package("cmake", "3.25.1-1"), package("cmake-data", "3.25.1-1"),
    package("rustc-doc", "1.96.0-1"),
)  # fmt: skip


def test_compilers_and_slow_tools_have_twins() -> None:
    assert twin_names(ROOT) == ("rustc-web", "cargo-web", "clang-14", "cmake")


def test_a_twin_is_of_the_same_source() -> None:
    offered = {
        "rustc-web": ("1.97.0-1", "1.96.0-1"),
        "cargo-web": ("1.96.0-1",),
        "clang-14": ("1:14.0.6-12+b2",),
        "cmake": ("3.26.0-1",),
    }
    twins = find_twins(ROOT, offered)
    assert twins.taken == ("rustc-web=1.96.0-1", "cargo-web=1.96.0-1", "clang-14=1:14.0.6-12+b2")
    assert twins.emulated == ("cmake 3.25.1-1",)
    assert twins.have_rust


def test_cargo_goes_with_its_compiler() -> None:
    twins = find_twins(ROOT, {"cargo-web": ("1.96.0-1",), "cmake": ("3.25.1-1",)})
    assert twins.taken == ("cmake=3.25.1-1",)
    assert twins.emulated == ("rustc-web 1.96.0-1+b1", "clang-14 1:14.0.6-12", "cargo-web 1.96.0-1")
    assert not twins.have_rust
