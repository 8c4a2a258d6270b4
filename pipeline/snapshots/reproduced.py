"""Whether a generator that runs again, with nothing changed that it is known to read, makes the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.model.execution import ExecRequest
from pipeline.v8.compare import compare_trees

_WATCHED = re.compile(rb"^cargo::?rerun-if-changed=(.+)$", re.MULTILINE)


class Inputs(pydantic.BaseModel):
    """What decides a snapshot, as far as the build script tells."""

    model_config = pydantic.ConfigDict(frozen=True)

    generator_sha256: str
    env_sha256: str
    trigger_ns: int
    """Time of the file that gets a new one whenever a file of the package changes."""
    files: dict[str, str]
    """Digests of the files that the build script asked Cargo to watch."""


def inputs_of(request: ExecRequest, trigger: Path, files: Iterable[str]) -> Inputs:
    """Return the inputs of a run as they are now; of *files* the names count."""
    return Inputs(
        generator_sha256=fs.sha256_file(request.inputs[0]),
        env_sha256=fs.sha256_json(dict(request.env)),
        trigger_ns=trigger.stat().st_mtime_ns if trigger.exists() else 0,
        files={name: _digest(request.workdir / name) for name in files},
    )


def watched_files(stdout: bytes) -> list[str]:
    """Return the paths that a build script asked Cargo to watch; relative ones begin at its directory."""
    return [path.decode(errors="surrogateescape").strip() for path in _WATCHED.findall(stdout)]


@contextlib.contextmanager
def former_outputs(request: ExecRequest, trigger: Path, note_path: Path) -> Iterator[Path | None]:
    """Yield what an earlier run with the same inputs left in OUT_DIR, set aside meanwhile; None where there is none."""
    out_dir = request.outputs[0]
    aside = out_dir.with_name(f"{out_dir.name}.former")
    _remove(aside)
    try:
        if out_dir.is_dir() and _is_same(request, trigger, note_path):
            out_dir.rename(aside)
            yield aside
        else:
            yield None
    finally:
        _remove(aside)


def note(request: ExecRequest, trigger: Path, note_path: Path, stdout: bytes) -> None:
    """Write down the inputs of a run that went well."""
    # The generator is watched, too, and is the largest of them all.
    files = [name for name in watched_files(stdout) if name != str(request.inputs[0])]
    inputs = inputs_of(request, trigger, files)
    fs.write_text(note_path, inputs.model_dump_json())


def differences(former: Path, out_dir: Path) -> tuple[str, ...]:
    """Return in words what is not equal in two runs' outputs: part by part, for V8 snapshots section by section."""
    found = compare_trees((former, out_dir), (str(out_dir), str(out_dir)))
    return tuple(f"{item.file}, {item.part}: {item.message}" for item in found)


def _is_same(request: ExecRequest, trigger: Path, note_path: Path) -> bool:
    try:
        noted = Inputs.model_validate_json(note_path.read_bytes())
    except (OSError, ValueError):
        return False
    return inputs_of(request, trigger, noted.files) == noted


def _digest(path: Path) -> str:
    if path.is_dir():
        return hashlib.sha256("\n".join(sorted(item.name for item in path.iterdir())).encode()).hexdigest()
    return fs.sha256_file(path) if path.is_file() else "absent"


def _remove(directory: Path) -> None:
    if directory.is_dir():
        shutil.rmtree(directory)
