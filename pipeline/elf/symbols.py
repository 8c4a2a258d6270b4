"""The names in the dynamic symbol table of an ELF file: what it wants of others, and what it offers.

System V ABI, chapter 4 (symbol table) and chapter 5 (dynamic linking).
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.elf.image import READ_ERRORS, DamagedError, ElfImage
from pipeline.elf.versions import DT_GNU_HASH, DT_SYMTAB, MAX_SYMBOLS, SYMBOL_BYTES, count_symbols
from pipeline.errors import ArchiveError

_DT_HASH = 4
_STB_WEAK = 2
_MAX_CODE_BYTES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Symbol:
    """One entry of the table."""

    name: str
    address: int
    size_bytes: int
    defined: bool
    weak: bool


def dynamic_symbols(path: Path) -> tuple[Symbol, ...]:
    """Return the dynamic symbols of the ELF file *path*, without the nameless ones.

    Raises ArchiveError when it is damaged.
    """
    try:
        with path.open("rb") as stream:
            return tuple(_symbols(ElfImage(stream)))
    except READ_ERRORS as error:
        raise ArchiveError(
            f"the symbols of {path} cannot be read: {error}",
            cause="the file is cut, damaged, or something else than a Linux program or library",
            action="look what it is with `file`, and build it again",
        ) from error


def code_of(path: Path, symbol: Symbol) -> bytes:
    """Return the first bytes of a function; none where the file does not hold them."""
    try:
        with path.open("rb") as stream:
            image = ElfImage(stream)
            # Bit 0 of the address of a function of 32-bit ARM says that it is Thumb code.
            address = symbol.address & ~1 if image.elf_class == 32 else symbol.address
            return image.read(image.file_offset(address), min(symbol.size_bytes, _MAX_CODE_BYTES))
    except READ_ERRORS:
        return b""


def _count(image: ElfImage) -> int:
    if tables := image.values(DT_GNU_HASH):
        return min(count_symbols(image, image.file_offset(tables[0])), MAX_SYMBOLS)
    if tables := image.values(_DT_HASH):
        _buckets, chains = struct.unpack(f"{image.order}2I", image.read(image.file_offset(tables[0]), 8))
        return min(int(chains), MAX_SYMBOLS)
    raise DamagedError("it has no table of hashes")


def _symbols(image: ElfImage) -> Iterator[Symbol]:
    tables = image.values(DT_SYMTAB)
    if not tables:
        return
    size = SYMBOL_BYTES[image.elf_class]
    data = image.read(image.file_offset(tables[0]), size * _count(image))
    # st_name, st_info, st_other, st_shndx, st_value, st_size; in 32-bit files value and size stand second.
    layout = struct.Struct(f"{image.order}{'IBBHQQ' if image.elf_class == 64 else 'IIIBBH'}")
    for entry in layout.iter_unpack(data):
        if image.elf_class == 64:
            name, info, _other, section, value, length = entry
        else:
            name, value, length, info, _other, section = entry
        if name:
            yield Symbol(
                name=image.string(name),
                address=value,
                size_bytes=length,
                defined=section != 0,
                weak=info >> 4 == _STB_WEAK,
            )
