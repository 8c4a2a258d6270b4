"""What is said about the snapshots of a whole product."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.model.findings import Severity
from pipeline.v8.blob import parse
from pipeline.v8.product import check_blobs, check_presence, expected_snapshots, own_snapshots, scan_product
from tests.unit.v8.blobs import BlobSpec, blob, noise

RO = noise(1, 30_000)
OWN = BlobSpec(contexts=1, read_only=RO)
MADE = BlobSpec(contexts=2, read_only=bytes([RO[0] ^ 1]) + RO[1:], context_0=noise(8, 5000))
SAME = "was made for the same architecture as V8's own: "
OTHER = "was made for another architecture, or by another build of V8: "
FOREIGN = dataclasses.replace(MADE, read_only=noise(99, 30_008))


@dataclasses.dataclass(frozen=True)
class Product:
    root: Path

    def add(self, name: str, *parts: bytes) -> tuple[str, Path]:
        path = self.root / name
        path.write_bytes(b"".join(parts))
        return name, path


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


def said(product: Product, engine: bytes, program: bytes, made: bytes | None) -> list[tuple[str, Severity, str]]:
    files = (product.add("libengine.so", noise(3, 500), engine), product.add("app", noise(4, 77), program, noise(5, 9)))
    expected = expected_snapshots((product.add("made.bin", made),) if made is not None else ())
    findings = (*check_presence(files, expected), *check_blobs(scan_product(files, expected)))
    return [(finding.id, finding.severity, finding.message) for finding in findings]


def test_a_right_product(product: Product) -> None:
    # The embedder appended something of its own to V8's part.
    made = blob(MADE) + b"sidecar"
    assert said(product, blob(OWN), made, made) == [
        ("snapshot.present", Severity.OK, "the snapshot that was made for this product is in app"),
        ("v8.snapshot", Severity.OK, f"is a sound snapshot of V8 {OWN.version} with 1 context"),
        ("v8.snapshot", Severity.OK, f"is a sound snapshot of V8 {OWN.version} with 2 contexts, made by this build"),
        (
            "v8.consistency",
            Severity.OK,
            SAME + "the snapshot's read-only section is 100% equal to V8's own",
        ),
    ]


def test_programs_get_the_same_as_people(product: Product) -> None:
    content = blob(MADE)
    found = parse(content)
    assert found is not None
    files = (product.add("app", noise(4, 77), content),)
    made = expected_snapshots((product.add("made.bin", content),))
    (present,) = check_presence(files, made)
    assert present.evidence == {"size_bytes": len(content), "found_in": ("app",)}
    sound = next(iter(check_blobs(scan_product(files, made))))
    assert (sound.subject, sound.offset) == ("app", 77)
    assert sound.evidence == {
        "offset": 77,
        "size_bytes": len(content),
        "version": MADE.version,
        "contexts": 2,
        "checksum": f"{found.checksum:#010x}",
        "checksum_kind": found.checksum_kind.value if found.checksum_kind else "",
        "magic": f"{found.magic:#010x}",
        "problems": (),
    }


def test_a_snapshot_of_another_architecture(product: Product) -> None:
    assert said(product, blob(OWN), blob(FOREIGN), blob(MADE))[0::3] == [
        ("snapshot.present", Severity.FAIL, "the snapshot that was made for this product is in none of its files"),
        (
            "v8.consistency",
            Severity.FAIL,
            OTHER + "the snapshot's read-only section has 30016 bytes, V8's own 30008",
        ),
    ]


def test_a_snapshot_of_another_version(product: Product) -> None:
    other = dataclasses.replace(MADE, version="11.3.244.8")
    assert said(product, blob(OWN), blob(other), None)[-1] == (
        "v8.version",
        Severity.FAIL,
        "was made by V8 11.3.244.8, the product holds V8 10.2.154.26-node.37",
    )


def test_a_damaged_snapshot(product: Product) -> None:
    damaged = bytearray(blob(MADE))
    damaged[700] ^= 1
    assert said(product, blob(OWN), bytes(damaged), None)[-1] == (
        "v8.snapshot",
        Severity.FAIL,
        "is damaged: the checksum does not fit the content",
    )


def test_nothing_to_compare_with(product: Product) -> None:
    assert said(product, b"", blob(MADE), None)[-1] == (
        "v8.consistency",
        Severity.UNKNOWN,
        "the product holds no snapshot of V8's own to compare with",
    )


def test_an_embedder_with_one_context_is_not_taken_for_v8(product: Product) -> None:
    made = dataclasses.replace(MADE, contexts=1)
    files = (product.add("app", blob(made), blob(dataclasses.replace(OWN, startup=noise(1, 100)))),)
    expected = expected_snapshots((product.add("made.bin", blob(made)),))
    own = own_snapshots(scan_product(files, expected))
    assert [item.blob.offset for item in own] == [len(blob(made))]
    # Nothing is known of the build: the smaller one is V8's.
    assert own_snapshots(scan_product(files, ())) == tuple(dataclasses.replace(item, expected=False) for item in own)


def test_which_files_are_expected(product: Product) -> None:
    small, large = product.add("a.rs", b"x"), product.add("b.bin", noise(1, 70_000))
    snapshot = product.add("c.bin", blob(MADE))
    assert [item.name for item in expected_snapshots((small, large, snapshot))] == ["c.bin"]
    assert [item.name for item in expected_snapshots((small, large))] == ["b.bin"]
    assert expected_snapshots((small,)) == ()


def test_another_machines_snapshot_is_looked_for_as_it_is(product: Product) -> None:
    expected = expected_snapshots((product.add("image.bin", noise(1, 70_000)),))
    held = (product.add("app", b"code", noise(1, 70_000)),)
    assert [finding.severity for finding in check_presence(held, expected)] == [Severity.OK]
    lost = (product.add("app", b"code", noise(2, 70_000)),)
    assert [finding.severity for finding in check_presence(lost, expected)] == [Severity.FAIL]


def test_more_snapshots_than_are_looked_at(product: Product) -> None:
    files = (product.add("app", blob(OWN) * 20),)
    first = next(iter(check_blobs(scan_product(files, ()))))
    words = "holds 16 snapshots or more; what comes after those was not looked at"
    assert (first.id, first.severity, first.message) == ("v8.snapshots", Severity.UNKNOWN, words)
