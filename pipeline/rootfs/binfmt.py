"""The line by which the kernel knows an emulator.

Format: Documentation/admin-guide/binfmt-misc.rst. Magic and mask are those of QEMU's scripts/qemu-binfmt-conf.sh: the
ABI byte of the header is not looked at, and of the type only that it is a program (ET_EXEC or ET_DYN).
"""

from __future__ import annotations

import struct

from pipeline.model.root import Emulator
from pipeline.model.target import Target

_FLAGS = "PF"
"""P: the program's own argv[0] reaches it. F: the emulator is opened now, and need not be there in the root."""


def handler(emulator: Emulator) -> str:
    """Return the line that registers *emulator* for the programs of its target."""
    magic, mask = header(emulator.target)
    parts = ("", f"snapstitch-{emulator.target.name}", "M", "0", _hex(magic), _hex(mask), str(emulator.path), _FLAGS)
    return ":".join(parts)


def header(target: Target) -> tuple[bytes, bytes]:
    """Return the first 20 bytes of the target's programs, and the mask under which they are compared."""
    order = "<" if target.endianness == "little" else ">"
    ident = b"\x7fELF" + bytes((1 if target.elf_class == 32 else 2, 1 if order == "<" else 2, 1)) + bytes(9)
    magic = ident + struct.pack(f"{order}HH", 2, target.elf_machine)
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + struct.pack(f"{order}HH", 0xFFFE, 0xFFFF)
    return magic, mask


def _hex(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)
