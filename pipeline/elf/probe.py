"""The smallest programs of each target: they exit with 42, at once or after a loop of known length.

Running the first shows that a place can run the target, the time that the second takes how fast it does.

Static, without libraries, so that it also starts in an empty container or on a bare machine. The file layout is
the System V ABI's (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html); system call numbers are the
kernel's (``exit`` is 60 on x86-64, 93 on AArch64, 1 elsewhere).
"""

from __future__ import annotations

import struct

from pipeline.model.target import Target

PROBE_EXIT_CODE = 42
PACE_ROUNDS = 0x3000000
"""How often `pace_program` goes round: 50 million times."""

_LOAD_ADDRESS = 0x100000
_PT_LOAD = 1
_READ_EXECUTE = 5
_EXECUTABLE = 2

# Machine code of `exit(42)`, as an assembler writes it.
_CODE = {
    "amd64": "b83c000000 bf2a000000 0f05",  # mov eax,60; mov edi,42; syscall
    "arm64": "400580d2 a80b80d2 010000d4",  # mov x0,#42; mov x8,#93; svc #0
    "armhf": "2a00a0e3 0170a0e3 000000ef",  # mov r0,#42; mov r7,#1; svc #0
    "s390x": "a729002a 0a01",  # lghi %r2,42; svc 1
    "ppc64el": "2a006038 01000038 02000044",  # li r3,42; li r0,1; sc
}
# A register is counted down from PACE_ROUNDS to zero.
_LOOP = {
    "amd64": "b900000003 ffc9 75fc",  # mov ecx,N; 1: dec ecx; jnz 1b
    "arm64": "0960a052 29050071 e1ffff54",  # movz w9,#0x300,lsl #16; 1: subs w9,w9,#1; b.ne 1b
    "armhf": "0344a0e3 014054e2 fdffff1a",  # mov r4,#N; 1: subs r4,r4,#1; bne 1b
    "s390x": "a53e0300 a7360000",  # llilh %r3,0x300; 1: brct %r3,1b
    "ppc64el": "0003803c a603897c 00000042",  # lis r4,0x300; mtctr r4; 1: bdnz 1b
}
# EF_ARM_EABI_VER5 | EF_ARM_ABI_FLOAT_HARD; ELFv2 ABI of ppc64le.
_FLAGS = {"armhf": 0x5000400, "ppc64el": 2}


def probe_program(target: Target) -> bytes:
    """Return a static ELF executable for *target* that exits with PROBE_EXIT_CODE."""
    return _program(target, bytes.fromhex(_CODE[target.name]))


def pace_program(target: Target) -> bytes:
    """Return a static ELF executable for *target* that counts to PACE_ROUNDS and exits with PROBE_EXIT_CODE."""
    return _program(target, bytes.fromhex(_LOOP[target.name] + _CODE[target.name]))


def _program(target: Target, code: bytes) -> bytes:
    order = "<" if target.endianness == "little" else ">"
    wide = target.elf_class == 64
    header_size, entry_size = (64, 56) if wide else (52, 32)
    offset = header_size + entry_size
    size = offset + len(code)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    word = "Q" if wide else "I"
    header = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        _EXECUTABLE, target.elf_machine, 1, _LOAD_ADDRESS + offset, header_size, 0, _FLAGS.get(target.name, 0),
        header_size, entry_size, 1, 0, 0, 0,
    )  # fmt: skip
    if wide:
        segment = struct.pack(
            f"{order}IIQQQQQQ", _PT_LOAD, _READ_EXECUTE, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x10000
        )
    else:
        segment = struct.pack(
            f"{order}IIIIIIII", _PT_LOAD, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, _READ_EXECUTE, 0x10000
        )
    return ident + header + segment + code
