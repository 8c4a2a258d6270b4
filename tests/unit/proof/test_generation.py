"""Products that were said to be of one generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.model.findings import Severity
from pipeline.proof.generation import check_one_generation
from tests.unit.proof.products import make_product


def test_equal_snapshots_are_of_one_generation(tmp_path: Path) -> None:
    one, two = (make_product(tmp_path / name).made.subject for name in ("a", "b"))
    (found,) = check_one_generation([("one.zip", one), ("two.zip", two)])
    assert (found.severity, found.message) == (Severity.OK, "were made with the same snapshots")


def test_unequal_ones_are_not(tmp_path: Path) -> None:
    product = make_product(tmp_path)
    one = product.made.subject

    def another(document: Any) -> None:  # noqa: ANN401 - any JSON
        document["subject"]["snapshots"][0]["files"][1]["sha256"] = "0" * 64

    product.tamper(another)
    (found,) = check_one_generation([("one.zip", one), ("two.zip", product.made.subject)])
    assert (found.id, found.severity) == ("record.generation", Severity.FAIL)
    assert (found.subject, found.message) == (
        "snap/snapshot.bin",
        "differs between one.zip and two.zip, of one generation",
    )


def test_other_targets_have_other_snapshots(tmp_path: Path) -> None:
    product = make_product(tmp_path)
    one = product.made.subject
    two = one.model_copy(update={"target": "amd64", "snapshots": ()})
    assert [f.severity for f in check_one_generation([("a", one), ("b", two)])] == [Severity.OK]
    assert list(check_one_generation([("b", two)])) == []
