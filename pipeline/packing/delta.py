"""Deltas: bytes that make new bytes from old ones, made and applied in memory.

``bsdiff`` follows moved machine code and is small; it is written the way the crate ``bsdiff`` 0.2 reads it, which is
what updaters with that crate want: turns of three numbers (how much to add to old bytes, how much to insert, how far to
move on in the old bytes), each 8 bytes, the last with a sign bit, and the bytes themselves, all in one zstd frame.
``zstd-patch`` is larger, needs less memory, and is what ``zstd --patch-from`` reads and writes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator

from bsdiff4 import core

from pipeline.errors import ArchiveError
from pipeline.model.releases.manifest import DeltaFormat

# The same module, which the standard library has since 3.14 (PEP 784). `zstandard` knows dictionaries, and no prefixes.
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 19
MAX_CONTENT_BYTES = 1024**3
"""Neither side may be larger."""
MAX_BSDIFF_BYTES = 256 * 1024**2
"""Making bsdiff takes 17 times the size in memory: larger content gets a zstd-patch only."""
_TURN = struct.Struct("<QQQ")
_MIN_WINDOW_LOG = 20
_MIN_PREFIX_BYTES = 8
"""Less is no dictionary to the library."""
_MAX_WINDOW_LOG = 31
_PLAIN_WINDOW_LOG = 27
"""Readers refuse more unless they are told not to (ZSTD_WINDOWLOG_LIMIT_DEFAULT, zstd.h)."""
_BLOCK_BYTES = 1024 * 1024


def formats(old_bytes: int, new_bytes: int) -> tuple[DeltaFormat, ...]:
    """Return the formats that content of these sizes can have a delta in."""
    largest = max(old_bytes, new_bytes)
    if largest > MAX_CONTENT_BYTES:
        return ()
    return tuple(DeltaFormat) if largest <= MAX_BSDIFF_BYTES else (DeltaFormat.ZSTD_PATCH,)


def make(kind: DeltaFormat, old: bytes, new: bytes) -> bytes:
    """Return the delta that leads from *old* to *new*; equal input gives equal bytes."""
    match kind:
        case DeltaFormat.BSDIFF:
            stream = b"".join(_turns(*core.diff(old, new)))
            return _packed(stream)
        case DeltaFormat.ZSTD_PATCH:
            return _packed(new, old)


def apply(kind: DeltaFormat, old: bytes, delta: bytes, *, new_bytes: int) -> bytes:
    """Return what *delta* makes of *old*: exactly *new_bytes* bytes, or else ArchiveError is raised."""
    if max(len(old), new_bytes) > MAX_CONTENT_BYTES:
        raise _damaged(f"it is about more than {MAX_CONTENT_BYTES} bytes")
    try:
        match kind:
            case DeltaFormat.BSDIFF:
                # 24 bytes a turn; a turn that makes less than 8 bytes is not worth its own.
                stream = _unpacked(delta, 4 * new_bytes + _BLOCK_BYTES)
                return bytes(core.patch(old, new_bytes, *_parts(stream, new_bytes)))
            case DeltaFormat.ZSTD_PATCH:
                return _unpacked(delta, new_bytes, old, exact=True)
    except (zstd.ZstdError, ValueError) as error:
        raise _damaged(str(error)) from error


def _turns(control: bytes, difference: bytes, extra: bytes) -> Iterator[bytes]:
    """Yield the stream of a bsdiff whose three parts lie apart, as the library makes them."""
    at_difference = at_extra = 0
    for add, insert, move in _TURN.iter_unpack(control):
        at_end = at_difference + add == len(difference) and at_extra + insert == len(extra)
        # Where the last turn leads does not matter, and may be before the beginning, which readers refuse.
        yield _TURN.pack(add, insert, 0 if at_end else move)
        yield difference[at_difference : at_difference + add]
        yield extra[at_extra : at_extra + insert]
        at_difference, at_extra = at_difference + add, at_extra + insert


def _parts(stream: bytes, new_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Return the three parts of a bsdiff, as the library applies them. Raises ValueError."""
    view = memoryview(stream)
    control, difference, extra = bytearray(), bytearray(), bytearray()
    at = 0
    while at < len(view):
        if len(view) - at < _TURN.size:
            raise ValueError("it ends in the middle of a turn")
        add, insert, _move = _TURN.unpack_from(view, at)
        end = at + _TURN.size + add + insert
        if end > len(view) or len(difference) + len(extra) + add + insert > new_bytes:
            raise ValueError("a turn is longer than what is left")
        middle = at + _TURN.size + add
        control += view[at : at + _TURN.size]
        difference += view[at + _TURN.size : middle]
        extra += view[middle:end]
        at = end
    if len(difference) + len(extra) != new_bytes:
        raise ValueError(f"it makes {len(difference) + len(extra)} bytes, and not {new_bytes}")
    return bytes(control), bytes(difference), bytes(extra)


def _packed(content: bytes, prefix: bytes = b"") -> bytes:
    """Return one frame with *content*, which may refer to all of itself and of *prefix*."""
    largest = _MAX_WINDOW_LOG if prefix else _PLAIN_WINDOW_LOG
    window_log = min(max((len(content) + len(prefix)).bit_length(), _MIN_WINDOW_LOG), largest)
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: LEVEL,
        zstd.CompressionParameter.window_log: window_log,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    return zstd.compress(content, options=options, zstd_dict=_prefix(prefix))


def _unpacked(packed: bytes, max_bytes: int, prefix: bytes = b"", *, exact: bool = False) -> bytes:
    """Return the content of one frame.

    Raises ZstdError, ValueError when it is cut, larger than *max_bytes*, or smaller where that is to be *exact*.
    """
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
    frame = zstd.ZstdDecompressor(zstd_dict=_prefix(prefix), options=options)
    content = frame.decompress(packed, max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it unpacks to more than {max_bytes} bytes")
    if not frame.eof:
        raise ValueError("it ends too early")
    if exact and len(content) != max_bytes:
        raise ValueError(f"it makes {len(content)} bytes, and not {max_bytes}")
    return content


def _prefix(prefix: bytes) -> tuple[zstd.ZstdDict, int] | None:
    # As a dictionary it would be searched in its last part only; as a prefix it is searched as a whole.
    return zstd.ZstdDict(prefix, is_raw=True).as_prefix if len(prefix) >= _MIN_PREFIX_BYTES else None


def _damaged(why: str) -> ArchiveError:
    return ArchiveError(
        f"the delta cannot be applied: {why}",
        cause="it is cut or damaged, or it was made for another old version",
        action="get it again, or take the whole file of the release",
    )
