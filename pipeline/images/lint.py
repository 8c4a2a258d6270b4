"""Finds in a Dockerfile what would have to be emulated: RUN in a stage of the target's platform."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_BUILD_PLATFORMS = frozenset({"$BUILDPLATFORM", "${BUILDPLATFORM}"})
_CONTINUED = re.compile(r"\\[ \t]*$")
_HEREDOC = re.compile(r"<<-?(?P<quote>['\"]?)(?P<word>[A-Za-z_]\w*)(?P=quote)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction, its continuation lines joined."""

    line: int
    """Where it begins, from 1."""
    word: str
    """In capitals."""
    rest: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stage:
    name: str
    platform: str | None
    """What ``--platform`` says, of the stage that it is made from where it says nothing itself."""


def emulated_runs(text: str) -> tuple[str, ...]:
    """Return a sentence for each RUN that an image for another platform could only do under emulation."""
    faults: list[str] = []
    stages: dict[str, _Stage] = {}
    stage: _Stage | None = None
    for instruction in instructions(text):
        if instruction.word == "FROM":
            stage = _stage(instruction.rest, stages, number=len(stages))
            stages[stage.name] = stage
        elif instruction.word in {"RUN", "ONBUILD"}:
            faults += _faults(instruction, stage)
    return tuple(faults)


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile; comments and the bodies of here-documents are passed over."""
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        whole = line.strip()
        if not whole or whole.startswith("#"):
            continue
        while _CONTINUED.search(whole):
            following = next(lines, (0, ""))[1].strip()
            # Comments and empty lines may stand between the parts of an instruction.
            whole = whole if following.startswith("#") else f"{_CONTINUED.sub('', whole)} {following}"
        word, _, rest = whole.partition(" ")
        for document in _HEREDOC.finditer(rest):
            _skip_to(lines, document["word"])
        yield Instruction(line=number, word=word.upper(), rest=rest.strip())


def _skip_to(lines: Iterator[tuple[int, str]], end: str) -> None:
    for _number, line in lines:
        if line.strip() == end:
            return


def _stage(rest: str, stages: dict[str, _Stage], *, number: int) -> _Stage:
    words = rest.split()
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    words = [word for word in words if not word.startswith("--")]
    base = words[0].lower() if words else ""
    name = words[2].lower() if len(words) > 2 and words[1].upper() == "AS" else str(number)
    inherited = stages[base].platform if base in stages else None
    return _Stage(name=name, platform=flags.get("platform", inherited))


def _faults(instruction: Instruction, stage: _Stage | None) -> Iterator[str]:
    if instruction.word == "ONBUILD" and instruction.rest.split()[:1] not in (["RUN"], ["run"]):
        return
    if stage and instruction.word == "RUN" and stage.platform in _BUILD_PLATFORMS:
        return
    name = f"stage {stage.name!r}" if stage else "a stage that has not begun"
    platform = f"of platform {stage.platform}" if stage and stage.platform else "of the target's platform"
    yield f"line {instruction.line}: {instruction.word} in {name}, which is {platform}"
