"""Layers of images as tar files, byte for byte as builders of images write them, which use Go's archive/tar.

That holds for names of up to 100 bytes: for longer ones Go and Python extend their headers differently. Format:
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

from pipeline import fs
from pipeline.packing import tarball
from pipeline.packing.compression import Packing, packer
from pipeline.packing.tarball import TarMember

_BLOCK_BYTES: Final = 512
_COPY_BYTES: Final = 1024 * 1024
_CHECKSUM: Final = slice(148, 156)
_DEVICE: Final = slice(329, 345)


def write_layer(destination: Path, members: Iterable[TarMember], *, mtime_s: int = 0) -> None:
    """Pack *members*, in the order given, into the file *destination*, which appears whole or not at all.

    Raises DiskFullError and NotWritableError.
    """
    with (
        fs.atomic_path(destination) as temporary,
        temporary.open("wb") as raw,
        packer(raw, destination.name, Packing()) as stream,
    ):
        for member in members:
            stream.write(_with_device(tarball.header(member, mtime_s)))
            stream.write(bytes(-_copy_content(member, stream) % _BLOCK_BYTES))
        # The end; Python's tarfile would fill up to a record of 10 KiB.
        stream.write(bytes(2 * _BLOCK_BYTES))


def _with_device(header: bytes) -> bytes:
    """Return a header with the numbers of a device in it, which Python's tarfile leaves empty where there is none."""
    before, block = header[:-_BLOCK_BYTES], bytearray(header[-_BLOCK_BYTES:])
    block[_DEVICE] = b"0000000\0" * 2
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return before + bytes(block)


def _copy_content(member: TarMember, stream: IO[bytes]) -> int:
    """Write a member's content and return its size in bytes."""
    if isinstance(member.content, bytes):
        return stream.write(member.content)
    if member.content is None:
        return 0
    with member.content.open("rb") as source:
        shutil.copyfileobj(source, stream, _COPY_BYTES)
        return source.tell()
