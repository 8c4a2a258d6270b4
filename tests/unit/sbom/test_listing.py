from __future__ import annotations

import dataclasses

import pydantic
import pytest

from pipeline.model.components import Component, ComponentKind, ComponentList
from pipeline.sbom.listing import BundledFile, Parts, component_list
from tests.unit.sbom.parts import APP, CRATES_IO, SERDE, SHA, V8, crate, parts


def listed(given: Parts) -> ComponentList:
    return component_list(given, name="app", target="arm64", rust_triple="aarch64-unknown-linux-gnu")


def by_name(given: Parts) -> dict[str, Component]:
    return {component.name: component for component in listed(given).components}


def test_every_part_is_there_and_hangs_on_what_uses_it() -> None:
    assert {(item.purl, item.kind.value, item.requires) for item in listed(parts()).components} == {
        ("pkg:generic/app@1.0.0", "crate",
         ("pkg:cargo/serde@1.0.200", "pkg:cargo/v8@137.2.1", "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=arm64",
          "pkg:generic/rust-std@1.96.0")),
        ("pkg:cargo/serde@1.0.200", "crate", ()),
        ("pkg:cargo/v8@137.2.1", "crate", ("pkg:generic/v8@13.7.152.14",)),
        ("pkg:generic/v8@13.7.152.14", "vm", ()),
        ("pkg:generic/rust-std@1.96.0", "standard-library", ()),
        ("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=arm64", "library", ()),
    }  # fmt: skip


def test_digests_are_those_of_the_package_files() -> None:
    found = listed(parts()).components
    assert {item.purl.partition("@")[0]: item.sha256 for item in found if item.sha256} == {
        "pkg:cargo/serde": SHA["serde"],
        "pkg:generic/v8": SHA["archive"],
        "pkg:deb/debian/zlib1g": SHA["zlib"],
    }


def test_v8_of_a_bundled_library_has_no_archive() -> None:
    vm = next(item for item in listed(parts(archive=None)).components if item.kind is ComponentKind.VM)
    assert (vm.sha256, vm.origin) == (None, "part of a bundled library")


def test_without_a_snapshot_of_v8_there_is_no_vm() -> None:
    given = parts()
    given = dataclasses.replace(given, vm=dataclasses.replace(given.vm, version=None))
    assert [item.name for item in listed(given).components if item.kind is ComponentKind.VM] == []


def test_libraries_of_one_package_are_one_component() -> None:
    files = tuple(BundledFile(path=f"lib/{name}", package="zlib1g") for name in ("libz.so.1", "liby.so.1"))
    assert by_name(parts(bundled=files))["zlib1g"].files == ("lib/liby.so.1", "lib/libz.so.1")


def test_a_library_of_an_unknown_package_has_its_own_name() -> None:
    library = by_name(parts(bundled=(BundledFile(path="lib/libq.so.2", package=None),)))["libq.so.2"]
    assert (library.purl, library.version, library.sha256) == ("pkg:generic/libq.so.2", "", None)


def test_a_licence_that_is_no_expression_is_kept_as_it_is() -> None:
    odd = by_name(parts(crate(APP, SERDE), crate(SERDE, declared="as you like"), crate(V8)))["serde"]
    assert (odd.license, odd.declared_license) == (None, "as you like")


def test_two_versions_of_a_crate_are_two_components() -> None:
    newer = dataclasses.replace(SERDE, version="2.0.0", source=CRATES_IO)
    found = listed(parts(crate(APP, SERDE, newer), crate(SERDE), crate(newer), crate(V8))).components
    assert [item.version for item in found if item.name == "serde"] == ["1.0.200", "2.0.0"]


def test_the_file_is_read_back_as_it_was() -> None:
    made = listed(parts())
    assert ComponentList.model_validate_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"root": "pkg:generic/other@1"}, "pkg:generic/other@1 is required and not listed"),
        ({"components": listed(parts()).components * 2}, "a component is listed twice"),
    ],
)
def test_a_list_that_is_not_closed_is_none(change: dict[str, object], why: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=why):
        ComponentList.model_validate(listed(parts()).model_dump() | change)
