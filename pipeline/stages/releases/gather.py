"""Take the files of a release from a directory, and see that they are those of the plan."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, PublishError
from pipeline.model.releases.manifest import MANIFEST_NAME, SUMS_NAME
from pipeline.model.releases.release import MAX_ASSET_BYTES, AssetFile, ReleasePlan, match_plan
from pipeline.releasing.directory import read_sums

CHECKSUM_SUFFIX = ".sha256"
_CHECKSUM = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[^\n/]{1,255})\n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatherInputs:
    """Where the files lie, and what they must be."""

    directory: Path
    plan: ReleasePlan


def run(inputs: GatherInputs, context: Context) -> tuple[AssetFile, ...]:
    """Return the files, sorted by name, with size and digest.

    Raises PublishError when something is missing, not planned, empty or too large, IntegrityError when a list of sums
    or the plan does not agree with the files.
    """
    paths = _paths(inputs.directory)
    planned = match_plan(inputs.plan, (path.name for path in paths))
    with context.reporter.step("gather the files") as step:
        files = tuple(_described(path, planned[path.name].kind) for path in paths)
        step.detail(f"{len(files)} files, {sum(file.size_bytes for file in files):,} bytes")
    for file in files:
        if planned[file.name].sha256 not in {None, file.sha256}:
            raise _changed(f"{file.name} is not the file that {MANIFEST_NAME} lists")
    _check_sums(files)
    return files


def _paths(directory: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(path for path in directory.iterdir() if not path.name.startswith(".")))
    except OSError as error:
        raise PublishError(
            f"cannot read {directory}: {error.strerror}",
            cause="nothing was built yet, or the directory is another one",
            action="build first, or give the directory with --dist",
        ) from error


def _described(path: Path, kind: str) -> AssetFile:
    if path.is_symlink() or not path.is_file():
        raise PublishError(
            f"{path} is not a file",
            cause="a directory or a link lies among the files of the release",
            action="move it away",
        )
    size_bytes = path.stat().st_size
    if not 0 < size_bytes <= MAX_ASSET_BYTES:
        raise PublishError(
            f"{path} has {size_bytes} bytes",
            cause="assets have at least one byte and less than 2 GiB",
            action="see why the build made it so",
        )
    return AssetFile(name=path.name, path=path, size_bytes=size_bytes, sha256=fs.sha256_file(path), kind=kind)


def _check_sums(files: tuple[AssetFile, ...]) -> None:
    digests = {file.name: file.sha256 for file in files}
    for file in files:
        if file.name == SUMS_NAME:
            _check_list(file, digests)
        elif file.name.endswith(CHECKSUM_SUFFIX):
            match = _CHECKSUM.fullmatch(file.path.read_text(encoding="utf-8", errors="replace")[:1000])
            if match is None or digests.get(match["name"]) != match["digest"]:
                raise _changed(f"{file.name} does not have the SHA-256 of {file.name.removesuffix(CHECKSUM_SUFFIX)}")


def _check_list(file: AssetFile, digests: dict[str, str]) -> None:
    """See that the list of sums is that of all other files."""
    listed = read_sums(file.path)
    wanted = {name: digest for name, digest in digests.items() if name != file.name}
    if wrong := sorted(name for name, _digest in listed.items() ^ wanted.items()):
        raise _changed(f"{file.name} does not have the SHA-256 of {wrong[0]}")


def _changed(what: str) -> IntegrityError:
    return IntegrityError(
        what,
        cause="files of two builds lie in the same directory, or one was changed since",
        action="build again into an empty directory",
    )
