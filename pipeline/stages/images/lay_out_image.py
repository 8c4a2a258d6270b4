"""Lay out the build context of images: what a Dockerfile copies, for every platform, from finished builds."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.images.design import (
    COMMON_DIR,
    ENTRYPOINT_PATH,
    FILE_TIME_S,
    LIBC_DIR,
    OWNED_DIR,
    PRODUCT_DIR,
    SCRATCH_DIR,
    SCRATCH_TMP_DIR,
    Design,
    entrypoint_script,
    platform_dir,
    scratch_files,
)
from pipeline.images.place import check_programs, place_libc, place_product
from pipeline.model.target import find_target
from pipeline.packing import zips
from pipeline.releasing.builds import FinishedBuild
from pipeline.releasing.origins import origin_of
from pipeline.sbom.spdx import spdx

_SECOND_NS = 1_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextInputs:
    """What goes into the images, and where the context comes to lie."""

    designs: tuple[Design, ...]
    """Of one runtime."""
    builds: tuple[FinishedBuild, ...]
    sysroots: Mapping[str, Path]
    """Roots with the C library, by the target's name; for targets whose images need none of it there is none."""
    context_dir: Path
    inits: Mapping[str, Mapping[str, Path]] = dataclasses.field(default_factory=dict)
    """Files of process 1 by their paths in an image, by the target's name; none where the program is that itself."""


def run(inputs: ContextInputs, context: Context) -> Path:
    """Write the context, which is whole or not there, and return it. One that was made here before is replaced.

    Raises ImageError for a program of another architecture, PackageError for a library that the sysroot lacks,
    ArchiveError, DiskFullError, NotWritableError.
    """
    with context.reporter.step("lay out images") as step, fs.atomic_directory(inputs.context_dir) as staging:
        _common(inputs, staging)
        for build in inputs.builds:
            _platform(inputs, build, staging)
        _settle(staging)
        step.detail(f"{len(inputs.builds)} platforms")
    return inputs.context_dir


def _common(inputs: ContextInputs, staging: Path) -> None:
    for design in inputs.designs:
        for name in design.owned_directories:
            (staging / OWNED_DIR / name[1:]).mkdir(parents=True, exist_ok=True)
        for name in design.parent_directories:
            (staging / (COMMON_DIR if design.has_base else SCRATCH_DIR) / name).mkdir(parents=True, exist_ok=True)
        if design.has_base:
            _write(staging / COMMON_DIR / ENTRYPOINT_PATH, entrypoint_script(design), mode=0o755)
        else:
            for name, text in scratch_files(design).items():
                _write(staging / SCRATCH_DIR / name, text, mode=0o644)
            (staging / SCRATCH_DIR / SCRATCH_TMP_DIR).mkdir()


def _write(path: Path, text: str, *, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _settle(staging: Path) -> None:
    """Give everything the mode and the time that it has in an image: the umask's, and now, would be copied."""
    for path in (*staging.rglob("*"), staging):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o1777 if path == staging / SCRATCH_DIR / SCRATCH_TMP_DIR else 0o755)
        time_ns = FILE_TIME_S * _SECOND_NS + (_fraction_ns(path) if path.is_file() and not path.is_symlink() else 0)
        os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)


def _fraction_ns(path: Path) -> int:
    """Return a part of a second by which a file's content shows in its time.

    BuildKit sends a file again that has another size or time than the last one of that name; layers have whole seconds.
    """
    return int(fs.sha256_file(path), 16) % _SECOND_NS


def _platform(inputs: ContextInputs, build: FinishedBuild, staging: Path) -> None:
    target = find_target(build.subject.target)
    place = staging / platform_dir(target)
    place.mkdir()
    design = inputs.designs[0]
    with tempfile.TemporaryDirectory(prefix=".product-", dir=staging) as scratch:
        tree = Path(scratch) / "tree"
        zips.extract_zip(build.zip_path, tree)
        programs = check_programs(tree, target)
        if target.name in inputs.sysroots:
            place_libc(programs, place / LIBC_DIR, sysroot=inputs.sysroots[target.name], target=target)
        place_product(tree, place / PRODUCT_DIR, runtime=design.runtime, program=design.program)
    for name, source in inputs.inits.get(target.name, {}).items():
        (place / PRODUCT_DIR / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place / PRODUCT_DIR / name)
    _write(place / PRODUCT_DIR / design.materials_path, spdx(build.components, origin_of(build)), mode=0o644)
