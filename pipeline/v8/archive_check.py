"""Whether ``librusty_v8.a`` (or ``.a.gz``) holds V8 for one target, found out before anything is linked.

Three things are looked at while the archive streams through: the ELF header of every member, the machine code of
V8's embedded builtins (see ``builtins``), and V8's version string. Memory stays below the largest of the few
members that are looked into; 121 MB (22 MB packed) take about half a second.
"""

from __future__ import annotations

import dataclasses
import enum
import gzip
import io
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from pipeline.elf.ar import ArReader, Member
from pipeline.errors import ArchiveError
from pipeline.model.target import Target, target_of_elf
from pipeline.v8.builtins import MAX_CODE_BYTES, CodeGuess, classify

BUILTINS_SYMBOL = re.compile(r"v8_\w+?_embedded_blob_(code_)?")
"""V8's src/snapshot/embedded/embedded-file-writer.h: ``v8_<variant>_embedded_blob_code_``; before V8 8.6 code and
data were one blob without ``code_``."""
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_NAMED = 10
_VERSION_STRING = re.compile(rb"(?<![\d.])(\d{1,2}\.\d{1,2}\.\d{1,4}\.\d{1,4}(?:-[\w.]+)?)\0")
_ELF_MAGIC = b"\x7fELF"
_HEADER_BYTES = 20


class Verdict(enum.StrEnum):
    """What can be said of an archive."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArchiveReport:
    """What was found in an archive."""

    verdict: Verdict
    evidence: tuple[str, ...]
    """One sentence for each thing that speaks for the verdict."""
    object_count: int
    builtins_target: str | None
    """For which target the builtins were made; None when they are missing or not clear."""
    v8_version: str | None
    """V8's own version, such as ``13.7.152.14-rusty``; None when no member says it."""


def check_archive(path: Path, target: Target) -> ArchiveReport:
    """Compare the archive at *path*, gzip or not, with *target*.

    Raises ArchiveError when it is damaged or cut off, or no archive at all.
    """
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not compressed:
            return check_stream(raw, target, label=path.name)
        with gzip.GzipFile(fileobj=raw) as unpacked:
            try:
                return check_stream(io.BufferedReader(unpacked, 1 << 20), target, label=path.name)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise _cut_off(path, error) from error


def check_stream(stream: BinaryIO, target: Target, *, label: str) -> ArchiveReport:
    """Compare the ``ar`` archive that *stream* delivers with *target*. Raises ArchiveError when it is damaged."""
    reader = ArReader(stream, label=label)
    findings = _Findings(target)
    wanted: frozenset[int] | None = None
    for member in reader.members():
        if wanted is None:
            wanted = frozenset(s.member_offset for s in reader.symbols if BUILTINS_SYMBOL.fullmatch(s.name))
        head = member.read(_HEADER_BYTES)
        findings.header(member, head)
        if member.info.header_offset in wanted or member.info.name.startswith("embedded."):
            findings.builtins(member, head)
        elif member.info.name.endswith("version.o"):
            findings.version(member)
    if stream.read(1):  # gzip checks its own sums at the end
        raise ArchiveError(
            f"{label} goes on after its last member",
            cause="two files were joined, or the archive was altered",
            action="fetch or build it again",
        )
    return findings.report()


