"""Answers of Cargo about a workspace, kept from run to run: what decides them is in the names of their files."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.rust.answers.manifests import NotFollowedError, workspace_state

SCHEMA = 1
ANSWERS_DIR_NAME = "answers"
"""In a work directory."""
KEPT_ANSWERS = 64
"""So many, those that were used last, are kept; a large workspace takes about a dozen for a target and profile."""
_DIRECTORY_SOURCE = re.compile(r"CARGO_SOURCE_.*_DIRECTORY")
"""Packages in a directory in which somebody may edit them (The Cargo Book, "Source Replacement")."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One call of Cargo that only reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment."""
    cwd: Path
    manifest_path: Path
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` settings among the arguments; ``paths`` of theirs lead to further manifests."""
    programs: tuple[Path, ...] = ()
    """Cargo and the compiler."""
    home: Path
    """Cargo's home."""


class Answers:
    """Answers in one directory; a damaged one is given again."""

    def __init__(self, directory: Path) -> None:
        """Keep answers in *directory*, which is made when the first one comes."""
        self._directory = directory

    def ask(self, question: Question, run: Callable[[], bytes], *, fits: Callable[[bytes], bool]) -> bytes:
        """Return the answer to *question*: the one that is kept, if it *fits*, or else that of *run*.

        Raises what *run* raises; nothing is kept then.
        """
        key = key_of(question)
        kept = self._read(key) if key else None
        if kept is not None and fits(kept):
            return kept
        answer = run()
        # Somebody may have edited a manifest meanwhile.
        if key and key_of(question) == key:
            self._write(key, answer)
        return answer

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.answer"

    def _read(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            digest, _newline, answer = path.read_bytes().partition(b"\n")
            path.touch()
        except OSError:
            return None
        return answer if hashlib.sha256(answer).hexdigest().encode() == digest else None

    def _write(self, key: str, answer: bytes) -> None:
        digest = hashlib.sha256(answer).hexdigest().encode()
        with fs.atomic_path(self._path(key)) as temporary:
            temporary.write_bytes(digest + b"\n" + answer)
        by_age = sorted(self._directory.glob("*.answer"), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[:-KEPT_ANSWERS]:
            path.unlink(missing_ok=True)


def key_of(question: Question) -> str | None:
    """Return the digest of everything that decides the answer, None where that cannot be told."""
    if any(_DIRECTORY_SOURCE.fullmatch(name) for name in question.env):
        return None
    try:
        state = workspace_state(_starts(question), cwd=question.cwd, home=question.home)
    except NotFollowedError:
        return None
    decides = {
        "schema": SCHEMA,
        "argv": question.argv,
        "env": dict(question.env),
        "cwd": str(question.cwd),
        "programs": [_identity(path) for path in question.programs],
        "files": state,
    }
    return fs.sha256_json(decides)


def _starts(question: Question) -> Iterator[Path]:
    yield question.manifest_path
    for setting in question.settings:
        with contextlib.suppress(tomllib.TOMLDecodeError):
            for directory in tomllib.loads(setting).get("paths", ()):
                yield Path(directory) / "Cargo.toml"


def _identity(path: Path) -> list[object]:
    """Return what changes when a program is replaced by another version."""
    with contextlib.suppress(OSError):
        status = path.resolve().stat()
        return [str(path), str(path.resolve()), status.st_size, status.st_mtime_ns]
    return [str(path)]
