"""Tar files: written so that equal trees give equal bytes, read so that no file can do harm.

The name says how a file is packed when it is written (``.tar.zst``, ``.tar.gz``, ``.tar``), its first bytes when it is
read. Directories, regular files and symbolic links are written; only the first two are unpacked, save for root file
systems (``root_tar``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from pipeline import fs
from pipeline.errors import ArchiveError
from pipeline.model.members import HEAD_BYTES, Choice, Member
from pipeline.packing.compression import DAMAGE, Packing, ZstdStream, packer, unpacker

_BLOCK_BYTES = 1024 * 1024
_HEADER_BUDGET_BYTES = 2 * 1024 * 1024
"""For all headers between two members: extended ones could otherwise fill the memory."""
_DAMAGE = (
    *DAMAGE, tarfile.TarError, OSError, ValueError, OverflowError, KeyError, IndexError, MemoryError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarMember:
    """A file, a directory or a symbolic link to pack."""

    name: str
    """Path inside the archive, with forward slashes."""
    content: Path | bytes | None
    """A file on disk, or the bytes themselves; None for a directory, or a link."""
    mode: int = 0o644
    owner_id: int = 0
    """Number of the user and, unless *group_id* says otherwise, of the group that it belongs to."""
    group_id: int | None = None
    link_to: str | None = None
    """Where a symbolic link leads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarLimits:
    """What an archive may hold before it is refused."""

    members: int = 200_000
    total_bytes: int = 8 * 1024**3


