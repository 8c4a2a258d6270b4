"""The verifier tested on products: with and without a record, and where it cannot tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.model.self_test import Outcome, SelfTest, SelfTestReport
from pipeline.model.target import find_target
from pipeline.proof.self_test import Ward, self_test
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.proof.products import MADE, OTHER_GENERATION, OWN, Product, make_product
from tests.unit.v8.blobs import BlobSpec, blob, noise

FOREIGN = blob(BlobSpec(contexts=2, read_only=noise(7, 30_008), context_0=noise(6, 5000)))
SMALLER = blob(BlobSpec(contexts=2, read_only=noise(7, 20_000), context_0=noise(6, 5000)))


def ward(place: Path, *, name: str, target: str = "arm64", made: bytes = MADE, own: bytes | None = OWN) -> Ward:
    directory = place / name
    directory.mkdir()
    (directory / "app").write_bytes(elf_file(ElfSpec(target=find_target(target), payload=made)) + b"\1" * 5000)
    if own is not None:
        (directory / "libengine.so").write_bytes(elf_file(ElfSpec(target=find_target(target), payload=own)))
    return Ward(name=name, product_dir=directory)


def outcomes(matrix: SelfTest) -> dict[str, Outcome]:
    return {row.variant: row.outcome for row in matrix.rows}


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return make_product(tmp_path)


def test_every_variant_of_a_product_with_a_record_is_rejected(product: Product, tmp_path: Path) -> None:
    recorded = Ward(name="app.zip", product_dir=product.product_dir, subject=product.made.subject)
    others = (
        ward(tmp_path, name="foreign", target="amd64", made=FOREIGN),
        ward(tmp_path, name="small", target="s390x", made=SMALLER),
        ward(tmp_path, name="older", made=OTHER_GENERATION),
    )
    before = (product.product_dir / "app").read_bytes()
    (matrix,) = self_test(recorded, others)
    assert (product.product_dir / "app").read_bytes() == before
    assert (matrix.product, matrix.file, matrix.target, matrix.by_record) == ("app.zip", "app", "arm64", True)
    assert outcomes(matrix) == {
        "untouched": Outcome.PASSED,
        **dict.fromkeys(
            (
                "snapshot of amd64", "snapshot of s390x", "another version of V8", "flipped magic",
                "flipped checksum", "truncated snapshot", "truncated file", "shuffled offsets", "shuffled sections",
                "older table of references", "snapshot of another run", "changed sidecar",
                "snapshot of another build",
            ),
            Outcome.REJECTED,
        ),
    }  # fmt: skip
    assert SelfTestReport(matrices=(matrix,)).fooled == ()
    failed = {row.variant: row.failed for row in matrix.rows}
    assert failed["snapshot of amd64"] == ("v8.consistency",)
    assert failed["another version of V8"] == ("v8.version",)
    assert failed["flipped checksum"] == ("v8.snapshot",)
    assert failed["older table of references"] == ("v8.build",)
    assert failed["changed sidecar"] == ("record.generation", "record.snapshot")
    said = {row.variant: row.said for row in matrix.rows}
    assert said["untouched"] == ""
    assert said["snapshot of amd64"] == (
        "was made for another architecture, or by another build of V8: the snapshot's read-only section has 30016"
        " bytes, V8's own 30008"
    )
    assert said["another version of V8"] == (
        "was made by V8 10.2.151.26-node.37, the product holds V8 10.2.154.26-node.37"
    )
    assert said["flipped checksum"] == "is damaged: the checksum does not fit the content"
    assert said["shuffled offsets"] == "is damaged: the sections' offsets are not in order"


def test_without_a_record_what_only_a_record_tells_is_left_out(tmp_path: Path) -> None:
    (matrix,) = self_test(ward(tmp_path, name="alone"))
    rows = {row.variant: (row.outcome, row.said) for row in matrix.rows}
    assert rows["snapshot of another run"] == (Outcome.NOT_MADE, "only a build record tells it")
    assert rows["snapshot of another architecture"] == (
        Outcome.NOT_MADE,
        "no product for another architecture was given",
    )
    assert {outcome for outcome, _said in rows.values()} == {Outcome.PASSED, Outcome.REJECTED, Outcome.NOT_MADE}


def test_where_v8s_own_snapshot_is_missing_the_verifier_says_that_it_cannot_tell(tmp_path: Path) -> None:
    other = ward(tmp_path, name="other", target="amd64", made=FOREIGN)
    (matrix,) = self_test(ward(tmp_path, name="alone", own=None), [other])
    found = outcomes(matrix)
    assert found["snapshot of amd64"] is Outcome.UNDECIDED
    assert found["flipped checksum"] is Outcome.REJECTED
    assert SelfTestReport(matrices=(matrix,)).fooled == ()


def test_a_record_that_declares_nothing_fools_the_verifier(product: Product) -> None:
    subject = product.made.subject.model_copy(update={"snapshots": ()})
    (matrix,) = self_test(Ward(name="app.zip", product_dir=product.product_dir, subject=subject))
    assert outcomes(matrix)["snapshot of another run"] is Outcome.ACCEPTED
    assert SelfTestReport(matrices=(matrix,)).fooled == ("app.zip: snapshot of another run: ACCEPTED",)


def test_a_product_that_is_wrong_already_is_refused(tmp_path: Path) -> None:
    (matrix,) = self_test(ward(tmp_path, name="wrong", made=FOREIGN))
    assert matrix.rows[0].outcome is Outcome.REFUSED
    assert "another architecture" in matrix.rows[0].said
    assert SelfTestReport(matrices=(matrix,)).fooled[0] == "wrong: untouched: REFUSED"


def test_a_product_without_a_snapshot_has_no_matrix(tmp_path: Path) -> None:
    assert self_test(ward(tmp_path, name="none", made=b"")) == ()


def test_a_file_that_is_no_program_counts_for_the_only_target_there_is(tmp_path: Path) -> None:
    """A snapshot beside its program; with programs of two targets, or none, nobody knows whose it is."""
    one = ward(tmp_path, name="one", made=b"")
    (one.product_dir / "snapshot.bin").write_bytes(MADE)
    found = {matrix.file: matrix.target for matrix in self_test(one)}
    assert found == {"snapshot.bin": "arm64"}
    (one.product_dir / "helper").write_bytes(elf_file(ElfSpec(target=find_target("amd64"))))
    assert {matrix.file: matrix.target for matrix in self_test(one)} == {"snapshot.bin": "unknown"}
    alone = Ward(name="alone", product_dir=tmp_path / "alone")
    alone.product_dir.mkdir()
    (alone.product_dir / "snapshot.bin").write_bytes(MADE)
    (matrix,) = self_test(alone)
    assert matrix.target == "unknown"
    assert outcomes(matrix)["flipped checksum"] is Outcome.REJECTED
