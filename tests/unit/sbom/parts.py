"""A product in a few words, for tests."""

from __future__ import annotations

from pipeline.model.analysis import LinkedCrate, PackageKey
from pipeline.model.package import Package
from pipeline.sbom.listing import BundledFile, Parts, Vm

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
APP = PackageKey(name="app", version="1.0.0")
SERDE = PackageKey(name="serde", version="1.0.200", source=CRATES_IO)
V8 = PackageKey(name="v8", version="137.2.1", source=CRATES_IO)
SHA = {name: f"{number:064x}" for number, name in enumerate(("serde", "archive", "zlib"), start=1)}
ZLIB = Package(
    name="zlib1g",
    version="1:1.2.13.dfsg-1",
    architecture="arm64",
    uri="http://mirror.example/debian/zlib1g.deb",
    file_name="zlib1g_1%3a1.2.13.dfsg-1_arm64.deb",
    size_bytes=1,
    sha256=SHA["zlib"],
)


def crate(key: PackageKey, *requires: PackageKey, declared: str | None = "MIT") -> LinkedCrate:
    return LinkedCrate(package=key, license=declared, repository=None, requires=requires)


def parts(
    *crates: LinkedCrate,
    bundled: tuple[BundledFile, ...] = (BundledFile(path="lib/libz.so.1", package="zlib1g"),),
    archive: str | None = "librusty_v8.a.gz",
) -> Parts:
    return Parts(
        product=APP,
        crates=crates or (crate(APP, SERDE, V8), crate(SERDE), crate(V8)),
        checksums={SERDE: SHA["serde"]},
        vm=Vm(crates=(V8,), version="13.7.152.14", archive=archive, archive_sha256=SHA["archive"] if archive else None),
        rust_version="1.96.0",
        bundled=bundled,
        packages=(ZLIB,),
    )
