"""Checking products that are there already."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from pipeline import fs, record
from pipeline.cli.main import main
from pipeline.cli.verdict import self_test_error, verification_error
from pipeline.model.findings import Finding, Severity
from pipeline.model.record import BuildRecord, Subject, VmRecord
from pipeline.model.self_test import Outcome, SelfTest, SelfTestReport, SelfTestRow
from pipeline.model.target import find_target
from pipeline.packing.zips import EARLIEST_ZIP_TIME_S, ZipMember, write_zip
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.proof.products import OTHER_GENERATION, make_product

FAIL = Finding(id="elf.machine", severity=Severity.FAIL, subject="bin/app", message="is x86-64")
OK = Finding(id="elf.class", severity=Severity.OK, subject="bin/app", message="is 64 bit")


def product(place: Path, name: str) -> Path:
    """A product whose program is one of this machine."""
    directory = place / name
    directory.mkdir()
    shutil.copyfile(Path(sys.executable).resolve(), directory / "app")
    return directory


def test_a_program_of_another_machine_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = product(tmp_path, "app-1-linux-s390x")
    assert main(["verify", "--json", str(directory), "--cache-dir", str(tmp_path / "cache")]) == 21
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert document["error"]["class"] == "VerificationError"
    (file,) = document["files"]
    assert (file["path"], file["verdict"]) == (str(directory), "fail")
    assert "elf.machine: app: " in written.err
    assert "checks FAILED: " in written.err
    assert "error: 1 check failed\n" in written.err


def test_the_target_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = product(tmp_path, "app")
    assert main(["verify", str(directory), "--target", "s390x", "--cache-dir", str(tmp_path / "cache")]) == 21
    assert main(["verify", str(directory), "--cache-dir", str(tmp_path / "cache"), "--runtime", "pico"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: for which target is app?\n"
        "  usual cause: its name has none of a target's names in it, or those of several, "
        "and no build record is beside it\n"
        "  what to do:  add --target NAME\n"
    )


def with_record(place: Path, *assumed: str) -> Path:
    """A zip whose name names no target, and the record of it."""
    program = place / "app"
    program.write_bytes(elf_file(ElfSpec(target=find_target("s390x"), needed=("libc.so.6", "libx.so.1"))))
    path = place / "app.zip"
    write_zip(path, [ZipMember(name="app", source=program, mode=0o755)], epoch_s=EARLIEST_ZIP_TIME_S)
    subject = Subject(
        name="app", version="1.0.0", target="s390x", rust_triple="s390x-unknown-linux-gnu", zip_name=path.name,
        zip_size_bytes=path.stat().st_size, zip_sha256=fs.sha256_file(path), deflate="", source_date_epoch_s=0,
        glibc_floor="2.34", files=record.file_records(place, ["app"]), snapshots=(),
        vm=VmRecord(crate="vm", crate_version="1"), lock_sha256="0" * 64, features=(),
        default_features=True, profile="release", assumed_libraries=assumed, toolchain=(), toolchain_digest="",
    )  # fmt: skip
    made = BuildRecord(
        subject=subject, subject_sha256=record.UNSEALED, record_sha256=record.UNSEALED, pipeline_version="1",
        built_at=record.now(), steps=(), findings=(), verdict=Severity.OK,
    )  # fmt: skip
    record.write(place / "app.build-info.json", made)
    return path


def test_the_record_beside_a_zip_says_what_its_users_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = with_record(tmp_path, "libx.so.1")
    arguments = ["verify", "--cache-dir", str(tmp_path / "cache"), str(path)]
    assert main(arguments) == 0
    with_record(tmp_path)
    assert main(arguments) == 21
    assert "needs libx.so.1, which neither the product nor the C library provides" in capsys.readouterr().err
    assert main([*arguments, "--assume-library", "libx.so.1"]) == 0


def test_the_record_of_another_zip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = with_record(tmp_path, "libx.so.1")
    path.write_bytes(path.read_bytes() + b"changed")
    assert main(["verify", "--cache-dir", str(tmp_path / "cache"), str(path)]) == 21
    assert "fail record.zip app.zip: zip_size_bytes is " in one_line(capsys.readouterr().err)


def one_line(text: str) -> str:
    """Return a text without the breaks and the columns of a table."""
    return " ".join(text.split())


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "/nowhere.zip"]) == 2
    assert "error: /nowhere.zip does not exist\n" in capsys.readouterr().err


def test_an_image_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--offline", "docker://debian:12"]) == 11
    said = "error: docker.io/library/debian:12 is in a registry, which cannot be reached with --offline\n"
    assert said in capsys.readouterr().err


def test_the_target_is_found_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app"
    path.write_bytes(elf_file(ElfSpec(target=find_target("s390x"), needed=("libc.so.6", "libx.so.1"))))
    arguments = ["verify", "--json", "--cache-dir", str(tmp_path / "cache"), str(path)]
    assert main(arguments) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["kind"], file["targets"], file["verdict"]) == ("file", ["s390x"], "ok")
    assert main([*arguments, "--complete"]) == 21
    assert main([*arguments, "--assume-library", "libx.so.1"]) == 0
    assert main([*arguments, "--glibc", "2.17"]) == 21


def test_no_error_without_a_failure() -> None:
    assert verification_error((OK,), listed=False) is None


def test_the_error_of_failed_checks() -> None:
    message = (
        "error: 1 check failed\n"
        "  usual cause: the product is not what it should be; docs/verify.md explains each check\n"
        "  what to do:  do not ship it; build again with --verbose to see how it was made"
    )
    assert str(verification_error((OK, FAIL), listed=True)) == message
    assert str(verification_error((OK, FAIL), listed=False)) == f"elf.machine: bin/app: is x86-64\n\n{message}"


def test_the_verifier_is_tested_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = make_product(tmp_path)
    arguments = ["verify", "--json", "--static-only", "--self-test", "--cache-dir", str(tmp_path / "cache")]
    assert main([*arguments, str(product.zip_path)]) == 0
    written = capsys.readouterr()
    (matrix,) = json.loads(written.out)["self_test"]["matrices"]
    assert [row["outcome"] for row in matrix["rows"]].count("rejected") == 10
    assert "older table of references" in written.err
    assert "app-1.0.0-linux-arm64.zip: app, V8 10.2.154.26-node.37, arm64" in written.err


@pytest.mark.parametrize(("declared", "exit_code"), [("both", 21), ("one", 0), ("by option", 21)])
def test_products_of_one_generation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], declared: str, exit_code: int
) -> None:
    """Two zips with different snapshots: a failure where one generation was declared."""
    one, two = make_product(tmp_path / "one"), make_product(tmp_path / "two", made=OTHER_GENERATION)
    if declared != "both":
        two.tamper(lambda document: document["subject"].update(generation_sha256="1" * 64))
    options = ("--one-generation",) if declared == "by option" else ()
    arguments = ["verify", "--static-only", "--cache-dir", str(tmp_path / "cache"), *options]
    assert main([*arguments, str(one.zip_path), str(two.zip_path)]) == exit_code
    said = one_line(capsys.readouterr().err)
    name = "app-1.0.0-linux-arm64.zip"
    failure = f"fail record.generation snap/snapshot.bin: differs between {name} and {name}, of one generation"
    assert (failure in said) is (exit_code == 21)


def test_what_has_no_snapshot_cannot_test_the_verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = with_record(tmp_path, "libx.so.1")
    assert main(["verify", "--static-only", "--self-test", "--cache-dir", str(tmp_path / "cache"), str(path)]) == 2
    assert capsys.readouterr().err.endswith(
        "error: app.zip holds no V8 snapshot of an embedder: there is nothing to test the verifier with\n"
        "  usual cause: a program without V8, one that keeps its snapshot packed, or one whose snapshots are damaged\n"
        "  what to do:  leave --self-test out for it\n"
    )


def test_the_error_of_a_verifier_that_was_fooled() -> None:
    def row(outcome: Outcome) -> SelfTestRow:
        return SelfTestRow(variant="x", expected=("v8.version",), failed=(), outcome=outcome)

    def report(*outcomes: Outcome) -> SelfTestReport:
        matrix = SelfTest(
            product="app.zip", file="app", offset=0, target="arm64", v8_version="1", by_record=False,
            rows=tuple(map(row, outcomes)),
        )  # fmt: skip
        return SelfTestReport(matrices=(matrix,))

    assert self_test_error(report(*(set(Outcome) - {Outcome.ACCEPTED, Outcome.REFUSED}))) is None
    assert str(self_test_error(report(Outcome.REJECTED, Outcome.ACCEPTED, Outcome.REFUSED))) == (
        "app.zip: x: ACCEPTED\n"
        "app.zip: x: REFUSED\n"
        "\n"
        "error: the verifier was fooled 2 times\n"
        "  usual cause: a way of being wrong that it does not know, or one that this product's layout hides\n"
        "  what to do:  do not rely on its verdict about this product; report it with the table above"
    )


def test_programs_of_an_image_in_a_registry_are_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "registry.example/app:1", "--runtime", "app"]) == 2
    assert capsys.readouterr().err == (
        "error: registry.example/app:1 is not on this machine, so that nothing in it can be run\n"
        "  usual cause: a misspelt path; or an image in a registry, whose programs are only looked at\n"
        "  what to do:  correct the path, or leave --runtime out\n"
    )
