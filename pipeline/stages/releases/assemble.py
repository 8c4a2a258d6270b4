"""Make the files of a release from one finished build: zip, tar, record, bills of materials."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

from pipeline import fs, record
from pipeline.context import Context
from pipeline.errors import IntegrityError
from pipeline.model.record import FileRecord, Subject
from pipeline.model.releases.asset import Asset, AssetKind, SnapshotDigest
from pipeline.model.releases.manifest import Product
from pipeline.model.target import find_target
from pipeline.packing import tarball, zips
from pipeline.packing.compression import Packing
from pipeline.releasing.builds import FinishedBuild
from pipeline.releasing.directory import describe
from pipeline.releasing.origins import origin_of
from pipeline.report.page import PAGE_SUFFIX, render_page
from pipeline.sbom.cyclonedx import cyclonedx
from pipeline.sbom.spdx import spdx

TAR_SUFFIX = ".tar.zst"
CYCLONEDX_SUFFIX = ".cdx.json"
"""https://cyclonedx.org/specification/overview/#recognized-file-patterns"""
SPDX_SUFFIX = ".spdx.json"
"""https://spdx.github.io/spdx-spec/v2.3/conformance/"""
TAR_LEVEL = 19


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssembleInputs:
    """A build, and where the release comes to lie."""

    build: FinishedBuild
    release_dir: Path


def run(inputs: AssembleInputs, context: Context) -> Product:
    """Write the files and return the product's entry of the manifest.

    Raises IntegrityError when zip or tar do not hold what the record says, ArchiveError, DiskFullError.
    """
    build, directory = inputs.build, inputs.release_dir
    with (
        context.reporter.step(f"assemble {build.stem}") as step,
        tempfile.TemporaryDirectory(prefix="snapstitch-") as scratch,
    ):
        tree = Path(scratch) / "zip"
        zips.extract_zip(build.zip_path, tree)
        _check(build.zip_path, tree, build.subject.files)
        tar = _write_tar(inputs, context, tree)
        again = Path(scratch) / "tar"
        again.mkdir()
        tarball.extract_tar(directory / tar.name, again)
        _check(directory / tar.name, again, build.subject.files)
        assets = (_copy_zip(inputs), tar, *_record(inputs), *_documents(inputs))
        step.detail(", ".join(f"{asset.name.removeprefix(build.stem)} {asset.size_bytes:,}" for asset in assets[:2]))
    return _product(build.subject, build.record.subject_sha256, assets)


def _write_tar(inputs: AssembleInputs, context: Context, tree: Path) -> Asset:
    packing = Packing(level=TAR_LEVEL, threads=context.jobs or os.cpu_count() or 1)
    members = (
        tarball.TarMember(
            name=file.path,
            content=tree / file.path,
            mode=0o755 if (tree / file.path).stat().st_mode & 0o100 else 0o644,
        )
        for file in inputs.build.subject.files
    )
    path = inputs.release_dir / f"{inputs.build.stem}{TAR_SUFFIX}"
    tarball.write_tar(path, members, packing=packing, mtime_s=inputs.build.subject.source_date_epoch_s)
    return describe(path, AssetKind.TAR, packing=packing.flavour)


def _check(path: Path, tree: Path, expected: tuple[FileRecord, ...]) -> None:
    """See that an archive, unpacked to *tree*, holds the files that were recorded, byte for byte."""
    names = (file.relative_to(tree).as_posix() for file in tree.rglob("*") if file.is_file())
    found = record.file_records(tree, names)
    if found != tuple(sorted(expected, key=lambda file: file.path)):
        wrong = sorted({file.path for file in {*found} ^ {*expected}})
        raise IntegrityError(
            f"{path.name} does not hold what its record says: {', '.join(wrong)}",
            cause="the record is of another build, or something changed the files while they were packed",
            action="build again into an empty directory",
        )


def _copy_zip(inputs: AssembleInputs) -> Asset:
    return _copy(inputs, inputs.build.zip_path, AssetKind.ZIP, packing=inputs.build.subject.deflate)


def _copy(inputs: AssembleInputs, source: Path, kind: AssetKind, *, packing: str | None = None) -> Asset:
    final = inputs.release_dir / source.name
    with fs.atomic_path(final) as temporary:
        shutil.copyfile(source, temporary)
    return describe(final, kind, packing=packing)


def _record(inputs: AssembleInputs) -> tuple[Asset, Asset]:
    """Copy the record, and write the page about it anew: one that lies beside it may be of another build."""
    build = inputs.build
    page = inputs.release_dir / f"{build.stem}{PAGE_SUFFIX}"
    fs.write_text(page, render_page(build.record, record_name=build.record_path.name))
    return _copy(inputs, build.record_path, AssetKind.BUILD_INFO), describe(page, AssetKind.REPORT)


def _documents(inputs: AssembleInputs) -> tuple[Asset, Asset]:
    build = inputs.build
    origin = origin_of(build)
    paths = [inputs.release_dir / f"{build.stem}{suffix}" for suffix in (CYCLONEDX_SUFFIX, SPDX_SUFFIX)]
    for path, write in zip(paths, (cyclonedx, spdx), strict=True):
        fs.write_text(path, write(build.components, origin))
    return describe(paths[0], AssetKind.CYCLONEDX), describe(paths[1], AssetKind.SPDX)


def _product(subject: Subject, subject_sha256: str, assets: tuple[Asset, ...]) -> Product:
    return Product(
        name=subject.name,
        version=subject.version,
        target=subject.target,
        rust_triple=subject.rust_triple,
        oci_platform=find_target(subject.target).oci_platform,
        libc_floor=subject.glibc_floor,
        assumed_libraries=subject.assumed_libraries,
        vm_crate=subject.vm.crate,
        vm_crate_version=subject.vm.crate_version,
        v8_version=subject.vm.v8_version,
        snapshots=tuple(
            SnapshotDigest(package=item.package, path=file.path, sha256=file.sha256)
            for item in subject.snapshots
            for file in item.files
        ),
        subject_sha256=subject_sha256,
        files=subject.files,
        assets=assets,
    )
