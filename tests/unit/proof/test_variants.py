"""Snapshots that are wrong on purpose: each is what its name says, and nothing else about it is wrong."""

from __future__ import annotations

import pytest

from pipeline.proof.variants import Donor, Patient, Variant, variants
from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.checksum import ChecksumKind
from tests.unit.v8.blobs import BlobSpec, Layout, blob, noise

OLD_VERSION, NEW_VERSION = "10.2.154.26-node.37", "14.7.173.20-rusty"
LAYOUTS: tuple[Layout, ...] = ("old", "new", "read-only first")


def patient(layout: Layout = "old") -> Patient:
    spec = BlobSpec(
        layout=layout,
        version=OLD_VERSION if layout == "old" else NEW_VERSION,
        kind=ChecksumKind.ADLER32 if layout == "old" else ChecksumKind.FLETCHER32,
    )
    content = blob(spec)
    found = parse(content)
    assert found is not None
    assert found.problems == ()
    return Patient(blob=found, content=content + b"sidecar!", target="arm64")


def donor(target: str, version: str = OLD_VERSION) -> Donor:
    content = blob(BlobSpec(version=version, read_only=noise(7, 2000)))
    return Donor(name=f"app-{target}", target=target, version=version, content=content)


def by_name(sick: Patient, *donors: Donor) -> dict[str, Variant]:
    return {variant.name: variant for variant in variants(sick, donors)}


def parsed(variant: Variant) -> SnapshotBlob:
    assert variant.content is not None
    found = parse(variant.content)
    assert found is not None, variant.name
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_variant_is_wrong_in_its_own_way(layout: Layout) -> None:
    sick = patient(layout)
    made = by_name(sick)
    assert parsed(made["flipped checksum"]).problems == ("the checksum does not fit the content",)
    assert parsed(made["shuffled offsets"]).problems[0] == "the sections' offsets are not in order"
    last = len(sick.blob.sections) - 1
    assert parsed(made["flipped magic"]).problems[0].startswith(f"section {last} has the magic 0xc021")
    assert parsed(made["truncated snapshot"]).problems
    cut = made["truncated file"]
    assert cut.content == sick.content
    assert cut.cut is not None
    assert 0 < cut.cut < sick.blob.size_bytes


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "name", ["another version of V8", "shuffled sections", "older table of references", "snapshot of another run"]
)
def test_no_checksum_gives_these_away(layout: Layout, name: str) -> None:
    sick = patient(layout)
    variant = by_name(sick)[name]
    found = parsed(variant)
    assert found.problems == ()
    assert variant.content is not None
    assert variant.content != sick.content
    assert len(variant.content) == len(sick.content)
    assert variant.content.endswith(b"sidecar!")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_changed(layout: Layout) -> None:
    sick = patient(layout)
    made = by_name(sick)
    assert parsed(made["another version of V8"]).version == sick.blob.version.replace(".154.", ".151.").replace(
        ".173.", ".171."
    )
    assert parsed(made["older table of references"]).magic == 0xC0DE0562
    assert sick.blob.magic == 0xC0DE0563
    exchanged = parsed(made["shuffled sections"])
    sizes = [part.size_bytes for part in sick.blob.sections]
    assert [part.size_bytes for part in exchanged.sections] == [sizes[1], sizes[0], *sizes[2:]]
    if layout != "old":
        assert exchanged.read_only_index == 1 - (sick.blob.read_only_index or 0)


def test_a_sidecar_is_changed_where_its_length_is_known() -> None:
    sick = patient()
    changed = by_name(sick)["changed sidecar"]
    assert changed.by_record
    assert changed.content is not None
    assert changed.content[: sick.blob.size_bytes] == sick.content[: sick.blob.size_bytes]
    assert changed.content != sick.content
    alone = Patient(blob=sick.blob, content=sick.content[: sick.blob.size_bytes], target="arm64")
    assert "changed sidecar" not in by_name(alone)


def test_donors() -> None:
    older = donor("arm64")
    names = list(by_name(patient(), donor("s390x"), donor("amd64"), older, donor("armhf", "9.1.2.3")))
    assert names[:2] == ["snapshot of amd64", "snapshot of s390x"]
    assert names[-1] == "snapshot of another build"
    made = by_name(patient(), older, donor("arm64", NEW_VERSION))
    assert made["snapshot of another build, 1"].by_record
    assert not made["snapshot of another build, 2"].by_record


@pytest.mark.parametrize(
    ("donors", "why"),
    [
        ((), "no product for another architecture was given"),
        ((donor("amd64", "9.1.2.3"),), "those given are of another V8"),
    ],
)
def test_without_a_donor_there_is_no_other_architecture(donors: tuple[Donor, ...], why: str) -> None:
    variant = by_name(patient(), *donors)["snapshot of another architecture"]
    assert (variant.content, variant.why_not) == (None, why)
