"""The magic number of snapshots, read out of a program's machine code.

V8 compares it when it starts (``SerializedData::kMagicNumber``, ``src/snapshot/snapshot-data.h``): ``0xC0DE0000 ^ size
of the table of external references`` stands as a constant in its code. Measured in 22 programs for x86-64 and AArch64,
V8 11.3 to 15.8: on x86-64 as an operand of four bytes, on AArch64 as ``movz`` and ``movk`` of one register, at most 16
instructions apart. For other machines nothing is known.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable

from pipeline.v8.checksum import Buffer
from pipeline.v8.windows import find_all

_MAX_TRIES = 100_000
# AArch64, 32-bit: movk Rd, #0xC0DE, lsl #16, but for the byte with the register; movz Rd, #low.
_MOVK_REST = b"\x1b\xb8\x72"
_MOVK = 0x72B81BC0
_MOVZ, _MOVZ_MASK = 0x52800000, 0xFFE0001F
_NEAR_BYTES = 64


def has_other_magic(program: Buffer, target: str, magic: int, spans: Iterable[tuple[int, int]] = ()) -> bool:
    """Return whether the V8 in *program*, for *target*, surely wants another magic number than *magic*.

    *spans* are the snapshots in the file, which have it, too. The program must be one that V8 is in.
    """
    if target == "amd64":
        inside = tuple(spans)
        places = itertools.islice(find_all(program, struct.pack("<I", magic)), _MAX_TRIES)
        return all(any(start <= place < end for start, end in inside) for place in places)
    if target == "arm64":
        wanted = _wanted(program)
        return bool(wanted) and magic not in wanted
    return False


def _wanted(program: Buffer) -> set[int]:
    """Return the numbers that AArch64 code makes with the upper half of the magic number."""
    found = set()
    for place in itertools.islice(find_all(program, _MOVK_REST), _MAX_TRIES):
        at = place - 1
        if at < _NEAR_BYTES or at % 4:
            continue
        register = program[at] ^ (_MOVK & 0xFF)
        around = program[at - _NEAR_BYTES : at + _NEAR_BYTES]
        words = struct.unpack(f"<{len(around) // 4}I", around[: len(around) // 4 * 4])
        halves = (word >> 5 & 0xFFFF for word in words if word & _MOVZ_MASK == _MOVZ | register)
        found |= {0xC0DE0000 | half for half in halves} if register < 32 else set()
    return found
