"""ELF objects and archives for the tests, made by hand so that no compiler is needed."""

from __future__ import annotations

import struct

from pipeline.model.target import Target

BUILTINS = "v8_Default_embedded_blob_code_"


def elf_object(target: Target, code: bytes, *, symbol: str = BUILTINS, section: str = ".text") -> bytes:
    """Return a relocatable object with one section and one global symbol at its start."""
    wide, order = target.elf_class == 64, "<" if target.endianness == "little" else ">"
    header_size, entry_size = (64, 64) if wide else (52, 40)
    names = b"\0" + section.encode() + b"\0.symtab\0.strtab\0"
    strings = b"\0" + symbol.encode() + b"\0"
    symbols = _symbol(order, wide, 0, 0) + _symbol(order, wide, 1, 1)
    parts = [code, symbols, strings, names]
    offsets, at = [], header_size
    for part in parts:
        offsets.append(at)
        at += len(part)
    name_at = [1, names.index(b".symtab"), names.index(b".strtab"), names.index(b".strtab")]
    kinds, links, entries = [1, 2, 3, 3], [0, 3, 0, 0], [0, len(symbols) // 2, 0, 0]
    table = bytes(entry_size)
    for i in range(4):
        fields = (
            name_at[i],
            kinds[i],
            0,
            0,
            offsets[i],
            len(parts[i]),
            links[i],
            1 if kinds[i] == 2 else 0,
            1,
            entries[i],
        )
        table += struct.pack(order + ("IIQQQQIIQQ" if wide else "10I"), *fields)
    return _header(target, order, wide, at) + b"".join(parts) + table


def _header(target: Target, order: str, wide: bool, table_at: int) -> bytes:
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    sizes = (64, 0, 0, 64, 5, 4) if wide else (52, 0, 0, 40, 5, 4)
    layout = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
    return ident + struct.pack(order + layout, 1, target.elf_machine, 1, 0, 0, table_at, 0, *sizes)


def _symbol(order: str, wide: bool, name: int, section: int) -> bytes:
    if wide:
        return struct.pack(order + "IBBHQQ", name, 0x10, 0, section, 0, 0)
    return struct.pack(order + "IIIBBH", name, 0, 0, 0x10, 0, section)


def archive(*members: tuple[str, bytes], symbols: bool = True) -> bytes:
    """Return an ar archive whose symbol table, if any, says where the builtins are."""
    table_size = 8 + len(BUILTINS) + 1
    table_size += table_size % 2
    at = 8 + (60 + table_size if symbols else 0)
    body, builtins_at = b"", 0
    for name, content in members:
        if BUILTINS.encode() in content and not builtins_at:
            builtins_at = at
        body += _member(name, content)
        at = 8 + (60 + table_size if symbols else 0) + len(body)
    table = (struct.pack(">II", 1, builtins_at) + BUILTINS.encode() + b"\0").ljust(table_size, b"\0")
    return b"!<arch>\n" + (_member("", table) if symbols else b"") + body


def _member(name: str, content: bytes) -> bytes:
    header = (
        f"{name}/".ljust(16) + "0".ljust(12) + "0".ljust(6) * 2 + "644".ljust(8) + str(len(content)).ljust(10) + "`\n"
    )
    return header.encode() + content + b"\n" * (len(content) % 2)
