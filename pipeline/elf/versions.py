"""The versions of other libraries' symbols that an ELF file asks for.

Formats: Linux Standard Base Core 5.0, chapter 10.7 (symbol versions). The layout of the table of hashes
(``DT_GNU_HASH``) is that of binutils (``bfd/elflink.c``).
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.elf.image import READ_ERRORS, DamagedError, ElfImage

_MAX_VERSION_RECORDS = 4096
MAX_SYMBOLS = 262144
DT_SYMTAB, DT_GNU_HASH, _DT_VERSYM = 6, 0x6FFFFEF5, 0x6FFFFFF0
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
SYMBOL_BYTES = {32: 16, 64: 24}
_VERSION_BITS = 0x7FFF
"""The highest bit of a symbol's version hides it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeededVersion:
    """One version of one library's symbols."""

    library: str
    name: str
    index: int
    """What symbols refer to it by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeededSymbol:
    """A symbol that comes from a library, in one version."""

    name: str
    version: str


def needed_versions(image: ElfImage) -> Iterator[NeededVersion]:
    """Yield the versions that the file needs, library by library."""
    places, counts = image.values(_DT_VERNEED), image.values(_DT_VERNEEDNUM)
    if not places or not counts:
        return
    offset = image.file_offset(places[0])
    for _ in range(min(counts[0], _MAX_VERSION_RECORDS)):
        record = image.parse(image.structs.Elf_Verneed, offset)
        library = image.string(record["vn_file"])
        yield from _versions_of(image, library, offset + record["vn_aux"], record["vn_cnt"])
        if not record["vn_next"]:
            return
        offset += record["vn_next"]


def _versions_of(image: ElfImage, library: str, offset: int, count: int) -> Iterator[NeededVersion]:
    if count > _MAX_VERSION_RECORDS:
        raise DamagedError(f"{count} versions of one library")
    for _ in range(count):
        record = image.parse(image.structs.Elf_Vernaux, offset)
        yield NeededVersion(library=library, name=image.string(record["vna_name"]), index=record["vna_other"])
        if not record["vna_next"]:
            return
        offset += record["vna_next"]


def symbols_of(path: Path, versions: frozenset[str]) -> tuple[NeededSymbol, ...]:
    """Return the symbols that the ELF file *path* needs in one of *versions*, sorted by name.

    None of them where the file does not tell: it has no table of hashes, or is damaged.
    """
    try:
        with path.open("rb") as stream:
            image = ElfImage(stream)
            wanted = {need.index: need.name for need in needed_versions(image) if need.name in versions}
            found = tuple(_symbols(image, wanted))
    except READ_ERRORS:
        return ()
    return tuple(sorted(found, key=lambda symbol: symbol.name))


def count_symbols(image: ElfImage, hashes: int) -> int:
    """Return how many symbols there are: no field says so, but the last one ends the last chain of hashes."""
    buckets, first_hashed, bloom_words, _shift = struct.unpack(f"{image.order}4I", image.read(hashes, 16))
    if not 0 < buckets <= MAX_SYMBOLS:
        raise DamagedError(f"a table of hashes with {buckets} buckets")
    start = hashes + 16 + bloom_words * image.elf_class // 8
    last: int = max(struct.unpack(f"{image.order}{buckets}I", image.read(start, 4 * buckets)))
    if last < first_hashed:
        return int(first_hashed)
    chains = start + 4 * buckets
    for number in range(last, min(last, MAX_SYMBOLS) + MAX_SYMBOLS):
        (value,) = struct.unpack(f"{image.order}I", image.read(chains + 4 * (number - first_hashed), 4))
        if value & 1:
            return number + 1
    raise DamagedError("a chain of hashes without an end")


def _symbols(image: ElfImage, wanted: dict[int, str]) -> Iterator[NeededSymbol]:
    tables = [image.values(tag) for tag in (DT_SYMTAB, DT_GNU_HASH, _DT_VERSYM)]
    if not all(tables):
        return
    symbols, hashes, indexes = (image.file_offset(addresses[0]) for addresses in tables)
    count = min(count_symbols(image, hashes), MAX_SYMBOLS)
    versions = struct.unpack(f"{image.order}{count}H", image.read(indexes, 2 * count))
    for number, version in enumerate(versions):
        name = wanted.get(version & _VERSION_BITS)
        if name:
            place = symbols + number * SYMBOL_BYTES[image.elf_class]
            (text,) = struct.unpack(f"{image.order}I", image.read(place, 4))
            yield NeededSymbol(name=image.string(text), version=name)
