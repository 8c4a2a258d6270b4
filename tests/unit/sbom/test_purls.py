from __future__ import annotations

import pytest

from pipeline.model.analysis import PackageKey
from pipeline.model.package import Package
from pipeline.sbom.purls import crate_purl, debian_purl, generic_purl

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


@pytest.mark.parametrize(
    ("source", "version", "purl"),
    [
        (CRATES_IO, "1.0.0+v8-13", "pkg:cargo/app@1.0.0%2Bv8-13"),
        ("sparse+https://index.crates.io/", "1.0.0", "pkg:cargo/app@1.0.0"),
        ("", "1.0.0", "pkg:generic/app@1.0.0"),
        ("sparse+https://own.example/index/", "1.0.0",
         "pkg:cargo/app@1.0.0?repository_url=https://own.example/index/"),
        ("git+https://own.example/app?branch=main#0123abcd", "1.0.0",
         "pkg:cargo/app@1.0.0?vcs_url=git%2Bhttps://own.example/app%400123abcd"),
    ],
)  # fmt: skip
def test_crates(source: str, version: str, purl: str) -> None:
    assert crate_purl(PackageKey(name="app", version=version, source=source)) == purl


def package(version: str, uri: str) -> Package:
    return Package(
        name="libstdc++6", version=version, architecture="arm64", uri=uri, file_name="x.deb", size_bytes=1, sha256=""
    )


@pytest.mark.parametrize(
    ("version", "uri", "namespace"),
    [
        ("12.2.0-14", "http://mirror.example/debian/pool/x.deb", "debian"),
        ("12.2.0-14ubuntu1", "http://mirror.example/pool/x.deb", "ubuntu"),
        ("12.2.0-14", "http://mirror.example/ubuntu/pool/x.deb", "ubuntu"),
    ],
)
def test_packages_of_a_distribution(version: str, uri: str, namespace: str) -> None:
    assert debian_purl(package(version, uri)) == f"pkg:deb/{namespace}/libstdc%2B%2B6@{version}?arch=arm64"


def test_what_no_registry_has() -> None:
    assert generic_purl("libx.so.1") == "pkg:generic/libx.so.1"
