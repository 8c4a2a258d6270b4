"""Tar files: written so that equal trees give equal bytes, read so that no file can do harm.

The name says how a file is packed when it is written (``.tar.zst``, ``.tar.gz``, ``.tar``), its first bytes when it is
read. Only directories and regular files are written, and only those are read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

import zstandard

from pipeline import fs
from pipeline.errors import ArchiveError

ZSTD_LEVEL = 10
GZIP_LEVEL = 6
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1024 * 1024
_PACKED_BYTES = 16 * 1024
_DAMAGE = (tarfile.TarError, zstandard.ZstdError, zlib.error, EOFError, OSError, ValueError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarMember:
    """A file or a directory to pack."""

    name: str
    """Path inside the archive, with forward slashes."""
    content: Path | bytes | None
    """A file on disk, or the bytes themselves; None for a directory."""
    mode: int = 0o644


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarLimits:
    """What an archive may hold before it is refused."""

    members: int = 200_000
    total_bytes: int = 8 * 1024**3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packing:
    """How a ``.tar.zst`` is compressed."""

    level: int = ZSTD_LEVEL
    threads: int = 0
    """0: one stream; else jobs of a fixed size, whose bytes are the same however many threads there are."""

    @property
    def flavour(self) -> str:
        """Return which implementation and settings make the packed bytes: others give other bytes of equal content."""
        version = ".".join(map(str, zstandard.ZSTD_VERSION))
        return f"zstd {version}, level {self.level}{', in jobs' if self.threads else ''}"


def write_tar(
    destination: Path, members: Iterable[TarMember], *, packing: Packing | None = None, mtime_s: int = 0
) -> None:
    """Pack *members* in the order given into *destination*, which appears whole or not at all.

    Names, modes, contents, the one time *mtime_s* (seconds since 1970) and the flavour of *packing* decide about the
    bytes; owners are all zero. Raises DiskFullError and NotWritableError.
    """
    with (
        fs.atomic_path(destination) as temporary,
        temporary.open("wb") as raw,
        _packer(raw, destination.name, packing or Packing()) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            _add(archive, member, mtime_s)


def unpack_zstd(path: Path, destination: Path, *, max_bytes: int) -> None:
    """Write what the ``.zst`` file *path* holds to *destination*, which appears whole or not at all.

    Raises ArchiveError when it is damaged or holds more than *max_bytes*.
    """
    with path.open("rb") as raw, fs.atomic_path(destination) as temporary, temporary.open("wb") as out:
        try:
            stream = _ZstdStream(raw)
            while block := stream.read(_BLOCK_BYTES):
                out.write(block)
                if out.tell() > max_bytes:
                    raise _damaged(path, f"it unpacks to more than {max_bytes} bytes")
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _damaged(path, str(error) or type(error).__name__) from error


def extract_tar(path: Path, destination: Path, limits: TarLimits | None = None) -> None:
    """Unpack the archive *path* into the directory *destination*, which must be empty.

    Raises ArchiveError when it is damaged, beyond the *limits*, or could write outside *destination*.
    """
    allowed = limits or TarLimits()
    with path.open("rb") as raw, fs.explained(destination):
        try:
            with _unpacker(raw) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                _extract_all(path, archive, destination, allowed)
                # What lies behind the end mark belongs to the check of the compressor.
                while stream.read(_BLOCK_BYTES):
                    pass
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _damaged(path, str(error) or type(error).__name__) from error


@contextlib.contextmanager
def _packer(raw: IO[bytes], name: str, packing: Packing) -> Iterator[IO[bytes]]:
    if name.endswith(".zst"):
        compressor = zstandard.ZstdCompressor(level=packing.level, threads=packing.threads, write_checksum=True)
        with compressor.stream_writer(raw, closefd=False) as zst:
            yield zst
    elif name.endswith(".gz"):
        with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0) as gz:
            yield cast("IO[bytes]", gz)
    else:
        yield raw


@contextlib.contextmanager
def _unpacker(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    magic = raw.read(4)
    raw.seek(0)
    if magic == _ZSTD_MAGIC:
        yield cast("IO[bytes]", _ZstdStream(raw))
    elif magic[:2] == _GZIP_MAGIC:
        with gzip.GzipFile(fileobj=raw, mode="rb") as gz:
            yield cast("IO[bytes]", gz)
    else:
        yield raw


class _ZstdStream:
    """The content of one frame. The library's own reader takes a cut for the end."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, none at the end."""
        while not self._ready and not self._frame.eof:
            packed = self._raw.read(_PACKED_BYTES)
            if not packed:
                raise EOFError("it ends too early")
            self._ready = self._frame.decompress(packed)
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken


def _add(archive: tarfile.TarFile, member: TarMember, mtime_s: int) -> None:
    info = tarfile.TarInfo(member.name)
    info.mode = member.mode
    info.mtime = mtime_s
    match member.content:
        case None:
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        case bytes() as content:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        case Path() as path:
            info.size = path.stat().st_size
            with path.open("rb") as source:
                archive.addfile(info, source)


def _extract_all(path: Path, archive: tarfile.TarFile, destination: Path, limits: TarLimits) -> None:
    total = 0
    for count, info in enumerate(archive, start=1):
        total += info.size
        why = _problem(info)
        if count > limits.members:
            why = f"there are more than {limits.members} members"
        elif total > limits.total_bytes:
            why = f"it unpacks to more than {limits.total_bytes} bytes"
        if why:
            raise _damaged(path, f"member {info.name!r}: {why}")
        target = destination / info.name
        if info.isdir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_file(archive, info, target)


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


def _damaged(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{path} is not an archive that can be unpacked safely: {why}",
        cause="the file is cut, damaged, or was made to do harm",
        action="get or make it again; do not unpack it by hand",
    )
