"""Whether snapshots are of one build of V8, by their shape."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.model.findings import Agreement, Severity
from pipeline.v8.belonging import FoundBlob
from pipeline.v8.blob import parse
from pipeline.v8.checksum import ChecksumKind
from pipeline.v8.likeness import check_likeness
from tests.unit.v8.blobs import BlobSpec, blob

SPEC = BlobSpec(layout="new", version="14.7.173.20-rusty", kind=ChecksumKind.FLETCHER32)


def found(spec: BlobSpec, file: str = "app") -> FoundBlob:
    parsed = parse(blob(spec))
    assert parsed is not None
    return FoundBlob(file=file, blob=parsed, core=None, expected=False)


OWN = found(dataclasses.replace(SPEC, contexts=1), "engine")


def test_snapshots_of_one_build() -> None:
    assert list(check_likeness(found(SPEC), [OWN])) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (dataclasses.replace(SPEC, magic=0xC0DE0500), "magic is 0xc0de0500, V8's own 0xc0de0563"),
        (
            dataclasses.replace(SPEC, layout="read-only first"),
            "order is read-only section first, V8's own read-only section second",
        ),
        (dataclasses.replace(SPEC, kind=ChecksumKind.ADLER32), "checksum is adler32, V8's own fletcher32"),
    ],
)
def test_snapshots_of_two_builds(spec: BlobSpec, message: str) -> None:
    (finding,) = check_likeness(found(spec), [OWN])
    assert (finding.id, finding.severity, finding.agreement) == ("v8.build", Severity.FAIL, Agreement.MISMATCH)
    assert finding.message == f"was made by another build of V8 14.7.173.20-rusty: {message}"


def test_one_like_it_is_enough() -> None:
    other = found(dataclasses.replace(SPEC, contexts=1, magic=0xC0DE0500), "old engine")
    assert list(check_likeness(found(SPEC), [other, OWN])) == []


def test_nothing_to_compare_with() -> None:
    assert list(check_likeness(found(SPEC), [])) == []
    assert list(check_likeness(found(SPEC), [found(dataclasses.replace(SPEC, version="14.7.1.1"))])) == []
