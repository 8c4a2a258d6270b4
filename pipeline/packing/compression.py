"""Streams that pack and unpack: zstandard, gzip and, for reading, xz; the memory that any input can take is bounded."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, cast

import zstandard

ZSTD_LEVEL = 10
GZIP_LEVEL = 6
DAMAGE = (zstandard.ZstdError, zlib.error, lzma.LZMAError, EOFError)
"""What reading a damaged stream raises, beside OSError."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b"
_XZ_MAGIC = b"\xfd7zXZ\0"
_BLOCK_BYTES = 1024 * 1024
_PACKED_BYTES = 512
"""Fed to a decompressor at a time: with zstandard 4 bytes may become 128 KiB, so this bounds memory at 16 MiB."""
_XZ_MEMORY_BYTES = 256 * 1024 * 1024


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


@contextlib.contextmanager
def packer(raw: IO[bytes], name: str, packing: Packing) -> Iterator[IO[bytes]]:
    """Yield a stream whose content is packed into *raw*, as the file *name* says."""
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
def unpacker(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield the content of *raw*, unpacked as its first bytes say."""
    magic = raw.read(4)
    raw.seek(0)
    if magic == _ZSTD_MAGIC:
        yield cast("IO[bytes]", ZstdStream(raw))
    elif magic == _XZ_MAGIC[:4]:
        yield cast("IO[bytes]", _XzStream(raw))
    elif magic[:2] == _GZIP_MAGIC:
        with gzip.GzipFile(fileobj=raw, mode="rb") as gz:
            yield cast("IO[bytes]", gz)
    else:
        yield raw


class ZstdStream:
    """The content of all frames. The library's own reader takes a cut for the end."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""
        self._taken = 0

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, none at the end."""
        while self._taken == len(self._ready):
            packed = self._raw.read(_PACKED_BYTES)
            if self._frame.eof:
                packed = self._frame.unused_data + packed
                if not packed:
                    return b""
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            elif not packed:
                raise EOFError("it ends too early")
            self._ready, self._taken = self._frame.decompress(packed), 0
        # The rest stays where it is: to cut it off each time would copy megabytes for every few bytes.
        taken = self._ready[self._taken : self._taken + size]
        self._taken += len(taken)
        return taken


class _XzStream:
    """The content of an .xz file, within a limit of memory."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, none at the end."""
        ready = b""
        while not ready and not self._frame.eof:
            packed = self._raw.read(_BLOCK_BYTES) if self._frame.needs_input else b""
            if self._frame.needs_input and not packed:
                raise EOFError("it ends too early")
            ready = self._frame.decompress(packed, size)
        return ready