def write_tar(
    destination: Path, members: Iterable[TarMember], *, packing: Packing | None = None, mtime_s: int = 0
) -> None:
    """Pack *members* in the order given into *destination*, which appears whole or not at all.

    Names, modes, owners, contents, the one time *mtime_s* (seconds since 1970) and the flavour of *packing* decide
    about the bytes. Raises DiskFullError and NotWritableError.
    """
    with (
        fs.atomic_path(destination) as temporary,
        temporary.open("wb") as raw,
        packer(raw, destination.name, packing or Packing()) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            _add(archive, member, mtime_s)


def header(member: TarMember, mtime_s: int) -> bytes:
    """Return what stands before a member's content: one block of 512 bytes, or more for a name of over 100 bytes."""
    return _described(member, mtime_s).tobuf(tarfile.PAX_FORMAT)


def unpack_zstd(path: Path, destination: Path, *, max_bytes: int) -> None:
    """Write what the ``.zst`` file *path* holds to *destination*, which appears whole or not at all.

    Raises ArchiveError when it is damaged or holds more than *max_bytes*.
    """
    with (
        path.open("rb") as raw,
        fs.atomic_path(destination) as temporary,
        temporary.open("wb") as out,
        _damage_named(path),
    ):
        stream = ZstdStream(raw)
        while block := stream.read(_BLOCK_BYTES):
            out.write(block)
            if out.tell() > max_bytes:
                raise damaged(path, f"it unpacks to more than {max_bytes} bytes")


def extract_tar(path: Path, destination: Path, limits: TarLimits | None = None) -> None:
    """Unpack the archive *path* into the directory *destination*, which must be empty.

    Raises ArchiveError when it is damaged, beyond the *limits*, or could write outside *destination*.
    """
    allowed = limits or TarLimits()
    with opened(path, destination, allowed) as (archive, members):
        _extract_all(path, members, _Writer(archive, destination), allowed)


def spill_tar(path: Path, destination: Path, wanted: Choice, limits: TarLimits | None = None) -> tuple[Member, ...]:
    """Write the *wanted* files of the archive *path* into the directory *destination*, under numbers for names.

    Links and devices are listed without content; of two members with one name both are listed, in order.
    Raises ArchiveError when the archive is damaged or beyond the *limits*.
    """
    allowed = limits or TarLimits()
    with opened(path, destination, allowed) as (archive, members):
        return tuple(_spill_all(path, members, _Writer(archive, destination, wanted), allowed))


@contextlib.contextmanager
def opened(
    path: Path, destination: Path, limits: TarLimits
) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """Yield the archive and its members; when the block ends well, what follows the last of them is looked at, too."""
    with path.open("rb") as raw, fs.explained(destination), _damage_named(path), unpacker(raw) as stream:
        budget = _Budget(stream)
        with tarfile.open(fileobj=cast("IO[bytes]", budget), mode="r|") as archive:
            yield archive, budget.members(archive)
        _drain(stream, limits)


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Name what a damaged archive does to its readers; what the system says of files is not its fault."""
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged(path, str(error) or type(error).__name__) from error


def _drain(stream: IO[bytes], limits: TarLimits) -> None:
    """Read what lies behind the end mark: it belongs to the check of the compressor."""
    left = limits.total_bytes
    while left > 0 and (block := stream.read(_BLOCK_BYTES)):
        left -= len(block)


class _Budget:
    """A stream that may be read as far as the member at hand reaches, and a little further for headers."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _HEADER_BUDGET_BYTES

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; raises ReadError where headers take more than they should."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError(f"the headers of one member take more than {_HEADER_BUDGET_BYTES} bytes")
        return data

    def members(self, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """Yield the members of *archive*, which reads from here."""
        for info in archive:
            if info.size < 0:
                raise tarfile.ReadError(f"the member {info.name!r} has {info.size} bytes")
            self._left = info.size + _HEADER_BUDGET_BYTES
            yield info


@dataclasses.dataclass(frozen=True)
class _Writer:
    """Where members go, and which."""

    archive: tarfile.TarFile
    destination: Path
    wanted: Choice = lambda _name, _size, _head: True


def within_limits(
    path: Path, infos: Iterator[tarfile.TarInfo], limits: TarLimits
) -> Iterator[tuple[int, tarfile.TarInfo]]:
    """Yield the members of the archive *path*, counted from 1; raises ArchiveError beyond the *limits*."""
    total = 0
    for count, info in enumerate(infos, start=1):
        total += info.size
        if count > limits.members:
            raise damaged(path, f"member {info.name!r}: there are more than {limits.members} members")
        if total > limits.total_bytes:
            raise damaged(path, f"member {info.name!r}: it unpacks to more than {limits.total_bytes} bytes")
        yield count, info


def _spill_all(path: Path, infos: Iterator[tarfile.TarInfo], writer: _Writer, limits: TarLimits) -> Iterator[Member]:
    for count, info in within_limits(path, infos, limits):
        if info.isdir():
            continue
        target = writer.destination / str(count)
        kept = info.isreg() and not info.issparse() and _spill(writer, info, target)
        link_to = info.linkname if info.issym() else None
        yield Member(name=info.name, path=target if kept else None, size_bytes=info.size, link_to=link_to)


def _spill(writer: _Writer, info: tarfile.TarInfo, target: Path) -> bool:
    source = writer.archive.extractfile(info)
    if source is None:
        return False
    head = source.read(HEAD_BYTES)
    if not writer.wanted(info.name, info.size, head):
        return False
    left = info.size - len(head)
    with target.open("xb") as out:
        out.write(head)
        while block := source.read(min(left, _BLOCK_BYTES)):
            out.write(block)
            left -= len(block)
    if left:
        raise tarfile.ReadError(f"{info.name} is cut short by {left} bytes")
    return True


def _add(archive: tarfile.TarFile, member: TarMember, mtime_s: int) -> None:
    info = _described(member, mtime_s)
    match member.content:
        case None:
            archive.addfile(info)
        case bytes() as content:
            archive.addfile(info, io.BytesIO(content))
        case Path() as path:
            with path.open("rb") as source:
                archive.addfile(info, source)


def _described(member: TarMember, mtime_s: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.name)
    info.mode = member.mode
    info.mtime = mtime_s
    info.uid = member.owner_id
    info.gid = member.owner_id if member.group_id is None else member.group_id
    match member.content:
        case None if member.link_to is not None:
            info.type, info.linkname = tarfile.SYMTYPE, member.link_to
        case None:
            info.type = tarfile.DIRTYPE
        case bytes() as content:
            info.size = len(content)
        case Path() as path:
            info.size = path.stat().st_size
    return info


def _extract_all(path: Path, infos: Iterator[tarfile.TarInfo], writer: _Writer, limits: TarLimits) -> None:
    for _count, info in within_limits(path, infos, limits):
        if why := _problem(info):
            raise damaged(path, f"member {info.name!r}: {why}")
        target = writer.destination / info.name
        if info.isdir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_file(writer.archive, info, target)


def _write_file(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(info)
    if source is None:
        raise tarfile.ReadError(f"{info.name} has no content")
    if target.exists():
        raise tarfile.ReadError(f"the name {info.name} occurs twice")
    left = info.size
    with target.open("xb") as out:
        while block := source.read(min(left, _BLOCK_BYTES)):
            out.write(block)
            left -= len(block)
    if left:
        raise tarfile.ReadError(f"{info.name} is cut short by {left} bytes")
    target.chmod(0o755 if info.mode & 0o100 else 0o644)


def _problem(info: tarfile.TarInfo) -> str | None:
    name = PurePosixPath(info.name)
    if name.is_absolute() or ".." in name.parts or "\0" in info.name:
        return "its path leads out of the directory"
    if info.isdir():
        return None
    if not info.isreg() or info.issparse():
        return "it is neither a file nor a directory"
    return None if name.parts else "it has no name"


def damaged(path: Path, why: str) -> ArchiveError:
    """Return the error for an archive that is not to be trusted."""
    return ArchiveError(
        f"{path} is not an archive that can be unpacked safely: {why}",
        cause="the file is cut, damaged, or was made to do harm",
        action="get or make it again; do not unpack it by hand",
    )
