"""Snapshots from elsewhere: accepted when they are this build's, refused with the reason when not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.errors import StitchError
from pipeline.model.bundle import BundleRequest, Identity
from pipeline.packing.tarball import TarMember
from pipeline.snapshots import bundles
from pipeline.stages.handoff import import_snapshot
from tests.unit.handoffs import IDENTITY, request

OUTCOME = {
    "exit_code": 0, "timed_out": False, "duration_s": 1.5, "cpu_s": 1.0, "way": "namespaces", "out_dir": "/w/out",
    "system": "Linux 6.1", "cpu_model": "aarch64",
}  # fmt: skip


def bundle(path: Path, asked: BundleRequest | None = None, /, **outcome: object) -> Path:
    parts = {
        "request.json": (asked or request()).model_dump_json(),
        "steps/snap-1.0.0/result.json": json.dumps(OUTCOME | outcome),
        "steps/snap-1.0.0/stdout": "", "steps/snap-1.0.0/stderr": "no luck\n", "steps/snap-1.0.0/out/blob": "1",
    }  # fmt: skip
    bundles.write_bundle(path, [TarMember(name=name, content=text.encode()) for name, text in parts.items()])
    return path


def accept(
    tmp_path: Path, identity: Identity = IDENTITY, steps: tuple[str, ...] = ("snap-1.0.0",), **outcome: object
) -> Path:
    inputs = import_snapshot.ImportInputs(
        bundle=bundle(tmp_path / "x.snapshot.tar.zst", **outcome), identity=identity, steps=steps,
        destination=tmp_path / "replay",
    )  # fmt: skip
    return import_snapshot.run(inputs).directory


def refusal(
    tmp_path: Path, identity: Identity = IDENTITY, steps: tuple[str, ...] = ("snap-1.0.0",), **outcome: object
) -> str:
    with pytest.raises(StitchError) as caught:
        accept(tmp_path, identity, steps, **outcome)
    assert not (tmp_path / "replay").exists()
    cause = "sources, options or tools changed since the generator was built, or it is another build's"
    assert caught.value.cause == cause
    assert caught.value.action == "make the generator bundle again, run it, and stitch what it makes"
    prefix, _, why = caught.value.what.partition("cannot be stitched in: ")
    assert prefix == "x.snapshot.tar.zst "
    return why


def test_what_fits_is_unpacked(tmp_path: Path) -> None:
    directory = accept(tmp_path)
    assert (directory / "steps" / "snap-1.0.0" / "out" / "blob").read_text() == "1"


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("target", "s390x", "another target (target: arm64 in the bundle, s390x here)"),
        ("lock_sha256", "a" * 64, f"another Cargo.lock (lock_sha256: {'1' * 12} in the bundle, {'a' * 12} here)"),
        ("features", (), "other features (features: a in the bundle, none here)"),
        ("default_features", False, "other features (default_features: True in the bundle, False here)"),
        ("profile", "dev", "another Cargo profile (profile: release in the bundle, dev here)"),
        ("vm", ("v8 v2.0.0",), "another V8 (vm: v8 v1.0.0 in the bundle, v8 v2.0.0 here)"),
        (
            "vm_provider_sha256", "a" * 64,
            f"a V8 from elsewhere (vm_provider_sha256: {'2' * 12} in the bundle, {'a' * 12} here)",
        ),
        (
            "toolchain_digest", "a" * 64,
            f"other tools or another V8 in the sysroot (toolchain_digest: {'3' * 12} in the bundle, {'a' * 12} here)",
        ),
        (
            "sources_sha256", "a" * 64,
            f"a generator from other sources (sources_sha256: {'4' * 12} in the bundle, {'a' * 12} here)",
        ),
    ],
)  # fmt: skip
def test_another_builds_snapshot(tmp_path: Path, part: str, value: object, why: str) -> None:
    assert refusal(tmp_path, IDENTITY.model_copy(update={part: value})) == f"it was made for {why}"


def test_runs_that_did_not_go_well(tmp_path: Path) -> None:
    assert refusal(tmp_path, exit_code=139) == "the generator of snap-1.0.0 ended with signal SIGSEGV"
    assert refusal(tmp_path, exit_code=137, timed_out=True) == "the generator of snap-1.0.0 did not end in time"


def test_snapshots_of_the_first_round(tmp_path: Path) -> None:
    """They are good for more generators, not for a product."""
    pending = request().model_copy(update={"pending": ("more-1.0.0",)})
    path = bundle(tmp_path / "x.snapshot.tar.zst", pending)
    inputs = import_snapshot.ImportInputs(
        bundle=path, identity=IDENTITY, steps=("snap-1.0.0", "more-1.0.0"), destination=tmp_path / "replay"
    )
    with pytest.raises(StitchError) as caught:
        import_snapshot.run(inputs)
    assert str(caught.value) == (
        "error: x.snapshot.tar.zst is not the last one: the snapshot of more-1.0.0 is not in it\n"
        "  usual cause: that snapshot is made on top of those that are in it\n"
        "  what to do:  give it to `generator --snapshot FILE`, run what that makes, and stitch the result"
    )
    assert import_snapshot.run(dataclasses.replace(inputs, partial=True)).request == pending
    other = dataclasses.replace(inputs, partial=True, steps=("snap-1.0.0", "others-1.0.0"))
    with pytest.raises(StitchError, match=r"it has snapshots of snap-1.0.0, and the build needs others-1\.0\.0"):
        import_snapshot.run(other)


def test_other_packages(tmp_path: Path) -> None:
    why = refusal(tmp_path, steps=("snap-1.0.0", "more-1.0.0"))
    assert why == "it has snapshots of snap-1.0.0, and the build needs more-1.0.0, snap-1.0.0"
