"""Prebuilds that were built on another machine: compared with what their headers say, and measured without a manifest.

A runner of another system has node-gyp and prebuildify, not this pipeline: what it leaves is a directory `prebuilds/`
whose names say what the files are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import PrebuildError
from pipeline.model.prebuilds.manifest import MANIFEST_PATH, Libc, Prebuild, PrebuildKind, Probe
from pipeline.model.prebuilds.name import DIRECTORY, PrebuildName, read_path
from pipeline.model.target import find_target
from pipeline.prebuilding import macho, pe
from pipeline.prebuilding.checking import Promise, check_file
from pipeline.prebuilding.described import describe
from pipeline.prebuilding.layout import Collected, read_layout
from pipeline.prebuilding.node_api import VERSION_FUNCTION, newest_of, node_api_need, returned_constant

_TARGETS = {"x64": "amd64", "arm64": "arm64", "arm": "armhf"}
_ACTION = "build it for that machine, or put it into the directory of the one that it is for"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """For which machines a file is, and which functions of Node-API it calls."""

    platform: str
    arches: tuple[str, ...]
    wanted: frozenset[str] = frozenset()
    declared: int | None = None
    """Version of Node-API that it says itself."""


def check_header(path: Path, place: PrebuildName) -> Header | None:
    """Return what the header of *path* says; None for a program without one, such as a script.

    Raises PrebuildError when it is for other machines than *place* says, ArchiveError for a damaged file.
    """
    header = _header(path)
    if header is None and place.kind is PrebuildKind.EXECUTABLE:
        return None
    if header is None:
        raise PrebuildError(f"{path} is no library of any system", cause="a damaged or empty file", action=_ACTION)
    if header.platform != place.platform or place.arch not in header.arches:
        what = " and ".join(f"{header.platform}-{arch}" for arch in header.arches)
        raise PrebuildError(
            f"{path} is for {what or header.platform}, not for {place.tuple}: its header says so",
            cause="the runner built for its own machine, or the file was put into the wrong directory",
            action=_ACTION,
        )
    return header


def _header(path: Path) -> Header | None:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic in {macho.MAGIC, macho.UNIVERSAL_MAGIC}:
        return _mach_header(path)
    if magic.startswith(pe.MAGIC):
        facts = pe.read_pe(path)
        return Header(platform="win32", arches=(facts.arch,) if facts.arch else (), wanted=facts.wanted)
    if is_elf(path):
        target = read_elf(path).target()
        return Header(platform="linux", arches=(target.node_arch,) if target else ())
    return None


def _mach_header(path: Path) -> Header:
    parts = macho.read_macho(path)
    if not all(part.macos for part in parts):
        raise PrebuildError(f"{path} is not for macOS", cause="it is for another system of Apple's", action=_ACTION)
    return Header(
        platform="darwin",
        arches=tuple(part.arch for part in parts if part.arch),
        wanted=frozenset(name for part in parts for name in part.wanted),
        declared=max((number for part in parts if (number := _declared(part))), default=None),
    )


def _declared(part: macho.MachPart) -> int | None:
    code = part.code.get(VERSION_FUNCTION)
    return returned_constant(code, find_target(_TARGETS[part.arch])) if code and part.arch else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """What prebuilds without a manifest are measured by."""

    headers: Path
    """Of a Node, for what version of Node-API has which functions."""
    probe: Probe | None
    """Of programs."""
    glibc_floor: str | None
    assumed_libraries: frozenset[str] = frozenset()


def read_elsewhere(directory: Path, name: str, version: str, measure: Measure) -> Collected:
    """Return what another run or machine left in *directory*, every file compared with its manifest and its header.

    Where there is no manifest, they are prebuilds of *name* and *version*, and measured. Raises PrebuildError,
    IntegrityError, ArchiveError.
    """
    if (directory / MANIFEST_PATH).is_file():
        found = read_layout(directory)
        for prebuild in found.prebuilds:
            if place := read_path(prebuild.path):
                check_header(found.files[prebuild.path], place)
        return found
    measured = tuple(measured_in(directory, measure))
    return Collected(
        name=name,
        version=version,
        prebuilds=tuple(prebuild for prebuild, _path in measured),
        files={prebuild.path: path for prebuild, path in measured},
    )


def measured_in(directory: Path, measure: Measure) -> Iterator[tuple[Prebuild, Path]]:
    """Yield the prebuilds in a *directory* without a manifest, and their files.

    Raises PrebuildError for a file that is not what its name says, and where there is none; ArchiveError.
    """
    found = False
    for path in sorted(path for path in (directory / DIRECTORY).rglob("*") if path.is_file()):
        place = read_path(path.relative_to(directory).as_posix())
        if place:
            found = True
            yield _measured(path, place, measure), path
    if not found:
        raise PrebuildError(
            f"there are no prebuilds in {directory}",
            cause=f"another directory: it has neither {DIRECTORY}/manifest.json nor files as prebuildify names them",
            action=f"give the directory that holds {DIRECTORY}/; docs/prebuilds.md describes it",
        )


def _measured(path: Path, place: PrebuildName, measure: Measure) -> Prebuild:
    header = check_header(path, place)
    is_addon = place.kind is PrebuildKind.NODE_ADDON
    need = _linux_need(path, place, measure) if place.platform == "linux" and is_elf(path) else None
    return describe(
        path,
        place,
        libc_floor=need,
        node_api=_node_api(path, place, header, measure) if is_addon and place.node_abi is None else None,
        probe=None if is_addon else measure.probe,
    )


def _linux_need(path: Path, place: PrebuildName, measure: Measure) -> str | None:
    if place.libc is None:
        raise PrebuildError(
            f"the name of {path} does not say which C library it is for",
            cause="prebuildify without --tag-libc",
            action="add .glibc or .musl before the end of its name",
        )
    promise = Promise(
        target=find_target(_TARGETS[place.arch]),
        libc=place.libc,
        glibc_floor=measure.glibc_floor if place.libc is Libc.GLIBC else None,
        assumed_libraries=measure.assumed_libraries,
    )
    return check_file(path, promise).libc_floor


def _node_api(path: Path, place: PrebuildName, header: Header | None, measure: Measure) -> int:
    if place.platform == "linux":
        need = node_api_need(path, measure.headers, find_target(_TARGETS[place.arch]))
        version = need.version if need else None
    else:
        called = [name for name in header.wanted if name.startswith(("napi_", "node_api_"))] if header else []
        version = max(newest_of(path, called, measure.headers), (header and header.declared) or 1) if called else None
    if version is None:
        raise PrebuildError(
            f"{path} calls no function of Node-API, and its name says no ABI",
            cause="an addon for one version of Node, built without its tag, or one that finds functions while it runs",
            action="name it NAME.abiNUMBER.node, or merge it with a manifest that says `node_api`",
        )
    return version
