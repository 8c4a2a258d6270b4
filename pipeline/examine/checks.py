"""Every static finding about an input that was taken apart: nothing in it is run."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pipeline.elf.facts import ElfFacts
from pipeline.elf.policy import ElfPolicy, check_elf, describe_machine
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import ArchiveError
from pipeline.examine.declared import by_folder
from pipeline.examine.trees import MIN_DATA_BYTES, Declared, Opened, Tree
from pipeline.model.findings import Finding, Severity
from pipeline.model.members import Member
from pipeline.model.target import Target
from pipeline.v8.product import Surroundings, check_blobs, scan_product


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expectations:
    """What the caller knows about the input; everything else is taken from the input itself."""

    target: Target | None = None
    glibc: tuple[int, ...] | None = None
    """Newest glibc that its programs may need."""
    assumed: frozenset[str] = frozenset()
    """Libraries that its users are known to have."""
    complete: bool = False
    """Whether it must bring all other libraries that it needs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Program:
    member: Member
    subject: str
    path: Path
    facts: ElfFacts


def check(opened: Opened, expected: Expectations) -> tuple[Finding, ...]:
    """Return every static finding about *opened*."""
    return (*opened.findings, *(finding for tree in opened.trees for finding in _check_tree(tree, expected)))


def targets_of(opened: Opened) -> tuple[str, ...]:
    """Return for which targets the programs of *opened* are, by their ELF headers; sorted."""
    found = set()
    for tree in opened.trees:
        for member in tree.members:
            if member.path is not None and is_elf(member.path):
                try:
                    facts = read_elf(member.path)
                except ArchiveError:
                    continue
                target = facts.target()
                found.add(target.name if target else describe_machine(facts))
    return tuple(sorted(found))


def _check_tree(tree: Tree, expected: Expectations) -> Iterator[Finding]:
    programs, damaged = _programs(tree)
    yield from damaged
    provided = _provided(tree, programs)
    for program in programs:
        yield from _check_program(program, tree, expected, provided)
    yield from _check_snapshots(tree, programs, expected)
    if not programs and not damaged and not _has_data(tree):
        yield Finding(
            id="product.files",
            severity=Severity.FAIL,
            subject=tree.label or "all files",
            message="holds no program, no library and no snapshot",
        )


def _has_data(tree: Tree) -> bool:
    return any(member.path is not None and member.size_bytes >= MIN_DATA_BYTES for member in tree.members)


def _programs(tree: Tree) -> tuple[list[_Program], list[Finding]]:
    programs, damaged = [], []
    for member in tree.members:
        if member.path is None or not is_elf(member.path):
            continue
        subject = tree.subject(member)
        try:
            facts = read_elf(member.path)
        except ArchiveError as error:
            message = error.what.removeprefix(f"{member.path} ")
            damaged.append(Finding(id="elf.readable", severity=Severity.FAIL, subject=subject, message=message))
        else:
            programs.append(_Program(member=member, subject=subject, path=member.path, facts=facts))
    return programs, damaged


def _provided(tree: Tree, programs: list[_Program]) -> Mapping[Target | None, frozenset[str]]:
    """Return the names of the libraries that the tree has for each target; links count for all."""
    found: dict[Target | None, set[str]] = defaultdict(set)
    for program in programs:
        names = {PurePosixPath(program.member.name).name} | ({program.facts.soname} if program.facts.soname else set())
        found[program.facts.target()] |= names
    links = {PurePosixPath(member.name).name for member in tree.members if member.path is None}
    return {target: frozenset(names | links) for target, names in found.items()}


def _check_program(
    program: _Program, tree: Tree, expected: Expectations, provided: Mapping[Target | None, frozenset[str]]
) -> Iterator[Finding]:
    declared = _declared(program, tree, expected)
    actual = program.facts.target()
    if program.facts.elf_type == "relocatable" and expected.target is None:
        return  # what a build left behind; no program
    target = declared.target or actual
    if target is None:
        yield Finding(
            id="elf.machine",
            severity=Severity.INFO,
            subject=program.subject,
            message=f"is {describe_machine(program.facts)}, of which nothing more is known here",
            evidence={"class": program.facts.elf_class, "machine": program.facts.machine},
        )
        return
    policy = ElfPolicy(
        target=target,
        provided=provided.get(actual, frozenset()),
        assumed=expected.assumed,
        glibc_floor=expected.glibc or declared.glibc,
        complete=expected.complete or (tree.is_root and program.facts.interpreter is not None),
        is_root=tree.is_root,
    )
    for finding in check_elf(program.facts, policy, program.subject):
        if finding.id == "elf.machine" and finding.severity is Severity.FAIL:
            yield finding.model_copy(update={"message": f"{finding.message}, as {declared.source} says"})
        else:
            yield finding


def _declared(program: _Program, tree: Tree, expected: Expectations) -> Declared:
    if expected.target is not None:
        return Declared(target=expected.target, source="--target")
    return by_folder(program.member.name, tree.declared)


def _check_snapshots(tree: Tree, programs: list[_Program], expected: Expectations) -> Iterator[Finding]:
    """Yield what is to be said of snapshots, for the programs of each target and the files of data that go with them.

    Programs for different targets are kept apart: one must not vouch for another's snapshot. A file of data goes
    with the programs that lie nearest to it; where those are for several targets it is judged alone.
    """
    known = {program.member.name for program in programs}
    by_target: dict[Target | None, list[tuple[str, Path]]] = {p.facts.target(): [] for p in programs}
    alone: list[tuple[str, Path]] = []
    for member in tree.members:
        if member.path is not None and member.name not in known and member.size_bytes >= MIN_DATA_BYTES:
            targets = _nearest_targets(member.name, programs)
            files = by_target[targets.pop()] if len(targets) == 1 else alone
            files.append((tree.subject(member), member.path))
    for target, data in by_target.items():
        programs_here = tuple((p.subject, p.path) for p in programs if p.facts.target() == target)
        around = Surroundings(programs=programs_here, target=target, shipped=expected.complete)
        yield from check_blobs(scan_product((*programs_here, *data), ()), around)
    yield from check_blobs(scan_product(alone, ()), Surroundings(target=expected.target))


def _nearest_targets(name: str, programs: Iterable[_Program]) -> set[Target | None]:
    """Return the targets of the programs that share the most folders with the file *name*, of those the topmost."""
    found: dict[tuple[int, int], set[Target | None]] = defaultdict(set)
    for program in programs:
        depth = len(PurePosixPath(program.member.name).parts)
        found[_shared_folders(name, program.member.name), -depth].add(program.facts.target())
    return set(found[max(found)]) if found else set()


def _shared_folders(first: str, second: str) -> int:
    pairs = zip(PurePosixPath(first).parts[:-1], PurePosixPath(second).parts[:-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
