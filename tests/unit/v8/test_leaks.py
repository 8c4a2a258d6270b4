"""What snapshots give away about the machine that made them."""

from __future__ import annotations

import struct

import pytest

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import Target, find_target
from pipeline.v8.blob import parse
from pipeline.v8.leaks import Leaks, check_leaks, find_leaks, sidecar_end
from tests.unit.v8.blobs import BlobSpec, blob

ARM64 = find_target("arm64")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"..aarch64-unknown-linux-gnu..", Leaks(triples=("aarch64-unknown-linux-gnu",))),
        (b"armv7-unknown-linux-gnueabihf", Leaks(triples=("armv7-unknown-linux-gnueabihf",))),
        (b"-unknown-linux-gnu mips-unknown-linux-gnu", Leaks()),
        (b"\0/home/ann/src/app/main.js\0", Leaks(homes=("/home/ann/src/app/main.js",))),
        (b"C:\\Users\\Ann", Leaks(homes=(":\\Users\\Ann",))),
        (b"/tmp/x1/wheel/a", Leaks(build_paths=("/tmp/x1/wheel/a",))),
        (b"/usr/lib/x /home/ /tmp/", Leaks()),
    ],
)
def test_what_is_found(content: bytes, expected: Leaks) -> None:
    assert find_leaks(content, 0, len(content)) == expected


def test_what_the_embedder_appended_belongs_to_it() -> None:
    for contexts, appended in ((2, 500), (1, 0)):
        data = blob(BlobSpec(contexts=contexts))
        whole = data + b"s" * 500 + struct.pack("<Q", len(data)) + b"more"
        found = parse(whole)
        assert found is not None
        assert sidecar_end(whole, found) == found.end + appended


@pytest.mark.parametrize(
    ("triples", "target", "severity", "agreement", "message"),
    [
        (
            ("aarch64-unknown-linux-gnu",), ARM64, Severity.OK, Agreement.MATCH,
            "names the triple aarch64-unknown-linux-gnu, as its program is",
        ),
        (
            ("x86_64-unknown-linux-gnu",), ARM64, Severity.FAIL, Agreement.MISMATCH,
            ("names the triple x86_64-unknown-linux-gnu, but its program is for aarch64-unknown-linux-gnu:"
            " it was made for a build host"),
        ),
        (
            ("x86_64-unknown-linux-gnu",), None, Severity.INFO, Agreement.UNKNOWN,
            "names the triple x86_64-unknown-linux-gnu",
        ),
        (
            ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"), ARM64, Severity.INFO, Agreement.UNKNOWN,
            "names the triple aarch64-unknown-linux-gnu and x86_64-unknown-linux-gnu",
        ),
    ],
)  # fmt: skip
def test_triples(
    triples: tuple[str, ...], target: Target | None, severity: Severity, agreement: Agreement, message: str
) -> None:
    (finding,) = check_leaks(Leaks(triples=triples), subject="app", offset=7, target=target, shipped=False)
    assert finding == Finding(
        id="v8.triple", severity=severity, subject="app", offset=7, message=message, agreement=agreement,
        evidence={"triples": triples},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shipped", "severity", "hint"),
    [
        (True, Severity.FAIL, "let the generator use paths relative to the workspace, or remap them"),
        (False, Severity.INFO, ""),
    ],
)
def test_home_directories_must_not_be_shipped(shipped: bool, severity: Severity, hint: str) -> None:
    leaks = Leaks(homes=("/home/ann/x",), build_paths=("/tmp/a/b",))
    (finding,) = check_leaks(leaks, subject="app", offset=9, target=ARM64, shipped=shipped)
    assert finding == Finding(
        id="v8.paths", severity=severity, subject="app", offset=9, hint=hint,
        message="names paths of the machine that made it: /home/ann/x, /tmp/a/b",
        evidence={"homes": ("/home/ann/x",), "build_paths": ("/tmp/a/b",)},
    )  # fmt: skip


def test_directories_that_builds_use_may_be_shipped() -> None:
    (built,) = check_leaks(Leaks(build_paths=("/tmp/a/b",)), subject="app", offset=0, target=ARM64, shipped=True)
    assert (built.severity, built.hint) == (Severity.INFO, "")


def test_one_finding_for_each_kind() -> None:
    leaks = Leaks(triples=("aarch64-unknown-linux-gnu",), homes=("/home/ann/x",))
    found = check_leaks(leaks, subject="app", offset=9, target=ARM64, shipped=False)
    assert [(finding.id, finding.offset) for finding in found] == [("v8.triple", 9), ("v8.paths", 9)]
    assert list(check_leaks(Leaks(), subject="app", offset=9, target=ARM64, shipped=True)) == []
