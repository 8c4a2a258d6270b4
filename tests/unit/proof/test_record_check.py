"""A record held against its product: each value that is tampered with gives the right finding."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.findings import Finding, Severity, failed
from pipeline.model.toolchain import Tool, Toolchain
from pipeline.proof.record_check import RecordOrder, check_record
from tests.unit.proof.products import ARM64, OTHER_GENERATION, OWN, Product, make_product

TAMPERED = "does not fit what it stands for: the record was changed after it was written"


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return make_product(tmp_path)


def check(product: Product, *, zipped: bool = True, **given: Any) -> tuple[Finding, ...]:  # noqa: ANN401 - fields of the order
    order = RecordOrder(record_path=product.record_path, **given)
    return check_record(order, product.product_dir, product.zip_path if zipped else None)


def failures(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.id, finding.message) for finding in failed(findings)]


def toolchain(digest: str) -> Toolchain:
    nowhere = Path("/nowhere")
    return Toolchain(
        target=ARM64, cargo=nowhere, env={}, path_dirs=(), sysroot=nowhere, qemu=nowhere, qemu_version="7.2",
        patchelf=nowhere, strip=nowhere, tools=(Tool(name="rustc", version="1.85.0", origin="private"),),
        digest=digest,
    )  # fmt: skip


def test_an_untouched_record_holds(product: Product) -> None:
    findings = check(product, lock=product.lock, generators=(product.generator,))
    assert failures(findings) == []
    assert [(finding.id, finding.severity) for finding in findings] == [
        (name, Severity.OK)
        for name in (
            "record.digest", "record.zip", "record.files", "record.target", "record.glibc", "record.snapshot",
            "record.generation", "record.v8", "record.verdict", "record.generator", "record.lock", "record.packing",
            "record.components",
        )
    ] + [("record.claims", Severity.INFO)]  # fmt: skip
    assert findings[-1].message == (
        "nothing at hand confirms toolchain, toolchain_digest, executor, generation_sha256, patches, features, profile,"
        " assumed_libraries, steps, findings, pipeline_version, built_at; the record's own digest covers them"
    )


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON document that holds neither a list nor a table with something in it."""
    inner: Iterator[tuple[str | int, object]]
    if isinstance(value, dict) and value:
        inner = iter(value.items())
    elif isinstance(value, list) and value:
        inner = iter(enumerate(value))
    else:
        yield path
        return
    for key, child in inner:
        yield from leaves(child, (*path, key))


def test_no_value_can_be_changed_alone(product: Product) -> None:
    """Whatever is changed without computing the digests again: one of them tells."""
    before = product.record_path.read_text()
    places = list(leaves(product.made.model_dump(mode="json")))
    assert len(places) > 60
    untouched = []
    for place in places:
        try:
            product.tamper(functools.partial(change, place=place), seal=False)
        except ValueError:
            continue  # no record any more
        said = failures(check(product, zipped=False))
        if not any(check_id == "record.digest" and TAMPERED in message for check_id, message in said):
            untouched.append(place)
        product.record_path.write_text(before)
    assert untouched == []


def change(document: Any, place: tuple[str | int, ...]) -> None:  # noqa: ANN401 - any JSON
    *parents, last = place
    for key in parents:
        document = document[key]
    document[last] = other(document[last])


