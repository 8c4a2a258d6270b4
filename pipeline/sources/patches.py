"""Patch files: what their headers say, which of them are for a version, and that each is for a runtime that exists.

``patches/<runtime>/*.patch`` begin with a header. Its line ``Applies-To: >=2.4, <2.6`` says for which versions (PEP 440
specifiers) a patch is meant; ``Package: NAME`` that it is for that package of the runtime's tree, and then the versions
are the package's and its paths begin at the package's directory.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pipeline import fs
from pipeline.errors import SpecError
from pipeline.model.build import BuildRequest
from pipeline.model.spec.origins import RegistrySource, Source

SUFFIX = ".patch"
_HEADER_LINE = re.compile(r"(Applies-To|Package):[ \t]*(.*)")
_FIRST_DIFF_LINE = re.compile(r"^(?:diff |--- |Index: )", re.MULTILINE)
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchFile:
    """A patch, and what its header says."""

    path: Path
    sha256: str
    versions: str
    """PEP 440 specifiers, as they are written."""
    package: str | None = None
    """Package that it is for; None: the runtime's source as a whole."""

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.name

    def is_for(self, version: str) -> bool:
        """Return whether *version* is in the range.

        Raises SpecError when it does not look like one.
        """
        try:
            return SpecifierSet(self.versions).contains(Version(version), prereleases=True)
        except InvalidVersion as error:
            raise SpecError(
                f"{self.name} is for a range of versions, and {version!r} is no version",
                cause="the version does not look like 2.4.5",
                action="correct the version in releases.toml, or build with --no-patches",
            ) from error


def read_patches(directory: Path | None) -> tuple[PatchFile, ...]:
    """Return the patches in *directory* in the order of their names; none where there is no such directory.

    Raises SpecError when one does not say for which versions it is.
    """
    return tuple(_read(path) for path in sorted(directory.glob(f"*{SUFFIX}"))) if directory else ()


def planned_patches(request: BuildRequest) -> tuple[str, ...]:
    """Return, in words, the patches that a build of *request* applies.

    Where the version turns out only when the source is there, the range is said beside the patch.
    Raises SpecError when a patch does not say for which versions it is.
    """
    named = []
    for one in read_patches(request.patches_dir):
        version = _known_version(one, request.runtime.source)
        if version is None:
            subject = f"{one.package} " if one.package else ""
            named.append(f"{one.name} (if {subject}{one.versions})")
        elif one.is_for(version):
            named.append(one.name)
    return tuple(named)


def _known_version(one: PatchFile, source: Source) -> str | None:
    """Return the version of what a patch is for, as far as it is known before the source is there."""
    if isinstance(source, RegistrySource) and one.package in {None, source.package}:
        return source.version
    return None


def require_runtimes(patches_dir: Path, runtimes: Collection[str]) -> None:
    """Make sure that every directory in *patches_dir* is for a runtime.

    Raises SpecError: patches that nothing takes would be missed without a word.
    """
    for name in sorted(path.name for path in patches_dir.glob("*/")):
        if name not in runtimes:
            raise SpecError(
                f"{patches_dir / name} is for a runtime that does not exist{_guess(name, runtimes)}",
                cause="the directory is misspelt, or the runtime was renamed in releases.toml",
                action=f"name it after one of {', '.join(sorted(runtimes)) or '(no runtime is described)'}",
            )


def require_directory(directory: Path) -> None:
    """Make sure that the directory is there which a runtime names as that of its patches.

    Raises SpecError.
    """
    if not directory.is_dir():
        near = _guess(directory.name, (path.name for path in directory.parent.glob("*/")))
        raise SpecError(
            f"there is no directory {directory}{near}",
            cause="`patches` in releases.toml is misspelt, or the file was copied without its patches",
            action="name a directory that holds the patches, or build with --no-patches",
        )


def _guess(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read(path: Path) -> PatchFile:
    text = path.read_text(encoding="utf-8", errors="replace")
    first_diff = _FIRST_DIFF_LINE.search(text)
    header = text[: first_diff.start()] if first_diff else text
    lines = [found for line in header.splitlines() if (found := _HEADER_LINE.fullmatch(line))]
    stated = [line[2].strip() for line in lines if line[1] == "Applies-To"]
    packages = [line[2].strip() for line in lines if line[1] == "Package"]
    return PatchFile(
        path=path,
        sha256=fs.sha256_file(path),
        versions=_versions(path, stated),
        package=_package(path, packages),
    )


def _versions(path: Path, stated: list[str]) -> str:
    try:
        if len(stated) == 1 and stated[0]:
            SpecifierSet(stated[0])
            return stated[0]
    except InvalidSpecifier:
        pass
    raise SpecError(
        f"{path} does not say for which versions it is",
        cause="its header has no (or more than one) line `Applies-To:`, or a range that cannot be read",
        action="write one line such as `Applies-To: >=2.4, <2.6` above the first `diff` line",
    )


def _package(path: Path, stated: list[str]) -> str | None:
    if not stated:
        return None
    if len(stated) == 1 and _PACKAGE_NAME.fullmatch(stated[0]):
        return stated[0]
    raise SpecError(
        f"{path} does not say for which package it is",
        cause="its header has more than one line `Package:`, or one without the name of a package",
        action="write one line such as `Package: some-crate`, or none for the runtime's source as a whole",
    )
