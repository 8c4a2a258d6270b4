"""A compiled file as a candidate: its name says for what it is, and the file itself how large it is."""

from __future__ import annotations

from pathlib import Path

from pipeline import fs
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildFile, PrebuildKind, Probe
from pipeline.model.prebuilds.name import PrebuildName


def describe(
    path: Path,
    place: PrebuildName,
    *,
    libc_floor: str | None,
    libraries: tuple[str, ...] = (),
    node_api: int | None = None,
    probe: Probe | None = None,
) -> Prebuild:
    """Return the candidate that the file *path* is at its *place* in a package."""
    file = PrebuildFile(
        path=place.path,
        size_bytes=path.stat().st_size,
        sha256=fs.sha256_file(path),
        executable=place.kind is PrebuildKind.EXECUTABLE,
    )
    return Prebuild(
        kind=place.kind,
        name=place.name,
        platform=place.platform,
        arch=place.arch,
        libc=place.libc,
        libc_floor=libc_floor,
        arm_version=place.arm_version,
        node_api=node_api,
        node_abi=place.node_abi,
        libraries=libraries,
        path=place.path,
        files=(file,),
        probe=probe,
    )