def other(value: object) -> object:
    """Another value of the same kind, and of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value:
        return ("0" if value[0] != "0" else "1") + value[1:]
    return "x" if value in (None, "") else ["x"]


DIGEST = "0" * 64


def at(*place: str | int, to: object) -> Callable[[Any], None]:
    def set_value(document: Any) -> None:  # noqa: ANN401 - any JSON
        *parents, last = place
        for key in parents:
            document = document[key]
        document[last] = to

    return set_value


V8_AT = ("subject", "snapshots", 0, "files", 1)
SNAPSHOT = "is in the record, {} in the product"


@pytest.mark.parametrize(
    ("change_it", "expected"),
    [
        (at("subject", "zip_sha256", to=DIGEST), [("record.zip", "zip_sha256 is 0000000000000000…, the zip's is ")]),
        (at("subject", "zip_size_bytes", to=7), [("record.zip", "zip_size_bytes is 7, the zip has ")]),
        (at("subject", "deflate", to="zlib 0"), []),
        (
            at("subject", "source_date_epoch_s", to=1_700_000_100),
            [("record.packing", "packed again with source_date_epoch_s 1700000100 and ")],
        ),
        (at("subject", "files", 0, "sha256", to=DIGEST), [("record.files", "has the digest ")]),
        (at("subject", "files", 0, "size_bytes", to=3), [("record.files", "has ")]),
        (
            at("subject", "files", 0, "path", to="bin/app"),
            [
                ("record.files", "is in the record and not in the product"),
                ("record.files", "is in the product and not in the record"),
            ],
        ),
        (
            at("subject", "target", to="amd64"),
            [("record.target", "rust_triple is aarch64-unknown-linux-gnu, that of amd64 is x86_64-unknown")],
        ),
        (at("subject", "target", to="vax"), [("record.target", "there is no target vax; target is vax, another one ")]),
        (at("subject", "rust_triple", to="x"), [("record.target", "rust_triple is x, that of arm64 is aarch64-")]),
        (at("subject", "glibc_floor", to="2.17"), [("record.glibc", "glibc_floor is 2.17, the files need 2.34")]),
        (
            at(*V8_AT, "sha256", to=DIGEST),
            [
                ("record.snapshot", "the snapshot of the record ("),
                ("record.generation", "holds a snapshot at "),
            ],
        ),
        (at(*V8_AT, "v8", "checksum", to="0x1"), [("record.snapshot", "checksum is 0x1 in the record, 0x")]),
        (at(*V8_AT, "v8", "contexts", to=3), [("record.snapshot", "contexts is 3 in the record, 2 in the product")]),
        (at(*V8_AT, "v8", "magic", to="0xc0de0000"), [("record.snapshot", "magic is 0xc0de0000 in the record, 0x")]),
        (at(*V8_AT, "v8", "version", to="9.1.2.3"), [("record.snapshot", "version is 9.1.2.3 in the record, 10.2.")]),
        (
            at("subject", "vm", "v8_version", to="13.7.1.2"),
            [("record.v8", "v8_version is 13.7.1.2, the snapshots in the product are of 10.2.154.26-node.37")],
        ),
        (at("verdict", to="fail"), [("record.verdict", "verdict is fail, the findings say ok")]),
        (at("subject", "lock_sha256", to=DIGEST), [("record.lock", "lock_sha256 is 0000000000000000…, its ")]),
        (
            at("subject", "components_sha256", to=DIGEST),
            [("record.components", "components_sha256 is 0000000000000000…, its digest ")],
        ),
        (
            at("subject", "snapshots", 0, "generator_sha256", to=DIGEST),
            [("record.generator", "generator_sha256 of snap is 0000000000000000…, the digest of none of them")],
        ),
    ],
)  # fmt: skip
def test_a_value_that_was_changed_with_care(
    product: Product, change_it: Callable[[Any], None], expected: list[tuple[str, str]]
) -> None:
    """The digests were computed again: what the value says about the files does not hold."""
    product.tamper(change_it)
    found = failures(check(product, lock=product.lock, generators=(product.generator,)))
    assert [name for name, _message in found] == [name for name, _message in expected]
    for (_name, message), (_expected, beginning) in zip(found, expected, strict=True):
        assert message.startswith(beginning)


def test_two_generations_in_the_record(product: Product) -> None:
    def double(document: Any) -> None:  # noqa: ANN401 - any JSON
        document["subject"]["snapshots"] *= 2

    product.tamper(double)
    assert failures(check(product)) == [
        ("record.generation", "has 2 snapshots in the record, where one build makes one")
    ]


def test_two_generations_in_the_product(tmp_path: Path) -> None:
    """Two programs, one snapshot declared, another one in the second program."""
    product = make_product(tmp_path, extra={"second": b"\0" * 100 + OTHER_GENERATION})
    ((check_id, message),) = failures(check(product))
    assert check_id == "record.generation"
    assert message == "holds a snapshot at 100 that looks like snapshot.bin and is another one"


def test_v8s_own_snapshot_may_be_there_any_number_of_times(tmp_path: Path) -> None:
    product = make_product(tmp_path, extra={"second": OWN})
    assert failures(check(product)) == []


def test_the_toolbox_of_this_machine(product: Product) -> None:
    recorded = product.made.subject.toolchain_digest
    by_id = {finding.id: finding for finding in check(product, toolchain=toolchain(recorded))}
    assert (by_id["record.toolchain"].severity, by_id["record.executor"].severity) == (Severity.OK, Severity.OK)
    product.tamper(at("executor", "cpu_model", to="max"))
    by_id = {finding.id: finding for finding in check(product, toolchain=toolchain("1" * 64))}
    assert (by_id["record.toolchain"].severity, by_id["record.executor"].severity) == (Severity.INFO, Severity.INFO)
    assert by_id["record.executor"].message == "is not this machine's, 7.2, cortex-a72"


def test_a_record_that_is_none(product: Product) -> None:
    product.record_path.write_text("{}")
    ((check_id, message),) = failures(check(product))
    assert check_id == "record.readable"
    assert "is not a valid build record" in message


def test_a_zip_may_have_another_name(product: Product) -> None:
    product.tamper(at("subject", "zip_name", to="b.zip"))
    found = {finding.id: finding for finding in check(product)}["record.zip"]
    assert (found.severity, found.subject) == (Severity.INFO, "app-1.0.0-linux-arm64.zip")
    assert found.message == "is the zip that the record is about, under another name than b.zip"


def test_a_directory_without_its_zip(product: Product) -> None:
    shutil.rmtree(product.product_dir / "lib")
    findings = check(product, zipped=False)
    assert ("record.files", "is in the record and not in the product") in failures(findings)
    assert next(f for f in findings if f.id == "record.zip").severity is Severity.INFO
