"""Write one index of the zips that somebody else publishes, so that all platforms of a team are pinned at once."""

from __future__ import annotations

import dataclasses
import urllib.parse
from pathlib import Path

from pipeline import fs
from pipeline.errors import InstallError
from pipeline.installing.release_zip import SUFFIX, manifest_of, measured
from pipeline.model.prebuilds.manifest import INDEX_SUFFIX, Prebuild, Probe


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZipIndexInputs:
    """Zips of one version of a project."""

    directory: Path
    """Holds the zips, and gets the index."""
    url: str | None
    """Address below which they lie; None: beside the index."""
    probe: Probe


def run(inputs: ZipIndexInputs) -> Path:
    """Measure each zip, and write the index of those that hold programs for Linux; return it.

    Raises InstallError when none does, or when their programs are not of one project; ArchiveError for a damaged one.
    """
    found: list[Prebuild] = []
    for path in sorted(inputs.directory.glob(f"*{SUFFIX}")):
        address = urllib.parse.urljoin(inputs.url.rstrip("/") + "/", path.name) if inputs.url else None
        found += measured(path, address=address, probe=inputs.probe)
    # Path and C library are what tells candidates apart for those who choose.
    places = {(prebuild.path, prebuild.libc) for prebuild in found}
    if not found or len(places) < len(found):
        raise InstallError(
            f"no index can be made of the zips in {inputs.directory}: "
            + ("two are for the same machines" if found else "none has a program for Linux"),
            cause="zips of several versions or variants in one directory, or of other systems only",
            action="give a directory with one zip for each machine",
        )
    manifest = manifest_of(found[0].name, inputs.url or str(inputs.directory), tuple(found))
    path = inputs.directory / f"{manifest.name}-{manifest.version}{INDEX_SUFFIX}"
    fs.write_text(path, manifest.to_json())
    return path
