"""Find and read ``releases.toml``: the only reader of TOML settings."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

from pipeline.errors import SpecError
from pipeline.model.spec.reader import parse_spec
from pipeline.model.spec.tables import Spec

FILE_NAME = "releases.toml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecFile:
    """A specification and the directory that relative paths in it begin at."""

    spec: Spec
    base_dir: Path


def load_spec(path: Path | None, *, start_dir: Path) -> SpecFile:
    """Return the specification in *path*, or in the nearest ``releases.toml`` from *start_dir* upwards.

    Without any there is an empty one: ``--path`` needs none. Raises SpecError.
    """
    found = path or find_spec(start_dir)
    if found is None:
        return SpecFile(spec=Spec(schema_version=1), base_dir=start_dir)
    found = found.absolute()
    return SpecFile(spec=parse_spec(_read(found), file_name=found.name), base_dir=found.parent)


def required_spec(path: Path | None, *, start_dir: Path) -> Path:
    """Return *path*, or the nearest ``releases.toml``, for verbs that are nothing without one. Raises SpecError."""
    found = path or find_spec(start_dir)
    if found is None:
        raise SpecError(
            f"there is no {FILE_NAME} here",
            cause="the working directory is outside the project",
            action="change into it, or give the file with --spec",
        )
    return (start_dir / found).absolute()


def find_spec(start_dir: Path) -> Path | None:
    """Return the nearest ``releases.toml`` from *start_dir* upwards."""
    places = (directory / FILE_NAME for directory in (start_dir, *start_dir.parents))
    return next((place for place in places if place.is_file()), None)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(
            f"cannot read {path}: {error.strerror}",
            cause="a misspelt path, or a file of another user",
            action="give the right file with --spec",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path.name} is not valid TOML: {error}",
            cause="a missing quote, bracket or comma",
            action=f"correct {path}; https://toml.io describes the format",
        ) from error
