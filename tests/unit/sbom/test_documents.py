from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pipeline.model.components import ComponentList
from pipeline.sbom.cyclonedx import cyclonedx
from pipeline.sbom.listing import BundledFile, component_list
from pipeline.sbom.origin import Origin
from pipeline.sbom.spdx import spdx
from tests.unit.sbom.parts import APP, SERDE, SHA, V8, crate, parts

ORIGIN = Origin(epoch_s=1700000000, subject_sha256="a" * 64, pipeline_version="1.2.3")
UNKNOWN = BundledFile(path="lib/libq.so.2", package=None)
Writer = Callable[[ComponentList, Origin], str]
both = pytest.mark.parametrize("write", [cyclonedx, spdx])


def components() -> ComponentList:
    given = parts(
        crate(APP, SERDE, V8),
        crate(SERDE, declared="as you like"),
        crate(V8, declared="MIT/Apache-2.0"),
        bundled=(BundledFile(path="lib/libz.so.1", package="zlib1g"), UNKNOWN),
    )
    return component_list(given, name="app", target="arm64", rust_triple="aarch64-unknown-linux-gnu")


def spdx_problems(text: str) -> list[str]:
    document = JsonLikeDictParser().parse(json.loads(text))  # type: ignore[no-untyped-call]
    return [message.validation_message for message in validate_full_spdx_document(document, "SPDX-2.3")]


def test_cyclonedx_is_valid_to_the_letter() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(cyclonedx(components(), ORIGIN)) is None


def test_the_validator_of_cyclonedx_finds_mistakes() -> None:
    broken = cyclonedx(components(), ORIGIN).replace('"type": "library"', '"type": "libary"', 1)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_spdx_is_valid_to_the_letter() -> None:
    assert spdx_problems(spdx(components(), ORIGIN)) == []


def test_the_validator_of_spdx_finds_mistakes() -> None:
    assert spdx_problems(spdx(components(), ORIGIN).replace('Element": "SPDXRef-cargo-serde', 'Element": "x'))


@both
def test_equal_builds_give_equal_documents(write: Writer) -> None:
    assert write(components(), ORIGIN) == write(components(), ORIGIN)


@both
def test_other_builds_have_other_numbers(write: Writer) -> None:
    other = dataclasses.replace(ORIGIN, subject_sha256="b" * 64)
    numbers = [re.findall(r"urn:uuid:[0-9a-f-]{36}", write(components(), origin)) for origin in (ORIGIN, other)]
    assert len(numbers[0]) == 1
    assert numbers[0] != numbers[1]


@both
def test_the_time_is_the_build_s(write: Writer) -> None:
    assert re.findall(r"\d{4}-\d\d-\d\dT[^\"]*", write(components(), ORIGIN)) in (
        ["2023-11-14T22:13:20+00:00"],
        ["2023-11-14T22:13:20Z"],
    )


def test_both_name_the_same_components() -> None:
    bom: dict[str, Any] = json.loads(cyclonedx(components(), ORIGIN))
    document: dict[str, Any] = json.loads(spdx(components(), ORIGIN))
    theirs = {reference["referenceLocator"] for item in document["packages"] for reference in item["externalRefs"]}
    ours = {item["purl"] for item in bom["components"]} | {bom["metadata"]["component"]["purl"]}
    assert ours == theirs == {component.purl for component in components().components}


def test_both_know_who_uses_what() -> None:
    bom: dict[str, Any] = json.loads(cyclonedx(components(), ORIGIN))
    document: dict[str, Any] = json.loads(spdx(components(), ORIGIN))
    edges = {(item["ref"], used) for item in bom["dependencies"] for used in item.get("dependsOn", ())}
    ids = {item["SPDXID"]: item["externalRefs"][0]["referenceLocator"] for item in document["packages"]}
    relations = document["relationships"]
    assert {
        (ids[item["spdxElementId"]], ids[item["relatedSpdxElement"]])
        for item in relations
        if item["relationshipType"] != "DESCRIBES"
    } == edges
    assert ("pkg:cargo/v8@137.2.1", "pkg:generic/v8@13.7.152.14") in edges


def test_licences_and_digests_are_told() -> None:
    bom: dict[str, Any] = json.loads(cyclonedx(components(), ORIGIN))
    found = {item["purl"]: item for item in bom["components"]}
    assert found["pkg:cargo/v8@137.2.1"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert found["pkg:cargo/serde@1.0.200"]["licenses"] == [{"license": {"name": "as you like"}}]
    assert found["pkg:cargo/serde@1.0.200"]["hashes"] == [{"alg": "SHA-256", "content": SHA["serde"]}]
