"""Apply the patches that a product wants, exactly, to a copy of its source.

Every line of context must be the same as in the source; where the whole hunk lies a few lines off, that is taken,
recorded and said. No build needs a patch: they change what a product is, such as where it looks for updates.
``pipeline.sources.patches`` reads the files and knows which of them are for a version.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PatchError, ToolboxError
from pipeline.processes import proc
from pipeline.sources.patches import PatchFile

_OFFSET = re.compile(r"Hunk #\d+ succeeded at \d+ \(offset (-?\d+) lines?\)")
_PATCHED = re.compile(r"Applied patch (.+) cleanly\.")
_TIMEOUT_S = 120.0
_RECORD_NAME = "patched.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacedPatch:
    """A patch that is for this version, and the directory of the tree that its paths begin at."""

    patch: PatchFile
    directory: str = ""
    """Relative to the tree; empty for its top."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchInputs:
    """What is to be patched, and with what."""

    source: Path
    digest: str | None
    """Digest of the source's content; None for a directory that may change at any time."""
    name: str
    """Of the runtime or package that *source* is."""
    version: str
    patches: tuple[PlacedPatch, ...]
    """In the order in which they are applied."""
    excluded: tuple[str, ...] = ()
    """Names of directories and files at the top of the source that are not copied."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppliedPatch:
    """A patch that was applied, as the build record names it."""

    name: str
    sha256: str
    package: str | None = None
    offsets: tuple[int, ...]
    """By how many lines hunks lay off; empty when all were where the patch says."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchedTree:
    """The source to build: a patched copy, or the source itself when no patch is for this version."""

    path: Path
    digest: str | None
    """Digest of source and patches; None for a source without one."""
    applied: tuple[AppliedPatch, ...]


def run(inputs: PatchInputs, context: Context) -> PatchedTree:
    """Apply the patches to a copy of the source.

    Raises PatchError when one does not apply exactly, ToolboxError without git.
    """
    if not inputs.patches:
        return PatchedTree(path=inputs.source, digest=inputs.digest, applied=())
    key = {
        "source": inputs.digest or str(inputs.source.resolve()),
        "patches": [(placed.patch.sha256, placed.directory) for placed in inputs.patches],
    }
    final = context.cache_dir / "patched" / f"{inputs.name}-{inputs.version}-{fs.sha256_json(key)[:16]}"
    with context.reporter.step(f"patch {inputs.name} {inputs.version}") as step, fs.locked_beside(final, hidden=True):
        step.detail(", ".join(placed.patch.name for placed in inputs.patches))
        applied = _kept(final, inputs) or _make(final, inputs, context)
    _warn_of_offsets(applied, context)
    digest = fs.sha256_json(key) if inputs.digest else None
    return PatchedTree(path=final / inputs.source.name, digest=digest, applied=applied)


def _make(final: Path, inputs: PatchInputs, context: Context) -> tuple[AppliedPatch, ...]:
    with fs.atomic_directory(final) as staging:
        tree = staging / inputs.source.name
        _copy(inputs.source, tree, inputs.excluded)
        git = _Git(tree, context)
        applied = tuple(_apply(git, placed, inputs) for placed in inputs.patches)
        _restore_modes(inputs.source, tree)
        record = {"applied": [dataclasses.asdict(patch) for patch in applied], "tree": _tree_digest(tree)}
        fs.write_text(staging / _RECORD_NAME, json.dumps(record))
    return applied


def _kept(final: Path, inputs: PatchInputs) -> tuple[AppliedPatch, ...]:
    """Return what an earlier run applied to a copy that still is as it left it; nothing where there is none."""
    if inputs.digest is None:
        return ()
    try:
        record = json.loads((final / _RECORD_NAME).read_text(encoding="utf-8"))
        if record["tree"] != _tree_digest(final / inputs.source.name):
            return ()
        return tuple(AppliedPatch(**(item | {"offsets": tuple(item["offsets"])})) for item in record["applied"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _tree_digest(tree: Path) -> str:
    """Return a digest of all files by name, size, mode and time; a repository's own files are left out."""
    found = []
    for directory, names, files in os.walk(tree):
        names[:] = sorted(name for name in names if name != ".git")
        for name in sorted(files):
            status = os.lstat(f"{directory}/{name}")
            found.append([f"{directory[len(str(tree)) :]}/{name}", status.st_size, status.st_mode, status.st_mtime_ns])
    return fs.sha256_json(found)


def _warn_of_offsets(applied: Iterable[AppliedPatch], context: Context) -> None:
    for patch in applied:
        if patch.offsets:
            context.reporter.warn(f"{patch.name} lies off by {', '.join(map(str, patch.offsets))} lines; refresh it")


def _copy(source: Path, tree: Path, excluded: tuple[str, ...]) -> None:
    """Copy with modes and times; what tools marked as a cache (Cargo's target directory) stays behind."""

    def left_out(directory: str, names: list[str]) -> list[str]:
        caches = [name for name in names if Path(directory, name, fs.SENTINEL_NAME).is_file()]
        return [*caches, *(excluded if Path(directory) == source else ())]

    shutil.copytree(source, tree, symlinks=True, ignore=left_out)
    for directory, _names, files in os.walk(tree):
        for path in (Path(directory), *(Path(directory, name) for name in files)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)


def _restore_modes(source: Path, tree: Path) -> None:
    """Give files the modes that they have in the source: to those who copy them, another mode is a change."""
    for directory, _names, files in os.walk(tree):
        for name in files:
            path = Path(directory, name)
            original = source / path.relative_to(tree)
            if not path.is_symlink() and original.is_file():
                path.chmod(stat.S_IMODE(original.stat().st_mode))


def _apply(git: _Git, placed: PlacedPatch, inputs: PatchInputs) -> AppliedPatch:
    patch = placed.patch
    completed = git.apply(placed)
    words = completed.stderr.decode(errors="replace")
    if completed.exit_code != 0 or "Skipped patch" in words:
        there_already = git.apply(placed, "--check", "--reverse").exit_code == 0
        what = f"{patch.package} in {inputs.name}" if patch.package else inputs.name
        raise PatchError(
            f"{patch.name} does not apply to {what} {inputs.version}",
            cause="this version has the change already"
            if there_already
            else "the lines around the change are not the same in this version",
            action=f"end its range (Applies-To in {patch.path}) before {inputs.version}, or add another patch",
            details=words,
        )
    _set_times(git.tree, patch.path, words)
    offsets = tuple(int(found) for found in _OFFSET.findall(words))
    return AppliedPatch(name=patch.name, sha256=patch.sha256, package=patch.package, offsets=offsets)


def _set_times(tree: Path, patch: Path, words: str) -> None:
    """Give patched files the patch's time, so that a copy that is made again does not look new to Cargo."""
    time_ns = patch.stat().st_mtime_ns
    for name in _PATCHED.findall(words):
        path = tree / name
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(time_ns, time_ns))


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

    def apply(self, placed: PlacedPatch, *options: str) -> proc.Completed:
        where = (f"--directory={placed.directory}",) if placed.directory else ()
        file = str(placed.patch.path.resolve())
        arguments = ("apply", "--verbose", "--whitespace=nowarn", "-p1", *where, *options, "--", file)
        return proc.run(
            proc.Command(argv=(str(self._program), *arguments), env=self._env, cwd=self.tree, timeout_s=_TIMEOUT_S)
        )
