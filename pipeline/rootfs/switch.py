"""The program behind each name in a root that has a native twin: starts one of two, at the cost of one exec.

A static x86-64 ELF file of half a kilobyte, which the kernel runs without an emulator and without a loader. It starts
the native program, with further arguments and variables if there are any, unless the environment holds ``NATIVE=0`` or
``NATIVE_<name>=0``; then the root's own program is started, which is emulated. ``argv[0]`` stays as it is, except for
a program that takes it to find its own files.

File layout: System V ABI (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html). ``_CODE`` is:

    _start:   mov rbx,[rsp]; lea rsi,[rsp+8]; lea r12,[rsp+rbx*8+16]; lea rbp,[rip+table]
              mov rax,[rbp+40]; test rax,rax; jz 0f; mov [rsi],rax
    0:        mov r8,r12
    1:        mov rdi,[r8]; test rdi,rdi; jz native              # rbx argc, rsi argv, r12 envp, r8 walks envp
              lea r9,[rip+switch]; call equal; je emulated; mov r9,[rbp+16]; call equal; je emulated
              add r8,8; jmp 1b
    equal:    xor ecx,ecx                                        # are the strings at rdi and r9 equal?
    2:        mov al,[rdi+rcx]; cmp al,[r9+rcx]; jne 3f; inc rcx; test al,al; jnz 2b
    3:        ret
    emulated: mov rdi,[rbp+8]; mov rdx,r12; jmp go
    native:   mov rax,r8; sub rax,rsp; add rax,1024; sub rsp,rax; and rsp,-16; mov rdi,rsp; mov r13,rdi
              mov rcx,rbx; rep movsq; mov rsi,[rbp+24]; call append; mov r14,rdi              # a longer argv
              mov rsi,r12; mov rcx,r8; sub rcx,r12; shr rcx,3; rep movsq; mov rsi,[rbp+32]; call append  # and envp
              mov rdi,[rbp]; mov rsi,r13; mov rdx,r14
    go:       mov eax,59; syscall; mov edi,127; mov eax,60; syscall                           # execve, else exit
    append:   cmp byte ptr [rsi],0; je 6f; mov rax,rsi; stosq    # pointers to the strings at rsi, then a null pointer
    5:        lodsb; test al,al; jnz 5b; jmp append
    6:        xor eax,eax; stosq; ret
    switch:   .asciz "NATIVE=0"
    table:    addresses of the native path, the emulated path, the name's own switch, arguments, variables, argv[0] or 0
"""

from __future__ import annotations

import dataclasses
import struct

_CODE = bytes.fromhex(
    "488b1c24488d7424084c8d64dc10488d2dd5000000488b45284885c074034889064d89e0498b384885ff743b4c8d0dab"
    "000000e81300000074244c8b4d10e80800000074194983c008ebd931c98a040f413a0409750748ffc184c075f0c3488b"
    "7d084c89e2eb4e4c89c04829e04805000400004829c44883e4f04889e74989fd4889d9f348a5488b7518e83900000049"
    "89fe4c89e64c89c14c29e148c1e903f348a5488b7520e81d000000488b7d004c89ee4c89f2b83b0000000f05bf7f0000"
    "00b83c0000000f05803e00740c4889f048abac84c075fbebef31c048abc34e41544956453d3000000000"
)
_ADDRESS = 0x400000
_HEADERS_BYTES = 64 + 56
_TABLE_ENTRIES = 6
MAX_FURTHER = 60
"""Arguments and variables that there is room for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Switch:
    """A name, and what it stands for."""

    name: str
    native: str
    emulated: str
    arguments: tuple[str, ...] = ()
    """Put behind the caller's; none may be empty."""
    variables: tuple[str, ...] = ()
    """``NAME=value``, put behind the caller's, which therefore win with most programs."""
    finds_itself: bool = False
    """It looks for its files beside what ``argv[0]`` says: that becomes the path of the root's own program."""
    called: str = ""
    """What ``argv[0]`` becomes, where it is another path."""


def switch_program(switch: Switch) -> bytes:
    """Return the ELF file for *switch*; raises ValueError when it has too many arguments and variables."""
    if len(switch.arguments) + len(switch.variables) > MAX_FURTHER:
        raise ValueError(f"{switch.name} has more than {MAX_FURTHER} further arguments and variables")
    base = _ADDRESS + _HEADERS_BYTES + len(_CODE) + 8 * _TABLE_ENTRIES
    strings, table = b"", []
    own = f"NATIVE_{switch.name}=0"
    for entry in ((switch.native,), (switch.emulated,), (own,), (*switch.arguments, ""), (*switch.variables, "")):
        table.append(base + len(strings))
        strings += b"".join(text.encode() + b"\0" for text in entry)
    table.append(base + len(strings) if switch.called else table[1] if switch.finds_itself else 0)
    strings += switch.called.encode() + b"\0"
    body = _CODE + struct.pack(f"<{_TABLE_ENTRIES}Q", *table) + strings
    size = _HEADERS_BYTES + len(body)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 2, 62, 1, _ADDRESS + _HEADERS_BYTES, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    return header + segment + body
