"""Pack a product into a zip whose bytes depend on the product only, with its SHA-256 beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PackageError
from pipeline.packing import zips


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackageInputs:
    """What is packed, what it is called, and where it goes."""

    product_dir: Path
    zip_path: Path
    source_date_epoch_s: int = zips.EARLIEST_ZIP_TIME_S
    """Time of all files in the zip, in seconds since 1970 (https://reproducible-builds.org/specs/source-date-epoch/)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed:
    """The zip."""

    path: Path
    size_bytes: int
    sha256: str
    checksum_path: Path
    """Holds the digest as ``sha256sum -c`` reads it."""
    members: tuple[str, ...]
    deflate: str
    """Which implementation and settings packed it: others make other bytes of equal content."""


def run(inputs: PackageInputs, context: Context) -> Packed:
    """Write the zip, and beside it a file with its digest, named like it with ``.sha256`` at the end.

    Raises PackageError when the product is empty or cannot be packed, DiskFullError, NotWritableError.
    """
    members = _members(inputs)
    path = inputs.zip_path
    zips.write_zip(path, members, epoch_s=inputs.source_date_epoch_s, jobs=context.jobs)
    digest = fs.sha256_file(path)
    checksum_path = path.with_name(f"{path.name}.sha256")
    fs.write_text(checksum_path, f"{digest}  {path.name}\n")
    return Packed(
        path=path,
        size_bytes=path.stat().st_size,
        sha256=digest,
        checksum_path=checksum_path,
        members=tuple(member.name for member in members),
        deflate=zips.deflate_flavour(),
    )


def source_date_epoch_s(environ_value: str | None) -> int:
    """Return the time that ``SOURCE_DATE_EPOCH`` asks for, the earliest that a zip can hold without it.

    Raises PackageError when it is not a number.
    """
    if environ_value is None:
        return zips.EARLIEST_ZIP_TIME_S
    if not (environ_value.isascii() and environ_value.isdigit()):
        raise PackageError(
            f"SOURCE_DATE_EPOCH is {environ_value!r}, which is not a number of seconds",
            cause="the variable holds a date in words, or something else",
            action="set it to seconds since 1970, such as `git log -1 --format=%ct` prints, or unset it",
        )
    return int(environ_value)


def _members(inputs: PackageInputs) -> tuple[zips.ZipMember, ...]:
    members = []
    for path in sorted(inputs.product_dir.rglob("*")):
        name = path.relative_to(inputs.product_dir).as_posix()
        if name == fs.SENTINEL_NAME or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise PackageError(
                f"cannot pack {path}: it is neither a file nor a directory",
                cause="zips that hold links unpack differently from tool to tool",
                action="put the file itself into the product",
            )
        # Other permission bits depend on the umask of whoever built.
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        members.append(zips.ZipMember(name=name, source=path, mode=mode))
    if not members:
        raise PackageError(
            f"there is nothing to pack in {inputs.product_dir}",
            cause="the build made no file for the product",
            action="name the package and its binaries (`package`, `binaries`), and build again",
        )
    return tuple(members)
