"""What is printed and written fits the published schemas, by another reader than the models that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.cli.main import main
from pipeline.model.target import find_target
from tests.unit.examine.inputs import Layout, program, snapshot, tar_bytes, write_tree
from tests.unit.proof.products import make_product

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"


def check(name: str, document: Any) -> None:  # noqa: ANN401 - any JSON
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, jsonschema.Draft202012Validator)


def verify(capsys: pytest.CaptureFixture[str], place: Path, *arguments: str) -> dict[str, Any]:
    main(["verify", "--json", "--static-only", "--cache-dir", str(place / "cache"), *arguments])
    document = json.loads(capsys.readouterr().out)
    check("verify", document)
    return dict(document)


def test_verdicts_of_each_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm64 = find_target("arm64")
    write_tree(tmp_path / "in", {
        "right": program("arm64"), "wrong": program("arm64", snapshot_of="amd64"), "alone": snapshot(arm64),
        "packed.tar": tar_bytes({"app": program("s390x")}),
    })  # fmt: skip
    Layout(tmp_path / "layout").add_image({"os": "linux", "architecture": "arm64"}, tar_bytes({"app": b""}))
    files = [*sorted((tmp_path / "in").iterdir()), tmp_path / "layout"]
    document = verify(capsys, tmp_path, *map(str, files))
    assert [(Path(file["path"]).name, file["kind"], file["verdict"]) for file in document["files"]] == [
        ("alone", "file", "unknown"),
        ("packed.tar", "tar", "ok"),
        ("right", "file", "ok"),
        ("wrong", "file", "fail"),
        ("layout", "oci-layout", "fail"),
    ]
    assert document["error"]["class"] == "VerificationError"


def test_an_error_without_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", str(tmp_path / "missing")]) == 2
    document = json.loads(capsys.readouterr().out)
    check("verify", document)
    assert document["error"]["class"] == "UsageError"


def test_a_record_its_components_and_the_matrix_of_the_self_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    product = make_product(tmp_path)
    check("build-info", json.loads(product.record_path.read_text()))
    document = verify(capsys, tmp_path, "--self-test", str(product.zip_path))
    assert {row["outcome"] for row in document["self_test"]["matrices"][0]["rows"]} >= {"passed", "rejected"}


def test_what_the_schema_does_not_know_is_found() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check("verify", {"schema": 1, "files": [{"path": "x", "verdict": "fine", "findings": []}]})
    with pytest.raises(jsonschema.ValidationError):
        check("verify", {"schema": 1, "files": [], "more": True})
