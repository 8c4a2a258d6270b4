"""Make the files of a release from those of an earlier one and a delta."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, ReleaseError
from pipeline.model.releases.manifest import MANIFEST_NAME, Delta, DeltaContent, ReleaseManifest
from pipeline.packing import delta, tarball
from pipeline.releasing.directory import check_asset, read_manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApplyInputs:
    """What is made from what."""

    old: Path
    """The program, or the tar (``.tar``, or ``.tar.zst`` as it was published)."""
    delta: Path
    new: Path
    """Appears whole or not at all."""
    manifest: Path | None = None
    """``release.json`` of the new release; None: the one beside the delta."""


def run(inputs: ApplyInputs, context: Context) -> Delta:
    """Write the new file and return what the manifest says about the delta.

    Raises IntegrityError when a file is not what the manifest says, ArchiveError for damaged ones, ReleaseError when
    the manifest does not know the delta.
    """
    entry = _entry(inputs)
    with context.reporter.step(f"apply {inputs.delta.name}") as step:
        check_asset(inputs.delta.parent, entry.asset)
        old = _old(inputs, entry)
        new = delta.apply(entry.format, old, inputs.delta.read_bytes(), new_bytes=entry.new_size_bytes)
        if hashlib.sha256(new).hexdigest() != entry.new_sha256:
            raise IntegrityError(
                f"{inputs.delta.name} does not lead to what the manifest says",
                cause="the delta was made wrongly, or the manifest is of another release",
                action="take the whole file of the release, and report it",
            )
        with fs.atomic_path(inputs.new) as temporary:
            temporary.write_bytes(new)
            temporary.chmod(inputs.old.stat().st_mode & 0o777)
        step.detail(f"{len(new):,} bytes, sha256 {entry.new_sha256[:12]}")
    return entry


def _entry(inputs: ApplyInputs) -> Delta:
    manifest = read_manifest(inputs.manifest or inputs.delta.with_name(MANIFEST_NAME))
    for entry in _deltas(manifest):
        if entry.asset.name == inputs.delta.name:
            return entry
    known = ", ".join(entry.asset.name for entry in _deltas(manifest)) or "none"
    raise ReleaseError(
        f"the release {manifest.tag} has no delta {inputs.delta.name}",
        cause="the file was renamed, or is of another release",
        action=f"give one of those that it has: {known}",
    )


def _deltas(manifest: ReleaseManifest) -> list[Delta]:
    return [entry for product in manifest.products for entry in product.deltas]


def _old(inputs: ApplyInputs, entry: Delta) -> bytes:
    if inputs.old.name.endswith(".zst") and entry.content is DeltaContent.TAR:
        with tempfile.TemporaryDirectory(prefix="snapstitch-") as scratch:
            unpacked = Path(scratch) / "old.tar"
            tarball.unpack_zstd(inputs.old, unpacked, max_bytes=entry.old_size_bytes)
            old = unpacked.read_bytes()
    else:
        old = inputs.old.read_bytes() if inputs.old.stat().st_size == entry.old_size_bytes else b""
    if hashlib.sha256(old).hexdigest() != entry.old_sha256:
        what = "the program" if entry.content is DeltaContent.PROGRAM else "the tar"
        raise IntegrityError(
            f"{inputs.old} is not {what} of {entry.old_tag} ({entry.old_version})",
            cause=f"{inputs.delta.name} leads from exactly these bytes: another version, or a file that was changed",
            action="take the delta from the version that you have, or the whole file of the release",
        )
    return old
