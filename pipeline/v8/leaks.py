"""What a snapshot gives away about the machine that made it: its triple, and paths with names of people in them.

A runtime keeps the triple that it was built for in its snapshot; a cross build that made
the snapshot on the build host bears the host's. Paths come from source maps, stack traces and ``__filename``.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import TARGETS, Target
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import Buffer

MAX_SIDECAR_BYTES = 32 * 1024 * 1024
_LENGTH_BYTES = 8
_SHOWN = 5
_MAX_FOUND = 10_000
_SYSTEM = re.compile(rb"-unknown-linux-(?:gnu|musl)(?:eabihf)?(?![a-z])")
_LONGEST_MACHINE_BYTES = 16
# One literal byte first: the regular expression engine looks for it with memchr.
_HOME = re.compile(rb"/(?:home|Users|root)/[A-Za-z0-9._@+-]{1,64}(?:/[!-.0-~]{1,64}){0,4}")
_WINDOWS_HOME = re.compile(rb":[\\/]{1,2}Users[\\/]{1,2}[A-Za-z0-9._ -]{1,64}")
_BUILD = re.compile(rb"/(?:tmp|build|builds|var/tmp|__w|github/workspace)/[A-Za-z0-9._+-]{2,64}/[!-~]{1,128}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaks:
    """What was found in a snapshot and in what its embedder appended."""

    triples: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()
    """Paths in somebody's home directory."""
    build_paths: tuple[str, ...] = ()
    """Paths in directories that builds use."""


def sidecar_end(data: Buffer, blob: SnapshotBlob) -> int:
    """Return where what the embedder appended to *blob* ends; the snapshot's end where nothing is recognised.

    A library that embeds V8 may append its own data and then the length of V8's part, as a 64-bit little-endian number.
    V8's own snapshot, of one context, has none of that.
    """
    if blob.contexts == 1:
        return blob.end
    length = blob.size_bytes.to_bytes(_LENGTH_BYTES, "little")
    place = data.find(length, blob.end, blob.end + MAX_SIDECAR_BYTES)
    return place if place >= 0 else blob.end


def find_leaks(data: Buffer, start: int, end: int) -> Leaks:
    """Return what ``data[start:end]`` gives away."""
    content = data[start:end]
    homes = (found[0] for pattern in (_HOME, _WINDOWS_HOME) for found in pattern.finditer(content))
    return Leaks(
        triples=_triples(content),
        homes=_texts(homes),
        build_paths=_texts(found[0] for found in _BUILD.finditer(content)),
    )


def check_leaks(leaks: Leaks, *, subject: str, offset: int, target: Target | None, shipped: bool) -> list[Finding]:
    """Return the findings about what the snapshot at *offset* of *subject* gives away.

    *target* is that of the program that carries it, if known. In a product of one's own (*shipped*) home directories
    are a failure; in others' they are a fact.
    """
    found = [_triple_finding(leaks.triples, subject, offset, target)] if leaks.triples else []
    if leaks.homes or leaks.build_paths:
        paths = (*leaks.homes, *leaks.build_paths)
        wrong = shipped and bool(leaks.homes)
        found.append(
            Finding(
                id="v8.paths",
                severity=Severity.FAIL if wrong else Severity.INFO,
                subject=subject,
                offset=offset,
                message=f"names paths of the machine that made it: {', '.join(paths[:_SHOWN])}",
                hint="let the generator use paths relative to the workspace, or remap them" if wrong else "",
                evidence={"homes": leaks.homes, "build_paths": leaks.build_paths},
            )
        )
    return found


def _triple_finding(triples: tuple[str, ...], subject: str, offset: int, target: Target | None) -> Finding:
    named = " and ".join(triples)
    machine = target.rust_triple.partition("-")[0] if target else ""
    if target is None or len(triples) > 1:
        severity, agreement, message = Severity.INFO, Agreement.UNKNOWN, f"names the triple {named}"
    elif triples[0].startswith(f"{machine}-"):
        severity, agreement, message = Severity.OK, Agreement.MATCH, f"names the triple {named}, as its program is"
    else:
        severity, agreement = Severity.FAIL, Agreement.MISMATCH
        message = f"names the triple {named}, but its program is for {target.rust_triple}: it was made for a build host"
    return Finding(
        id="v8.triple",
        severity=severity,
        subject=subject,
        offset=offset,
        message=message,
        agreement=agreement,
        evidence={"triples": triples},
    )


def _triples(content: bytes) -> tuple[str, ...]:
    machines = [target.rust_triple.partition("-")[0].encode() for target in TARGETS]
    found = set()
    for system in itertools.islice(_SYSTEM.finditer(content), _MAX_FOUND):
        before = content[max(0, system.start() - _LONGEST_MACHINE_BYTES) : system.start()]
        found |= {(machine + system[0]).decode() for machine in machines if before.endswith(machine)}
    return tuple(sorted(found))


def _texts(found: Iterable[bytes]) -> tuple[str, ...]:
    some = itertools.islice(found, _MAX_FOUND)
    return tuple(sorted({text.decode("ascii", errors="replace") for text in some})[:_SHOWN])
