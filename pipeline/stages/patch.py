"""Apply the patches that a product wants, exactly, to a copy of its source.

``patches/<runtime>/*.patch`` are applied in the order of their names. Each begins with a header; its line
``Applies-To: >=2.4, <2.6`` says for which versions (PEP 440 specifiers) it is meant. Every line of context must be
the same as in the source; where the whole hunk lies a few lines off, that is taken, recorded and said. No build needs
a patch: they change what a product is, such as where it looks for updates.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import stat
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pipeline import fs, proc
from pipeline.context import Context
from pipeline.errors import PatchError, SpecError, ToolboxError

_HEADER_LINE = re.compile(r"Applies-To:[ \t]*(.*)")
_FIRST_DIFF_LINE = re.compile(r"^(?:diff |--- |Index: )", re.MULTILINE)
_OFFSET = re.compile(r"Hunk #\d+ succeeded at \d+ \(offset (-?\d+) lines?\)")
_PATCHED = re.compile(r"Applied patch (.+) cleanly\.")
_TIMEOUT_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchInputs:
    """What is to be patched, and with what."""

    source: Path
    digest: str | None
    """Digest of the source's content; None for a directory that may change at any time."""
    runtime: str
    version: str
    patches_dir: Path
    """Directory with one directory for each runtime."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppliedPatch:
    """A patch that was applied, as the build record names it."""

    name: str
    sha256: str
    offsets: tuple[int, ...]
    """By how many lines hunks lay off; empty when all were where the patch says."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchedTree:
    """The source to build: a patched copy, or the source itself when no patch is for this version."""

    path: Path
    digest: str | None
    """Digest of source and patches; None for a source without one."""
    applied: tuple[AppliedPatch, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Patch:
    path: Path
    sha256: str


def run(inputs: PatchInputs, context: Context) -> PatchedTree:
    """Select the patches for the version and apply them to a copy.

    Raises PatchError when one does not apply exactly, SpecError when one does not say for which versions it is,
    ToolboxError without git.
    """
    patches = _select(inputs)
    if not patches:
        return PatchedTree(path=inputs.source, digest=inputs.digest, applied=())
    key = {"source": inputs.digest or str(inputs.source.resolve()), "patches": [patch.sha256 for patch in patches]}
    final = context.cache_dir / "patched" / f"{inputs.runtime}-{inputs.version}-{fs.sha256_json(key)[:16]}"
    with context.reporter.step(f"patch {inputs.runtime} {inputs.version}") as step, fs.locked(_lock_of(final)):
        step.detail(", ".join(patch.path.name for patch in patches))
        with fs.atomic_directory(final) as staging:
            tree = staging / inputs.source.name
            _copy(inputs.source, tree)
            git = _Git(tree, context)
            applied = tuple(_apply(git, patch, inputs) for patch in patches)
    for patch in applied:
        if patch.offsets:
            context.reporter.warn(f"{patch.name} lies off by {', '.join(map(str, patch.offsets))} lines; refresh it")
    digest = fs.sha256_json(key) if inputs.digest else None
    return PatchedTree(path=final / inputs.source.name, digest=digest, applied=applied)


def _select(inputs: PatchInputs) -> tuple[_Patch, ...]:
    paths = sorted((inputs.patches_dir / inputs.runtime).glob("*.patch"))
    if not paths:
        return ()
    try:
        version = Version(inputs.version)
    except InvalidVersion as error:
        raise SpecError(
            f"the patches for {inputs.runtime} are for ranges of versions, and {inputs.version!r} is no version",
            cause="the runtime's version does not look like 2.4.5",
            action="correct the version in releases.toml",
        ) from error
    wanted = [path for path in paths if _versions_of(path).contains(version, prereleases=True)]
    return tuple(_Patch(path=path, sha256=fs.sha256_file(path)) for path in wanted)


def _versions_of(path: Path) -> SpecifierSet:
    text = path.read_text(encoding="utf-8", errors="replace")
    first_diff = _FIRST_DIFF_LINE.search(text)
    header = text[: first_diff.start()] if first_diff else text
    stated = [found[1] for line in header.splitlines() if (found := _HEADER_LINE.fullmatch(line))]
    try:
        if len(stated) == 1 and stated[0].strip():
            return SpecifierSet(stated[0])
    except InvalidSpecifier:
        pass
    raise SpecError(
        f"{path} does not say for which versions it is",
        cause="its header has no (or more than one) line `Applies-To:`, or a range that cannot be read",
        action="write one line such as `Applies-To: >=2.4, <2.6` above the first `diff` line",
    )


def _copy(source: Path, tree: Path) -> None:
    """Copy with modes and times; what tools marked as a cache (Cargo's target directory) stays behind."""

    def caches(directory: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(directory, name, fs.SENTINEL_NAME).is_file()]

    shutil.copytree(source, tree, symlinks=True, ignore=caches)
    for directory, _names, files in os.walk(tree):
        for path in (Path(directory), *(Path(directory, name) for name in files)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)


def _apply(git: _Git, patch: _Patch, inputs: PatchInputs) -> AppliedPatch:
    completed = git.apply(patch.path)
    words = completed.stderr.decode(errors="replace")
    if completed.exit_code != 0 or "Skipped patch" in words:
        there_already = git.apply(patch.path, "--check", "--reverse").exit_code == 0
        raise PatchError(
            f"{patch.path.name} does not apply to {inputs.runtime} {inputs.version}",
            cause="this version has the change already"
            if there_already
            else "the lines around the change are not the same in this version",
            action=f"end its range (Applies-To in {patch.path}) before {inputs.version}, or add another patch",
            details=words,
        )
    _set_times(git.tree, patch.path, words)
    return AppliedPatch(
        name=patch.path.name, sha256=patch.sha256, offsets=tuple(int(found) for found in _OFFSET.findall(words))
    )


def _set_times(tree: Path, patch: Path, words: str) -> None:
    """Give patched files the patch's time, so that a copy that is made again does not look new to Cargo."""
    time_ns = patch.stat().st_mtime_ns
    for name in _PATCHED.findall(words):
        path = tree / name
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(time_ns, time_ns))


def _lock_of(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")


class _Git:
    """``git apply`` in one tree; it takes no fuzz, checks a whole patch first, and stays inside the tree."""

    def __init__(self, tree: Path, context: Context) -> None:
        self.tree = tree
        # A repository around the cache would make git skip files that it does not track, and succeed.
        self._env = proc.base_environment(context.environ) | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
        program = proc.find_program("git", self._env)
        if program is None:
            raise ToolboxError(
                "there are patches to apply, and no git on this machine",
                cause="it is not installed",
                action="install git (Debian: apt-get install git)",
            )
        self._program = program

    def apply(self, patch: Path, *options: str) -> proc.Completed:
        arguments = ("apply", "--verbose", "--whitespace=nowarn", "-p1", *options, "--", str(patch.resolve()))
        return proc.run(
            proc.Command(argv=(str(self._program), *arguments), env=self._env, cwd=self.tree, timeout_s=_TIMEOUT_S)
        )
