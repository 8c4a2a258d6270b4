"""Package URLs of what products are made of (https://github.com/package-url/purl-spec)."""

from __future__ import annotations

from packageurl import PackageURL

from pipeline.model.analysis import PackageKey
from pipeline.model.package import Package

_CRATES_IO = ("registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/")


def crate_purl(key: PackageKey) -> str:
    """Return the package URL of a crate.

    A local one is no package of a registry: it is ``generic``, so that nobody takes it for a published namesake.
    """
    if not key.source:
        return _purl("generic", key.name, key.version)
    if key.source in _CRATES_IO:
        return _purl("cargo", key.name, key.version)
    if key.source.startswith("git+"):
        repository, _, revision = key.source.partition("#")
        address = repository.partition("?")[0]
        return _purl("cargo", key.name, key.version, {"vcs_url": f"{address}@{revision}" if revision else address})
    return _purl("cargo", key.name, key.version, {"repository_url": key.source.partition("+")[2]})


def debian_purl(package: Package) -> str:
    """Return the package URL of a binary package; Ubuntu's are told by their versions or by where they were found."""
    ubuntu = "ubuntu" in package.version or "/ubuntu" in package.uri
    return _purl("deb", package.name, package.version, {"arch": package.architecture}, "ubuntu" if ubuntu else "debian")


def generic_purl(name: str, version: str = "") -> str:
    """Return the package URL of something that no registry has."""
    return _purl("generic", name, version)


def _purl(
    kind: str, name: str, version: str, qualifiers: dict[str, str] | None = None, namespace: str | None = None
) -> str:
    return PackageURL(
        type=kind, namespace=namespace, name=name, version=version or None, qualifiers=qualifiers or None
    ).to_string()
