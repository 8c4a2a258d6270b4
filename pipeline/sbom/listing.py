"""The list of a product's components, from what the parts of a build know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from pipeline.model.analysis import LinkedCrate, PackageKey
from pipeline.model.components import Component, ComponentKind, ComponentList
from pipeline.model.package import Package
from pipeline.sbom.licenses import spdx_expression
from pipeline.sbom.purls import crate_purl, debian_purl, generic_purl

V8_LICENSE = "BSD-3-Clause"
"""https://chromium.googlesource.com/v8/v8/+/refs/heads/main/LICENSE"""
RUST_LICENSE = "MIT OR Apache-2.0"
"""https://github.com/rust-lang/rust/blob/master/COPYRIGHT"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundledFile:
    """A shared library that travels with the product."""

    path: str
    """Inside the product."""
    package: str | None
    """Package of the sysroot that it comes from, where that is known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vm:
    """The virtual machine, as it was linked."""

    crates: tuple[PackageKey, ...]
    """The crates that link it."""
    version: str | None
    """V8's own, from the snapshots; None when no snapshot is V8's."""
    archive: str | None = None
    """Name of the archive that it was linked from; None: it is part of one of the bundled libraries."""
    archive_sha256: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that a product is made of, as the parts of a build know it."""

    product: PackageKey
    crates: tuple[LinkedCrate, ...]
    checksums: Mapping[PackageKey, str]
    """SHA-256 of package files, from ``Cargo.lock``."""
    vm: Vm
    rust_version: str
    bundled: tuple[BundledFile, ...]
    packages: tuple[Package, ...]
    """Of the sysroot; empty when it is the machine's own."""


def component_list(parts: Parts, *, name: str, target: str, rust_triple: str) -> ComponentList:
    """Return the list of all components, crates that are in the lock only left out."""
    libraries = _libraries(parts)
    vm = _vm(parts.vm)
    std = Component(
        purl=generic_purl("rust-std", parts.rust_version),
        kind=ComponentKind.STANDARD_LIBRARY,
        name="rust-std",
        version=parts.rust_version,
        license=RUST_LICENSE,
    )
    native = [std, *libraries]
    crates = [_crate(crate, parts, extra=_native_needs(crate.package, parts, native, vm)) for crate in parts.crates]
    components = [*crates, *native, *([vm] if vm else [])]
    return ComponentList(
        schema_version=1,
        name=name,
        version=parts.product.version,
        target=target,
        rust_triple=rust_triple,
        root=crate_purl(parts.product),
        components=tuple(sorted(components, key=lambda component: component.purl)),
    )


def _crate(crate: LinkedCrate, parts: Parts, *, extra: Iterable[str]) -> Component:
    expression = spdx_expression(crate.license)
    return Component(
        purl=crate_purl(crate.package),
        kind=ComponentKind.CRATE,
        name=crate.package.name,
        version=crate.package.version,
        license=expression,
        declared_license=None if expression else crate.license,
        sha256=parts.checksums.get(crate.package),
        origin=crate.repository or "",
        requires=tuple(sorted({*map(crate_purl, crate.requires), *extra})),
    )


def _native_needs(key: PackageKey, parts: Parts, native: Iterable[Component], vm: Component | None) -> Iterable[str]:
    """Yield what a crate uses beside other crates.

    Which crates call a bundled library is not known: all hang on the product. The VM hangs on the crate that links it.
    """
    if key == parts.product:
        yield from (component.purl for component in native)
    if vm and key in parts.vm.crates:
        yield vm.purl


def _vm(vm: Vm) -> Component | None:
    if vm.version is None:
        return None
    return Component(
        purl=generic_purl("v8", vm.version),
        kind=ComponentKind.VM,
        name="v8",
        version=vm.version,
        license=V8_LICENSE,
        sha256=vm.archive_sha256,
        origin=vm.archive or "part of a bundled library",
    )


def _libraries(parts: Parts) -> list[Component]:
    """Return a component for each package that bundled libraries come from, and for each library without one."""
    packages = {package.name: package for package in parts.packages}
    files: dict[str, list[str]] = {}
    for file in parts.bundled:
        files.setdefault(file.package or file.path.rpartition("/")[2], []).append(file.path)
    return [_library(name, packages.get(name), paths) for name, paths in sorted(files.items())]


def _library(name: str, package: Package | None, paths: list[str]) -> Component:
    return Component(
        purl=debian_purl(package) if package else generic_purl(name),
        kind=ComponentKind.LIBRARY,
        name=name,
        version=package.version if package else "",
        sha256=package.sha256 if package else None,
        origin=package.file_name if package else "",
        files=tuple(sorted(paths)),
    )
