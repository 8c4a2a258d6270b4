"""What native programs in a root are told of the machine: the root's kind, as emulated programs are.

All native programs share one private C library. Its function ``uname`` (uname(2)) is rewritten in place, to put the
root's name over the one that the kernel gives.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.elf.symbols import code_of, dynamic_symbols

_FUNCTION = "uname"
_MACHINE_AT = 4 * 65
"""struct utsname: six strings of 65 bytes each, of which the fifth is the machine's name."""
_NAME_BYTES = 8
_ASK = bytes.fromhex("b83f0000000f05")  # mov eax,63; syscall
_AFTER = bytes.fromhex("85c07511")  # test eax,eax; jnz to the end
_LOAD = bytes.fromhex("48b9")  # mov rcx,name
_STORE = bytes.fromhex("48898f")  # mov [rdi+place],rcx
_RETURN = b"\xc3"


def set_machine_name(library: Path, machine: str) -> bool:
    """Have the C library *library* of x86-64 say that the machine is a *machine*.

    Return False, and change nothing, where the function does not look as it does in the versions that were tried.
    """
    name = machine.encode()
    symbols = [symbol for symbol in dynamic_symbols(library) if symbol.name == _FUNCTION and symbol.defined]
    if len(name) >= _NAME_BYTES or len(symbols) != 1:
        return False
    own = code_of(library, symbols[0])
    data = library.read_bytes()
    code = answering(name)
    if not own.startswith(_ASK) or len(own) < len(code) or data.count(own) != 1:
        return False
    library.write_bytes(data.replace(own, code + own[len(code) :]))
    return True


def answering(name: bytes) -> bytes:
    """Return the function that says *name*."""
    place = _MACHINE_AT.to_bytes(4, "little")
    return _ASK + _AFTER + _LOAD + name.ljust(_NAME_BYTES, b"\0") + _STORE + place + _RETURN
