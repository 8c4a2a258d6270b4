"""The machine code in snapshots of V8 before 11: it names the architecture that they were made for.

Such a snapshot lists no sizes of builtins (``code_sizes.py``). Instead it holds, for each builtin, a ``Code`` object
with a few instructions that jump to the builtin's code in the program (``Builtins::GenerateOffHeapTrampolineFor``,
``src/builtins/builtins.cc``). The addresses in them are empty; the instructions are the architecture's own. Measured
in V8 10.2 for five architectures: 971 of its own in each, none of another's.
"""

from __future__ import annotations

import dataclasses

MIN_TRAMPOLINES = 256
"""Fewer are no list of builtins."""

# Target, instructions, and their bytes with empty addresses.
_INSTRUCTIONS: tuple[tuple[str, str, bytes], ...] = (
    ("amd64", "mov r10, address; jmp r10", bytes.fromhex("49ba 0000000000000000 41ffe2")),
    ("arm64", "ldr x16, address; br x16", bytes.fromhex("90000058 00021fd6")),
    ("armhf", "ldr ip, address; bx ip", bytes.fromhex("04c09fe5 1cff2fe1")),
    ("s390x", "iihf r12, address; iilf r12, address; br r12", bytes.fromhex("c0c800000000 c0c900000000 07fc")),
    ("ppc64el", "ori r12, address; mtctr r12; bctr", bytes.fromhex("00008c61 a603897d 2004804e")),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trampolines:
    """How many of them a snapshot holds, and of which target's instructions they are."""

    target: str
    count: int
    instructions: str


def trampolines(section: bytes) -> Trampolines | None:
    """Return what a snapshot's start-up *section* holds; None where it holds too few, or those of two architectures."""
    counted = [
        Trampolines(target=target, count=section.count(content), instructions=instructions)
        for target, instructions, content in _INSTRUCTIONS
    ]
    many = [found for found in counted if found.count >= MIN_TRAMPOLINES]
    return many[0] if len(many) == 1 else None
