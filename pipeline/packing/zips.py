"""Zip files: written so that equal trees give equal bytes, read so that no file can do harm.

The format is PKWARE's APPNOTE.TXT, 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (end record). Writing is
done here because the standard library compresses on one core only; reading is the standard library's, within limits.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline import fs
from pipeline.errors import ArchiveError, PackageError
from pipeline.model.members import HEAD_BYTES, Choice, Member

DEFLATE_LEVEL = 6
EARLIEST_ZIP_TIME_S = 315532800
"""1980-01-01 00:00:00 UTC: no zip can hold an earlier time."""
LATEST_ZIP_TIME_S = 4354819198
"""2107-12-31 23:59:58 UTC."""

_BLOCK_BYTES = 1024 * 1024
_WINDOW_BYTES = 32768
_MAX_ZIP_NUMBER = 0xFFFFFFFE
_DEFLATED = 8
_VERSION_NEEDED = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION_NEEDED
_UTF8_NAME = 0x800
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZipMember:
    """A file to pack."""

    name: str
    """Path inside the archive, with forward slashes."""
    source: Path
    mode: int
    """Permission bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZipLimits:
    """What a zip may hold before it is refused."""

    members: int = 10_000
    total_bytes: int = 4 * 1024**3
    ratio: int = 1100
    """Unpacked over packed size of a member. Deflate reaches 1032 (for zeros), so that more is a lie."""


def deflate_flavour() -> str:
    """Return which implementation and settings make the packed bytes: others give other bytes of equal content."""
    return f"zlib {zlib.ZLIB_RUNTIME_VERSION}, level {DEFLATE_LEVEL}, blocks of {_BLOCK_BYTES} bytes"


def write_zip(destination: Path, members: Iterable[ZipMember], *, epoch_s: int, jobs: int | None = None) -> None:
    """Pack *members*, sorted by name, into *destination*, which appears whole or not at all.

    All members get the time *epoch_s* (seconds since 1970, UTC, kept within what a zip can hold). The bytes depend
    on names, modes, content, time and ``deflate_flavour()`` only. Raises PackageError for what a zip cannot hold,
    DiskFullError and NotWritableError.
    """
    ordered = sorted(members, key=lambda member: member.name)
    names = [member.name for member in ordered]
    if len(set(names)) != len(names):
        raise _cannot_pack(destination, "two files have the same name inside it")
    with (
        fs.atomic_path(destination) as temporary,
        temporary.open("wb") as out,
        ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool,
    ):
        directory = [_write_member(out, pool, member, _dos_time(epoch_s)) for member in ordered]
        start = out.tell()
        out.write(b"".join(directory))
        size = out.tell() - start
        if out.tell() > _MAX_ZIP_NUMBER or len(directory) > 0xFFFE:
            raise _cannot_pack(destination, "it would be larger than 4 GiB or have more than 65,534 files")
        out.write(_END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), size, start, 0))


def list_zip(path: Path, limits: ZipLimits | None = None) -> tuple[str, ...]:
    """Return the names of the files in the zip *path*.

    Raises ArchiveError when it is damaged, beyond the *limits*, or could write outside a directory.
    """
    with _reading(path) as archive:
        return tuple(info.filename for info in _safe_members(path, archive, limits or ZipLimits()))


def extract_zip(path: Path, destination: Path, limits: ZipLimits | None = None) -> tuple[Path, ...]:
    """Unpack the zip *path* into the directory *destination* and return the files, with their permission bits.

    Raises ArchiveError when it is damaged, beyond the *limits*, or could write outside *destination*.
    """
    allowed = limits or ZipLimits()
    written = []
    with _reading(path) as archive, fs.explained(destination):
        for info in _safe_members(path, archive, allowed):
            target = destination / info.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            _extract_member(path, archive, info, target)
            written.append(target)
    return tuple(written)


def spill_zip(path: Path, destination: Path, wanted: Choice, limits: ZipLimits | None = None) -> tuple[Member, ...]:
    """Write the *wanted* files of the zip *path* into the directory *destination*, under numbers for names.

    Links and other special members are listed without content. Raises ArchiveError when the zip is damaged, beyond the
    *limits*, or made to do harm.
    """
    members = []
    with _reading(path) as archive, fs.explained(destination):
        for number, info in enumerate(_safe_members(path, archive, limits or ZipLimits(), special=True)):
            target = destination / str(number)
            kept = not _is_special(info) and _is_wanted(path, archive, info, wanted)
            if kept:
                _extract_member(path, archive, info, target)
            members.append(Member(name=info.filename, path=target if kept else None, size_bytes=info.file_size))
    return tuple(members)


def _is_wanted(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: Choice) -> bool:
    try:
        with archive.open(info) as source:
            return wanted(info.filename, info.file_size, source.read(HEAD_BYTES))
    except _ZIP_ERRORS as error:
        raise _damaged(path, f"member {info.filename!r}: {error}") from error


