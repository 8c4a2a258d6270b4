"""Tell by the bytes for which architecture machine code was made.

V8 links its builtins as data that mksnapshot wrote, so an archive of clean AArch64 objects can hold x86-64
builtins. No header tells; the instructions do. For each architecture we count *landmarks*, instructions that V8's
builtins (and compilers) cannot do without, and compare the count per KiB with what real builtins have.

The expected figures were counted in V8 10.2's builtins as Debian 12 ships them for five architectures (1.3 to 2.1 MB
each) and in V8 13.7's for AArch64. There, an architecture's own landmarks are 18 and more times as frequent, relative
to the expected figure, as those of any other; random bytes and zeros reach 0.003. 0xCC is no landmark: V8 pads with
it everywhere.
"""

from __future__ import annotations

import dataclasses
import re

KIB = 1024
MAX_CODE_BYTES = 16 * 1024 * 1024
MIN_CODE_BYTES = 4 * KIB
"""Less code than this says too little."""
MIN_SHARE = 0.15
"""Least share of the expected frequency that counts as a find."""
MIN_LEAD = 5.0
"""How much more frequent than the runner-up, relative to the expected figures, the winner must be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Instructions that give one architecture away."""

    target: str
    names: str
    pattern: re.Pattern[bytes]
    alignment_bytes: int
    expected_per_kib: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeGuess:
    """What the bytes say: the name of a target or None, and the counts behind it."""

    target: str | None
    evidence: str


LANDMARKS: tuple[Landmarks, ...] = (
    Landmarks(
        target="amd64",
        names="mov with REX.W",
        pattern=re.compile(rb"[\x48\x49\x4c\x4d][\x89\x8b]"),
        alignment_bytes=1,
        expected_per_kib=60,
    ),
    Landmarks(
        target="arm64",
        names="ret, stp x29/x30, ldp x29/x30",
        pattern=re.compile(rb"\xc0\x03\x5f\xd6|\xfd\x7b\xbf\xa9|\xfd\x7b\xc1\xa8"),
        alignment_bytes=4,
        expected_per_kib=3.5,
    ),
    Landmarks(
        target="armhf",
        names="bx lr, push {fp, lr}, pop {fp, lr}",
        pattern=re.compile(rb"\x1e\xff\x2f\xe1|\x00\x48\x2d\xe9|\x00\x48\xbd\xe8"),
        alignment_bytes=4,
        expected_per_kib=2.5,
    ),
    Landmarks(
        target="ppc64el",
        names="blr, bctrl, mflr r0, mtctr r12",
        pattern=re.compile(rb"\x20\x00\x80\x4e|\x21\x04\x80\x4e|\xa6\x02\x08\x7c|\xa6\x03\x89\x7d"),
        alignment_bytes=4,
        expected_per_kib=10,
    ),
    Landmarks(
        target="s390x",
        names="lg, lgr, br %r14",
        pattern=re.compile(rb"\xe3.{4}\x04|\xb9\x04|\x07\xfe", re.DOTALL),
        alignment_bytes=2,
        expected_per_kib=50,
    ),
)


def classify(code: bytes) -> CodeGuess:
    """Return which target *code* was made for; None when it is too short, no code, or not clear.

    At most MAX_CODE_BYTES are looked at.
    """
    code = code[:MAX_CODE_BYTES]
    if len(code) < MIN_CODE_BYTES:
        return CodeGuess(target=None, evidence=f"{len(code)} bytes are too few to tell")
    counts = [(_count(marks, code), marks) for marks in LANDMARKS]
    shares = sorted(
        ((count / (len(code) / KIB) / marks.expected_per_kib, count, marks) for count, marks in counts),
        key=lambda row: row[0],
        reverse=True,
    )
    (best, count, marks), (runner_up, _count2, other) = shares[0], shares[1]
    said = f"{count} x ({marks.names}) in {len(code) // KIB} KiB"
    if best < MIN_SHARE:
        return CodeGuess(target=None, evidence=f"no known instructions are frequent; most are {said}")
    if best < MIN_LEAD * runner_up:
        return CodeGuess(target=None, evidence=f"code of {marks.target} and of {other.target} mixed: {said}")
    return CodeGuess(target=marks.target, evidence=said)


def _count(marks: Landmarks, code: bytes) -> int:
    return sum(1 for found in marks.pattern.finditer(code) if found.start() % marks.alignment_bytes == 0)
