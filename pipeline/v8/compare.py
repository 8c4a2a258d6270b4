"""Compares what two executors made of one generator: part by part, for V8 snapshots section by section."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.v8.blob import SnapshotBlob, parse


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A part that is not equal."""

    file: str
    part: str
    """``file``, or a part of a V8 snapshot: header, start-up, read-only, shared heap, context N, or what the
    embedder appended."""
    of_v8: bool
    """Whether the part is V8's: there a difference means that two machines do not make the same snapshot."""
    message: str


def compare_trees(trees: tuple[Path, Path], out_dirs: tuple[str, str]) -> Iterator[Difference]:
    """Yield what is unequal in two captured OUT_DIRs, which the generators saw as *out_dirs*."""
    first, second = ({path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
                     for tree in trees)  # fmt: skip
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second:
            where = "second" if name not in second else "first"
            yield Difference(file=name, part="file", of_v8=False, message=f"the {where} executor did not make it")
        else:
            # Text may name OUT_DIR, which is another one for each run.
            contents = (first[name].read_bytes(), second[name].read_bytes())
            ours, theirs = (
                data.replace(seen.encode(), b"$OUT_DIR") for data, seen in zip(contents, out_dirs, strict=True)
            )
            yield from compare_files(name, ours, theirs)


def compare_files(name: str, first: bytes, second: bytes) -> Iterator[Difference]:
    """Yield the unequal parts of two files."""
    if first == second:
        return
    blobs = parse(first), parse(second)
    parts = [_parts(blob, data) for blob, data in zip(blobs, (first, second), strict=True)]
    if parts[0].keys() != parts[1].keys():
        yield Difference(
            file=name, part="file", of_v8=False, message=f"{len(first)} and {len(second)} bytes of other parts"
        )
        return
    for part, (of_v8, ours) in parts[0].items():
        theirs = parts[1][part][1]
        if ours != theirs:
            yield Difference(file=name, part=part, of_v8=of_v8, message=_describe(ours, theirs))


def _parts(blob: SnapshotBlob | None, data: bytes) -> dict[str, tuple[bool, bytes]]:
    """Return each part of a file with whether it is V8's."""
    if blob is None:
        return {"file": (False, data)}
    named = {"header": (True, data[blob.offset : blob.offset + blob.sections[0].offset])}
    for number, section in enumerate(blob.sections):
        content = data[blob.offset + section.offset : blob.offset + section.end]
        named[_section_name(blob, number)] = (True, content)
    return named | {"appended by the embedder": (False, data[: blob.offset] + data[blob.end :])}


def _section_name(blob: SnapshotBlob, number: int) -> str:
    first_context = len(blob.sections) - blob.contexts
    if number >= first_context:
        return f"context {number - first_context}"
    if number == blob.read_only_index:
        return "read-only"
    return "start-up" if number == 0 else f"section {number}"


def _describe(ours: bytes, theirs: bytes) -> str:
    if len(ours) != len(theirs):
        return f"{len(ours)} bytes and {len(theirs)} bytes"
    places = [place for place, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    return f"{len(places)} of {len(ours)} bytes differ, between offsets {places[0]} and {places[-1]}"
