"""Writes and reads what travels between machines; ``pipeline.model.bundle`` says what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import ArchiveError, IntegrityError
from pipeline.model.bundle import REQUEST_FILE_NAME, SUMS_FILE_NAME, BundleRequest
from pipeline.packing.tarball import TarMember, extract_tar, write_tar


def write_bundle(destination: Path, members: Iterable[TarMember]) -> None:
    """Pack *members*, sorted, with their digests.

    Raises DiskFullError and NotWritableError.
    """
    unique = {member.name: member for member in members}
    ordered = [unique[name] for name in sorted(unique)]
    lines = [f"{_digest(member.content)}  {member.name}\n" for member in ordered if member.content is not None]
    sums = TarMember(name=SUMS_FILE_NAME, content="".join(lines).encode())
    write_tar(destination, (sums, *ordered))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Path, BundleRequest]]:
    """Yield a private directory with the files of a bundle, all of them checked, and the request in it.

    Raises ArchiveError for what is no bundle, IntegrityError for a file that is not what its digest says.
    """
    with tempfile.TemporaryDirectory(prefix="snapstitch-bundle-") as name:
        directory = Path(name).resolve()
        extract_tar(path, directory)
        check_sums(directory, path.name)
        yield directory, _read_request(directory, path.name)


def check_sums(directory: Path, name: str) -> None:
    """Compare the files below *directory* with its list of digests: all of them, and no others.

    Raises ArchiveError and IntegrityError; *name* is how the bundle is called in the message.
    """
    try:
        lines = (directory / SUMS_FILE_NAME).read_text(encoding="utf-8").splitlines()
        expected = {line[66:]: line[:64] for line in lines}
    except (OSError, ValueError) as error:
        raise _no_bundle(name, f"{SUMS_FILE_NAME} cannot be read") from error
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    del found[SUMS_FILE_NAME]
    for file in sorted(expected.keys() | found.keys()):
        problem = _problem(file, found, expected)
        if problem:
            raise IntegrityError(
                f"{name} was altered: {file} {problem}",
                cause="the bundle was edited, or damaged on the way",
                action="fetch it again, or make it again",
            )


def _problem(file: str, found: dict[str, Path], expected: dict[str, str]) -> str | None:
    if file not in found:
        return "is missing"
    if file not in expected:
        return f"is not in {SUMS_FILE_NAME}"
    return None if fs.sha256_file(found[file]) == expected[file] else "is not what its digest says"


def _read_request(directory: Path, name: str) -> BundleRequest:
    try:
        return BundleRequest.model_validate_json((directory / REQUEST_FILE_NAME).read_bytes())
    except (OSError, pydantic.ValidationError) as error:
        raise _no_bundle(name, f"{REQUEST_FILE_NAME} cannot be read") from error


def _no_bundle(name: str, why: str) -> ArchiveError:
    return ArchiveError(
        f"{name} is not a bundle: {why}",
        cause="it is another file, or another version of this program made it",
        action="make it with `python -m pipeline generator` or `snapshot` of this version",
    )


def _digest(content: Path | bytes | None) -> str:
    if isinstance(content, Path):
        return fs.sha256_file(content)
    return hashlib.sha256(content or b"").hexdigest()
