"""Made-up prebuilds for the tests of what is done with them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildFile, PrebuildKind, PrebuildManifest
from pipeline.model.prebuilds.name import PrebuildName
from pipeline.prebuilding.layout import Collected


def collected(directory: Path, **libcs: str) -> Collected:
    """Return addons of bcrypt 6.0.0 for these CPUs, each with a C library (or none), with files below *directory*."""
    prebuilds, files = [], {}
    for arch, libc in sorted(libcs.items()):
        content = f"{arch} {libc}".encode()
        place = PrebuildName(
            kind=PrebuildKind.NODE_ADDON,
            name="bcrypt",
            platform="linux" if libc else "darwin",
            arch=arch,
            libc=Libc(libc) if libc else None,
        )
        path = directory / "compiled" / arch / "bcrypt_lib.node"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        file = PrebuildFile(path=place.path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        files[place.path] = path
        prebuilds.append(
            Prebuild(
                kind=place.kind,
                name=place.name,
                platform=place.platform,
                arch=arch,
                libc=place.libc,
                node_api=8,
                path=place.path,
                files=(file,),
            )
        )
    return Collected(name="bcrypt", version="6.0.0", prebuilds=tuple(prebuilds), files=files)


def manifest_of(part: Collected) -> PrebuildManifest:
    """Return the manifest of *part*."""
    return PrebuildManifest(
        schema_version=1,
        name=part.name,
        version=part.version,
        source_date_epoch_s=0,
        pipeline_version="0",
        prebuilds=part.prebuilds,
    )
