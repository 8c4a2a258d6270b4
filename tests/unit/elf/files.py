"""Whole ELF files for the tests, of every class and byte order, made by hand so that no compiler is needed."""

from __future__ import annotations

import dataclasses
import struct

from pipeline.model.target import Target

ADDRESS = 0x100000
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
RIGHT_FLAGS = {"armhf": 0x05000400, "ppc64el": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ElfSpec:
    """What the file is to say about itself."""

    target: Target
    needed: tuple[str, ...] = ("libc.so.6",)
    soname: str | None = None
    runpath: str | None = None
    rpath: str | None = None
    versions: tuple[tuple[str, tuple[str, ...]], ...] = (("libc.so.6", ("GLIBC_2.17", "GLIBC_2.34")),)
    interpreter: str | None = None
    alignment_bytes: int = 0x10000
    stack_flags: int | None = 6
    relro: bool = True
    bind_now: bool = True
    build_id: bytes = bytes(range(20))
    flags: int | None = None
    payload: bytes = b""
    symbols: tuple[tuple[str, bytes | None], ...] = ()
    """Names in the dynamic symbol table, and the code of those that are defined."""


def elf_file(spec: ElfSpec) -> bytes:
    """Return the file."""
    return _Writer(spec).whole()


class _Writer:
    def __init__(self, spec: ElfSpec) -> None:
        self.spec = spec
        self.wide = spec.target.elf_class == 64
        self.order = "<" if spec.target.endianness == "little" else ">"
        self.word = "Q" if self.wide else "I"
        self.strings = bytearray(b"\0")
        self.body = bytearray()
        self.segments: list[tuple[int, int, int, int, int]] = []
        self.start = (64 if self.wide else 52) + 8 * (56 if self.wide else 32)

    def pack(self, layout: str, *values: int) -> bytes:
        return struct.pack(self.order + layout, *values)

    def string(self, text: str) -> int:
        place = len(self.strings)
        self.strings += text.encode() + b"\0"
        return place

    def add(self, content: bytes) -> int:
        """Append *content* to the body and return its offset in the file."""
        self.body += bytes(-len(self.body) % 8)
        place = self.start + len(self.body)
        self.body += content
        return place

    def version_needs(self) -> bytes:
        out = b""
        for index, (library, names) in enumerate(self.spec.versions):
            last = index + 1 == len(self.spec.versions)
            following = 0 if last else 16 + 16 * len(names)
            out += self.pack("HHIII", 1, len(names), self.string(library), 16, following)
            for number, name in enumerate(names):
                step = 0 if number + 1 == len(names) else 16
                out += self.pack("IHHII", 0, 0, 2, self.string(name), step)
        return out

    def dynamic(self) -> bytes:
        spec = self.spec
        entries = [(1, self.string(name)) for name in spec.needed]
        for tag, text in ((14, spec.soname), (15, spec.rpath), (29, spec.runpath)):
            if text is not None:
                entries.append((tag, self.string(text)))
        if spec.versions:
            entries += [(0x6FFFFFFE, ADDRESS + self.add(self.version_needs())), (0x6FFFFFFF, len(spec.versions))]
        if spec.bind_now:
            entries.append((30, 8))
        if spec.symbols:
            entries += [(6, ADDRESS + self.add(self.symbol_table())), (4, ADDRESS + self.add(self.hash_table()))]
        entries.append((5, ADDRESS + self.add(bytes(self.strings))))
        return b"".join(self.pack(2 * self.word, *entry) for entry in [*entries, (0, 0)])

    def symbol_table(self) -> bytes:
        out = bytes(24 if self.wide else 16)
        for name, code in self.spec.symbols:
            place, info, section = self.string(name), 0x12, 0 if code is None else 1
            address, size = (0, 0) if code is None else (ADDRESS + self.add(code), len(code))
            if self.wide:
                out += self.pack("IBBHQQ", place, info, 0, section, address, size)
            else:
                out += self.pack("IIIBBH", place, address, size, info, 0, section)
        return out

    def hash_table(self) -> bytes:
        return self.pack("II", 1, len(self.spec.symbols) + 1) + self.pack("I", 0) * (len(self.spec.symbols) + 2)

    def segment(self, kind: int, flags: int, offset: int, size: int, alignment: int) -> bytes:
        address = ADDRESS + offset
        if self.wide:
            return self.pack("IIQQQQQQ", kind, flags, offset, address, address, size, size, alignment)
        return self.pack("IIIIIIII", kind, offset, address, address, size, size, flags, alignment)

    def whole(self) -> bytes:
        spec = self.spec
        headers = []
        if spec.interpreter is not None:
            raw = spec.interpreter.encode() + b"\0"
            headers.append((PT_INTERP, 4, self.add(raw), len(raw), 1))
        dynamic = self.dynamic()
        headers.append((PT_DYNAMIC, 6, self.add(dynamic), len(dynamic), 8))
        note = self.pack("III", 4, len(spec.build_id), 3) + b"GNU\0" + spec.build_id
        headers.append((PT_NOTE, 4, self.add(note), len(note), 4))
        if spec.stack_flags is not None:
            headers.append((PT_GNU_STACK, spec.stack_flags, 0, 0, 16))
        if spec.relro:
            headers.append((PT_GNU_RELRO, 4, self.start, 8, 1))
        self.add(spec.payload)
        headers.insert(0, (PT_LOAD, 5, 0, self.start + len(self.body), spec.alignment_bytes))
        table = b"".join(self.segment(*header) for header in headers)
        return (self.header(len(headers)) + table).ljust(self.start, b"\0") + bytes(self.body)

    def header(self, count: int) -> bytes:
        size, entry = (64, 56) if self.wide else (52, 32)
        flags = self.spec.flags if self.spec.flags is not None else RIGHT_FLAGS.get(self.spec.target.name, 0)
        ident = b"\x7fELF" + bytes([2 if self.wide else 1, 1 if self.order == "<" else 2, 1]) + bytes(9)
        numbers = (3, self.spec.target.elf_machine, 1, 0, size, 0, flags, size, entry, count, 0, 0, 0)
        return ident + self.pack(f"HHI{3 * self.word}IHHHHHH", *numbers)
