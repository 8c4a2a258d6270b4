"""apt's messages, as apt 2.6 printed them, and the errors that they become."""

from __future__ import annotations

import pytest

from pipeline.apt import failures
from pipeline.errors import (
    DiskFullError,
    IntegrityError,
    NetworkError,
    NotWritableError,
    PipelineError,
    ToolboxError,
)
from pipeline.processes import proc


def ended(said: str, *, timed_out: bool = False) -> proc.Completed:
    return proc.Completed(
        exit_code=100,
        stdout=b"",
        stderr=said.encode(),
        duration_s=1,
        cpu_s=0,
        peak_memory_bytes=0,
        timed_out=timed_out,
    )


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("E: Failed to fetch http://m/x  Temporary failure resolving 'm'", NetworkError),
        ("E: Failed to fetch http://m/x  Could not connect to m:80. - connect (111: refused)", NetworkError),
        ("E: Failed to fetch http://m/x  Hash Sum mismatch\n   Hashes of expected file:", IntegrityError),
        ("E: Failed to fetch http://m/x  File has unexpected size (3 != 4). Mirror sync", IntegrityError),
        ("W: GPG error: http://m bookworm InRelease: NO_PUBKEY 0E98404D386FA1D9", IntegrityError),
        ("E: The repository 'http://m bookworm InRelease' is not signed.", IntegrityError),
        ("E: The repository 'http://m/debian buster Release' does not have a Release file.", ToolboxError),
        ("E: Release file for http://m/dists/x/InRelease is expired (invalid since 3d 1h).", IntegrityError),
        ("E: Unable to locate package libnodd-dev", ToolboxError),
        ("E: Version '1.0' for 'rustc-web' was not found", ToolboxError),
        ("E: Package 'foo' has no installation candidate", ToolboxError),
        ("E: Failed to fetch x  Error writing to file - write (28: No space left on device)", DiskFullError),
        ("W: chmod 0700 of directory failed (30: Read-only file system)", NotWritableError),
        ("E: Could not open file - open (13: Permission denied)", NotWritableError),
        ("E: Unable to correct problems, you have held broken packages.", ToolboxError),
    ],
)  # fmt: skip
def test_each_message_has_its_class(said: str, kind: type[PipelineError]) -> None:
    error = failures.explain(ended(said), doing="fetch x")
    assert type(error) is kind
    assert "fetch x" in error.what or kind is ToolboxError


def test_a_timeout_is_the_networks_fault() -> None:
    assert isinstance(failures.explain(ended("", timed_out=True), doing="fetch x"), NetworkError)


@pytest.mark.parametrize(
    "said",
    [
        "E: Unable to locate package foo",
        "E: Version '1.0' for 'foo' was not found",
        "E: Package 'foo' has no installation candidate",
        "E: Package foo has no installation candidate",
    ],
)
def test_the_unknown_package_is_named(said: str) -> None:
    error = failures.explain(ended(said), doing="resolve packages for arm64")
    assert error.what == "there is no package 'foo': cannot resolve packages for arm64"


def test_the_reason_fits_into_a_sentence() -> None:
    said = "E: Failed to fetch http://m/dists/x/Packages  Hash Sum mismatch\n   Hashes of expected file:\nE: Some index"
    assert failures.reason(ended(said)) == "Hash Sum mismatch"
    assert failures.reason(ended("")) == "no reason given"


def test_a_mismatch_is_worth_trying_again_and_a_dead_mirror_is_not() -> None:
    assert failures.is_unreachable(ended("Could not connect to m:80"))
    assert not failures.is_unreachable(ended("Hash Sum mismatch"))