class _Findings:
    """Collects what the members say."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._objects = 0
        self._foreign: list[str] = []
        self._opaque: list[str] = []
        self._guesses: list[tuple[str, CodeGuess]] = []
        self._version: str | None = None

    def header(self, member: Member, head: bytes) -> None:
        """Compare a member's first bytes with the target's ELF header."""
        if member.info.is_external or not head.startswith(_ELF_MAGIC) or len(head) < _HEADER_BYTES:
            self._opaque.append(member.info.name)
            return
        self._objects += 1
        found = _describe(head)
        if found != _wanted(self._target):
            self._foreign.append(f"{member.info.name} is {found}")

    def builtins(self, member: Member, head: bytes) -> None:
        """Look at the machine code of the builtins in *member*."""
        if member.info.size_bytes > MAX_MEMBER_BYTES:
            self._guesses.append((member.info.name, CodeGuess(target=None, evidence="the member is too large to read")))
            return
        content = head + b"".join(member.windows())
        if BUILTINS_SYMBOL.search(content.decode("latin-1")) and content.startswith(_ELF_MAGIC):
            self._guesses.extend(_builtins_of(content, member.info.name))

    def version(self, member: Member) -> None:
        """Look for V8's version string."""
        found = _VERSION_STRING.search(member.read(1 << 20))
        if found:
            self._version = found[1].decode()

    def report(self) -> ArchiveReport:
        """Return the verdict and what speaks for it."""
        guessed = {guess.target for _where, guess in self._guesses}
        wrong = guessed - {self._target.name, None}
        if self._foreign or wrong:
            verdict = Verdict.MISMATCH
        elif self._objects and not self._opaque and guessed == {self._target.name}:
            verdict = Verdict.MATCH
        else:
            verdict = Verdict.UNKNOWN
        return ArchiveReport(
            verdict=verdict,
            evidence=tuple(self._evidence()),
            object_count=self._objects,
            builtins_target=next(iter(guessed)) if len(guessed) == 1 else None,
            v8_version=self._version,
        )

    def _evidence(self) -> list[str]:
        fine = self._objects - len(self._foreign)
        lines = [f"{fine} of {self._objects} object files are {_wanted(self._target)}"]
        lines += _some(self._foreign)
        if self._opaque:
            lines.append(f"{len(self._opaque)} members are no ELF objects: {', '.join(_some(self._opaque))}")
        for where, guess in self._guesses:
            lines.append(f"the builtins in {where} are code of {guess.target or 'an unknown kind'}: {guess.evidence}")
        if not self._guesses:
            lines.append("no member holds V8's embedded builtins")
        return lines


def _builtins_of(content: bytes, name: str) -> list[tuple[str, CodeGuess]]:
    """Return a guess for each builtins symbol of an ELF object."""
    guesses = []
    try:
        elf = ELFFile(io.BytesIO(content))
        table = elf.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            index = symbol["st_shndx"]
            if BUILTINS_SYMBOL.fullmatch(symbol.name) and isinstance(index, int):
                section = elf.get_section(index)
                start = section["sh_offset"] + symbol["st_value"]
                end = min(section["sh_offset"] + section["sh_size"], start + MAX_CODE_BYTES)
                guesses.append((f"{name}, section {section.name}", classify(content[start:end])))
    except (ELFError, struct.error, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        # pyelftools lets its own look-ups fail in these ways when an object's tables are damaged.
        guesses.append((name, CodeGuess(target=None, evidence=f"the object cannot be read ({error})")))
    return guesses


def _describe(head: bytes) -> str:
    """Return an ELF header in words: machine, class, byte order."""
    endianness = "little" if head[5] == 1 else "big"
    machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    elf_class = {1: 32, 2: 64}.get(head[4], 0)
    known = target_of_elf(machine=machine, elf_class=elf_class, endianness=endianness)
    name = f" ({known.name})" if known else ""
    return f"ELF{elf_class} {endianness}-endian machine {machine}{name}"


def _wanted(target: Target) -> str:
    return f"ELF{target.elf_class} {target.endianness}-endian machine {target.elf_machine} ({target.name})"


def _some(names: list[str]) -> list[str]:
    left = len(names) - MAX_NAMED
    return names if left <= 0 else [*names[:MAX_NAMED], f"and {left} more"]


def _cut_off(path: Path, error: Exception) -> ArchiveError:
    return ArchiveError(
        f"{path.name} cannot be unpacked: {error}",
        cause="the download was cut off, or the file was altered",
        action=f"delete {path} and fetch it again",
    )
