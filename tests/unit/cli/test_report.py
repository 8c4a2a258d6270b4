"""Writing the page about a build from its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.model.verified import VerifyDocument
from tests.unit.proof.products import make_product


def test_the_page_lies_beside_the_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = make_product(tmp_path)
    page = tmp_path / "app-1.0.0-linux-arm64.report.html"
    assert main(["report", str(product.record_path)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert "app 1.0.0 for arm64" in page.read_text(encoding="utf-8")
    other = tmp_path / "page.html"
    assert main(["report", "--json", str(product.record_path), "--out", str(other)]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "pages": [str(other)]}
    assert other.read_bytes() == page.read_bytes()


def test_a_record_that_was_changed_has_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = make_product(tmp_path)
    product.record_path.write_text(product.record_path.read_text().replace("cortex-a72", "max"))
    assert main(["report", str(product.record_path)]) == 24
    assert "it was changed after it was written" in capsys.readouterr().err
    assert list(tmp_path.glob("*.html")) == []


def test_one_page_for_several_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(make_product(tmp_path).record_path)
    assert main(["report", path, path, "--out", "x.html"]) == 2
    assert "error: --out names one page, and there are several records\n" in capsys.readouterr().err


def test_what_verify_prints_fits_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = make_product(tmp_path)
    arguments = ["verify", "--json", "--static-only", "--cache-dir", str(tmp_path / "cache")]
    assert main([*arguments, "--self-test", str(product.zip_path)]) == 0
    document = VerifyDocument.model_validate_json(capsys.readouterr().out)
    assert document.self_test is not None
    assert document.error is None
    product.record_path.write_text("{}")
    assert main([*arguments, str(product.zip_path)]) == 21
    document = VerifyDocument.model_validate_json(capsys.readouterr().out)
    assert document.error is not None
    assert document.error.name == "VerificationError"
    product.record_path.unlink()
    assert main([*arguments, str(product.zip_path)]) == 0
    (file,) = VerifyDocument.model_validate_json(capsys.readouterr().out).files
    assert (file.kind, file.targets) == ("zip", ("arm64",))