def _write_member(out: IO[bytes], pool: ThreadPoolExecutor, member: ZipMember, dos_time: tuple[int, int]) -> bytes:
    """Write one member and return its entry of the central directory."""
    name = member.name.encode()
    flags = 0 if name.isascii() else _UTF8_NAME
    start = out.tell()
    out.write(bytes(_LOCAL.size) + name)
    crc = size = 0
    with member.source.open("rb") as source:
        for content, packed in _deflated(source, pool):
            crc = zlib.crc32(content, crc)
            size += len(content)
            out.write(packed)
    end = out.tell()
    packed_size = end - start - _LOCAL.size - len(name)
    if max(size, end) > _MAX_ZIP_NUMBER:
        raise _cannot_pack(member.source, "it, or the zip, would be larger than 4 GiB")
    common = (_VERSION_NEEDED, flags, _DEFLATED, *dos_time, crc, packed_size, size, len(name), 0)
    out.seek(start)
    out.write(_LOCAL.pack(b"PK\3\4", *common))
    out.seek(end)
    mode = (stat.S_IFREG | member.mode & 0o777) << 16
    return _CENTRAL.pack(b"PK\1\2", _MADE_BY_UNIX, *common, 0, 0, 0, mode, start) + name


def _deflated(source: IO[bytes], pool: ThreadPoolExecutor) -> Iterator[tuple[bytes, bytes]]:
    """Yield each block of *source* with its deflated form; the forms, joined, are one deflate stream.

    Blocks are compressed at the same time; each knows the 32 KiB before it, so that little is lost.
    """
    waiting: deque[tuple[bytes, Future[bytes]]] = deque()
    block, before = source.read(_BLOCK_BYTES), b""
    while True:
        following = source.read(_BLOCK_BYTES)
        waiting.append((block, pool.submit(_deflate_block, block, before, last=not following)))
        if len(waiting) > 8:
            content, future = waiting.popleft()
            yield content, future.result()
        if not following:
            break
        block, before = following, block[-_WINDOW_BYTES:]
    for content, future in waiting:
        yield content, future.result()


def _deflate_block(block: bytes, before: bytes, *, last: bool) -> bytes:
    raw = -zlib.MAX_WBITS
    packer = (
        zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, raw, 9, zlib.Z_DEFAULT_STRATEGY, before)
        if before
        else zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, raw, 9)
    )
    return packer.compress(block) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def _dos_time(epoch_s: int) -> tuple[int, int]:
    """Return time and date words (APPNOTE 4.4.6)."""
    moment = datetime.fromtimestamp(min(max(epoch_s, EARLIEST_ZIP_TIME_S), LATEST_ZIP_TIME_S), UTC)
    return (
        moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        (moment.year - 1980) << 9 | moment.month << 5 | moment.day,
    )


def _cannot_pack(path: Path, why: str) -> PackageError:
    return PackageError(
        f"cannot pack {path}: {why}",
        cause="the product is larger than the zip format allows, or its files collide",
        action="leave files out, or strip debug information with `strip = true`",
    )


def _reading(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise _damaged(path, str(error)) from error


_ZIP_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error,
    EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, KeyError, IndexError,
)  # fmt: skip


def _damaged(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{path} is not a zip that can be unpacked safely: {why}",
        cause="the file is cut, damaged, or was made to do harm",
        action="get or build it again; do not unpack it by hand",
    )


def _safe_members(
    path: Path, archive: zipfile.ZipFile, limits: ZipLimits, *, special: bool = False
) -> list[zipfile.ZipInfo]:
    """Return the files of *archive* after everything that its directory says was checked; *special* ones if allowed."""
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise _damaged(path, f"it has {len(infos)} members, {limits.members} are allowed")
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise _damaged(path, f"it unpacks to {total} bytes, {limits.total_bytes} are allowed")
    seen: set[str] = set()
    end_of_last = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        why = _member_problem(info, limits) or ("its name occurs twice" if info.filename in seen else None)
        if why is None and _is_special(info) and not special:
            why = "it is neither a file nor a directory"
        if why is None and info.header_offset < end_of_last:
            why = "it overlaps another member"
        if why:
            raise _damaged(path, f"member {info.filename!r}: {why}")
        seen.add(info.filename)
        end_of_last = info.header_offset + _LOCAL.size + info.compress_size
    return [info for info in infos if not info.is_dir()]


def _member_problem(info: zipfile.ZipInfo, limits: ZipLimits) -> str | None:
    name = PurePosixPath(info.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or not name.parts:
        return "its path leads out of the directory"
    if info.flag_bits & 1:
        return "it is encrypted"
    if info.file_size > limits.ratio * max(info.compress_size, 1):
        return f"it unpacks to {info.file_size} bytes from {info.compress_size}"
    return None


def _is_special(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}


def _extract_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    # Sizes in the directory can lie: zipfile stops at file_size and then compares the CRC.
    try:
        with archive.open(info) as source, target.open("xb") as out:
            while block := source.read(_BLOCK_BYTES):
                out.write(block)
    except _ZIP_ERRORS as error:
        raise _damaged(path, f"member {info.filename!r}: {error}") from error
    except FileExistsError as error:
        raise _damaged(path, f"member {info.filename!r}: it exists already") from error
    target.chmod((info.external_attr >> 16 & 0o777) or 0o644)
