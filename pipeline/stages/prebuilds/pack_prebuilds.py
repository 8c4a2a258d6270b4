"""Lay out prebuilds, and pack them: archives with an index, and packages for npm."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PrebuildError
from pipeline.model.prebuilds.manifest import INDEX_SUFFIX, Archive, ArchiveFormat, Prebuild, PrebuildManifest
from pipeline.model.prebuilds.name import DIRECTORY
from pipeline.model.prebuilds.result import NpmPackageFile
from pipeline.model.spec.prebuilds import NpmOutput, Style
from pipeline.packing import tarball, zips
from pipeline.packing.compression import Packing
from pipeline.prebuilding.layout import Collected, write_layout
from pipeline.prebuilding.npm_packages import NpmInputs, write_packages
from pipeline.sources import npm

NPM_DIR = "npm"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackInputs:
    """What is packed, and where it goes."""

    collected: Collected
    out_dir: Path
    """Replaced as a whole."""
    epoch_s: int
    npm: npm.Npm
    output: NpmOutput | None = None
    source: Path | None = None
    """Root of the sources, for packages of npm."""
    loader: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackedPrebuilds:
    """What was written."""

    directory: Path
    manifest: PrebuildManifest
    index: Path
    archives: tuple[Path, ...]
    packages: tuple[NpmPackageFile, ...]


def run(inputs: PackInputs, context: Context) -> PackedPrebuilds:
    """Write all of it; the directory appears whole or stays as it was.

    Raises PrebuildError when npm or the sources refuse, DiskFullError, NotWritableError.
    """
    collected = inputs.collected
    manifest = PrebuildManifest(
        schema_version=1,
        name=collected.name,
        version=collected.version,
        source_date_epoch_s=inputs.epoch_s,
        pipeline_version=pipeline.__version__,
        prebuilds=tuple(prebuild.model_copy(update={"archives": ()}) for prebuild in collected.prebuilds),
    )
    final = inputs.out_dir
    with fs.atomic_directory(final) as staging:
        write_layout(staging, manifest, collected.files)
        index = _write_archives(inputs, manifest, staging, context)
        packages = _write_npm(inputs, manifest, staging, context) if inputs.output else ()
    return PackedPrebuilds(
        directory=final,
        manifest=manifest,
        index=final / index_name(collected),
        archives=tuple(final / packed.name for prebuild in index.prebuilds for packed in prebuild.archives),
        packages=tuple(dataclasses.replace(p, path=final / p.path.relative_to(staging)) for p in packages),
    )


def index_name(collected: Collected) -> str:
    """Return the file name of the index."""
    return f"{_file_stem(collected)}{INDEX_SUFFIX}"


def _file_stem(collected: Collected) -> str:
    return f"{collected.name.removeprefix('@').replace('/', '-')}-{collected.version}"


def _write_archives(
    inputs: PackInputs, manifest: PrebuildManifest, staging: Path, context: Context
) -> PrebuildManifest:
    prebuilds = tuple(
        prebuild.model_copy(update={"archives": _archives(inputs, prebuild, staging, context)})
        for prebuild in manifest.prebuilds
    )
    index = manifest.model_copy(update={"prebuilds": prebuilds})
    fs.write_text(staging / index_name(inputs.collected), index.to_json())
    return index


def _archives(inputs: PackInputs, prebuild: Prebuild, staging: Path, context: Context) -> tuple[Archive, ...]:
    stem = f"{_file_stem(inputs.collected)}-{_place(prebuild, inputs.collected)}"
    members = [
        (file.path, inputs.collected.files[file.path], 0o755 if file.executable else 0o644) for file in prebuild.files
    ]
    tar, zipped = staging / f"{stem}.tar.zst", staging / f"{stem}.zip"
    tarball.write_tar(
        tar,
        [tarball.TarMember(name=name, content=path, mode=mode) for name, path, mode in sorted(members)],
        mtime_s=inputs.epoch_s,
    )
    zips.write_zip(
        zipped,
        [zips.ZipMember(name=name, source=path, mode=mode) for name, path, mode in members],
        epoch_s=inputs.epoch_s,
        jobs=context.jobs,
    )
    return (
        _archive(tar, ArchiveFormat.TAR_ZST, Packing().flavour),
        _archive(zipped, ArchiveFormat.ZIP, zips.deflate_flavour()),
    )


def _archive(path: Path, archive_format: ArchiveFormat, packing: str) -> Archive:
    return Archive(
        name=path.name,
        format=archive_format,
        size_bytes=path.stat().st_size,
        sha256=fs.sha256_file(path),
        packing=packing,
    )


def _place(prebuild: Prebuild, collected: Collected) -> str:
    """Return the part of an archive's name that tells it from others: the path, as short as it can be."""
    words = [prebuild.platform, prebuild.arch, prebuild.libc.value if prebuild.libc else ""]
    words += [f"abi{prebuild.node_abi}" if prebuild.node_abi else ""]
    names = {other.name for other in collected.prebuilds}
    words += [prebuild.name.replace("/", "+")] if len(names) > 1 else []
    return "-".join(word for word in words if word)


def _write_npm(
    inputs: PackInputs, manifest: PrebuildManifest, staging: Path, context: Context
) -> tuple[NpmPackageFile, ...]:
    output = inputs.output
    if output is None:
        return ()
    made: list[NpmPackageFile] = []
    for style in output.styles:
        trees = staging / f".{style}"
        npm_inputs = NpmInputs(
            output=output,
            source=inputs.source,
            manifest=manifest,
            files=inputs.collected.files,
            loader=inputs.loader,
        )
        made += [_pack(inputs, style, tree, staging, context) for tree in write_packages(npm_inputs, style, trees)]
        fs.write_text(trees / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)
        fs.remove_tree(trees)
    _warn_of_size(output, made, context)
    return tuple(made)


def _pack(inputs: PackInputs, style: Style, tree: Path, staging: Path, context: Context) -> NpmPackageFile:
    packed = npm.pack(tree, staging / NPM_DIR / style, inputs.npm, context)
    wanted = {path.relative_to(tree).as_posix() for path in (tree / DIRECTORY).rglob("*") if path.is_file()}
    if left_out := sorted(wanted - set(packed.files)):
        raise PrebuildError(
            f"npm leaves {left_out[0]} out of the package",
            cause="an .npmignore of the sources, or `files` in their package.json",
            action="correct it by `npm.package-json` (or `npm.edits`) in releases.toml",
        )
    return NpmPackageFile(
        style=style, path=packed.path, size_bytes=packed.size_bytes, unpacked_bytes=packed.unpacked_bytes
    )


def _warn_of_size(output: NpmOutput, packages: list[NpmPackageFile], context: Context) -> None:
    whole = next((package for package in packages if package.style == "one"), None)
    if whole and whole.unpacked_bytes > output.size_budget_mb * 1e6:
        context.reporter.warn(
            f"the package {whole.path.name} unpacks to {whole.unpacked_bytes / 1e6:.1f} MB, more than the "
            f"{output.size_budget_mb:g} MB of `size-budget-mb`: whoever installs it gets the files of every platform; "
            "the packages of style `split` have one each"
        )
