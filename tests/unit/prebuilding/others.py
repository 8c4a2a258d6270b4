"""Small files in the formats of macOS and Windows, as their linkers write them."""

from __future__ import annotations

import struct

X64, ARM64 = 0x01000007, 0x0100000C
MACOS, IOS = 1, 2
RETURNS_9 = {X64: b"\xb8\x09\0\0\0\xc3", ARM64: struct.pack("<2I", 0x52800120, 0xD65F03C0)}


def macho(
    cpu: int = ARM64, *, wanted: tuple[str, ...] = (), version: bool = False, system: int | None = MACOS
) -> bytes:
    """Return a bundle that wants functions, and perhaps says that it is for Node-API 9; for macOS 11.0 or *system*."""
    offered = ("node_api_module_get_api_version_v1",) if version else ()
    strings, entries = b" \0", b""
    for name in (*wanted, *offered):
        kind, address = (0x0F, 0x1000) if name in offered else (0x01, 0)
        entries += struct.pack("<IBBHQ", len(strings), kind, 1, 0, address)
        strings += f"_{name}\0".encode()
    code = RETURNS_9[cpu]
    count, size = (3, 72 + 24 + 24) if system else (2, 72 + 24)
    start = 32 + size
    commands = struct.pack("<2I16s4Q4I", 0x19, 72, b"__TEXT", 0x1000, 0x1000, start, len(code), 5, 5, 0, 0)
    commands += struct.pack(
        "<6I", 2, 24, start + len(code), len(entries) // 16, start + len(code) + len(entries), len(strings)
    )
    if system:
        commands += struct.pack("<6I", 0x32, 24, system, 11 << 16, 11 << 16, 0)
    header = struct.pack("<4s7I", b"\xcf\xfa\xed\xfe", cpu, 0, 8, count, size, 0, 0)
    return header + commands + code + entries + strings


def universal(*parts: tuple[int, bytes]) -> bytes:
    """Return a universal file with a part for each CPU."""
    table, content, offset = b"", b"", 4096
    for cpu, part in parts:
        table += struct.pack(">5I", cpu, 0, offset + len(content), len(part), 0)
        content += part
    return (struct.pack(">4sI", b"\xca\xfe\xba\xbe", len(parts)) + table).ljust(offset, b"\0") + content


def pe(machine: int = 0x8664, *, early: tuple[str, ...] = (), late: tuple[str, ...] = ()) -> bytes:
    """Return a library for Windows that imports functions, some of them when they are first called."""
    start, address = 0x200, 0x1000
    data = bytearray(2 * 20 + 2 * 32)

    def names(wanted: tuple[str, ...]) -> int:
        places = []
        for name in wanted:
            places.append(address + len(data))
            data.extend(b"\0\0" + name.encode() + b"\0")
        table = address + len(data)
        data.extend(struct.pack(f"<{len(places) + 1}Q", *places, 0))
        return table

    struct.pack_into("<5I", data, 0, names(early), 0, 0, 1, 1)
    struct.pack_into("<8I", data, 40, 1, 1, 1, 1, names(late), 0, 0, 0)
    directories = bytearray(16 * 8)
    struct.pack_into("<2I", directories, 8, address, 40)
    struct.pack_into("<2I", directories, 13 * 8, address + 40, 64)
    optional = struct.pack("<H", 0x20B).ljust(112, b"\0") + bytes(directories)
    section = struct.pack("<8s4I", b".rdata", len(data), address, len(data), start).ljust(40, b"\0")
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    head += b"PE\0\0" + struct.pack("<2H12x2H", machine, 1, len(optional), 0) + optional + section
    return head.ljust(start, b"\0") + bytes(data)
