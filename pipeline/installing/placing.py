"""Where installed files go: each appears whole, and a program with companions is switched over at once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildKind

STORE_NAME = ".prebuilds"
_LOCK_NAME = ".prebuilds.lock"


def place_files(prebuild: Prebuild, files: Mapping[str, Path], into: Path) -> Path:
    """Put the *files* of a prebuild into the directory *into*, and return the addon or program.

    A program is called by its name alone. With companions, all lie in a directory of their own below ``.prebuilds``,
    named after the digest, and the program's name is a link there: it is replaced at once, and $ORIGIN holds. An addon
    keeps its path below ``prebuilds/``. Installs at the same time wait for each other. Raises NotWritableError.
    """
    fs.make_directory(into)
    with fs.locked(into / _LOCK_NAME), fs.explained(into):
        if prebuild.kind is PrebuildKind.NODE_ADDON:
            # The addon comes last: where it is, its companions are.
            for path in sorted(files, key=lambda path: path == prebuild.path):
                _copy(files[path], into / path)
            return into / prebuild.path
        final = installed_path(prebuild, into)
        if len(files) == 1:
            _copy(files[prebuild.path], final)
        else:
            _link(final, _stored(prebuild, files, into))
        return final


def installed_path(prebuild: Prebuild, into: Path) -> Path:
    """Return where the addon or program lies once it is installed."""
    if prebuild.kind is PrebuildKind.NODE_ADDON:
        return into / prebuild.path
    suffix = ".exe" if prebuild.platform == "win32" else ""
    return into / (prebuild.name.rpartition("/")[2] + suffix)


def is_installed(prebuild: Prebuild, into: Path) -> bool:
    """Tell whether exactly the files of *prebuild* are in place."""
    final = installed_path(prebuild, into)
    is_addon = prebuild.kind is PrebuildKind.NODE_ADDON
    for file in prebuild.files:
        companion = into / file.path if is_addon else _store(prebuild, into) / _inside_store(prebuild, file.path)
        own = final if file.path == prebuild.path else companion
        if not own.is_file() or own.stat().st_size != file.size_bytes or fs.sha256_file(own) != file.sha256:
            return False
    return True


def _stored(prebuild: Prebuild, files: Mapping[str, Path], into: Path) -> Path:
    """Copy all files into a directory of their own and return the program in it."""
    store = _store(prebuild, into)
    with fs.atomic_directory(store) as staging:
        for path, source in files.items():
            target = staging / _inside_store(prebuild, path)
            fs.make_directory(target.parent)
            shutil.copy(source, target)
    return store / _inside_store(prebuild, prebuild.path)


def _store(prebuild: Prebuild, into: Path) -> Path:
    digest = fs.sha256_json(sorted((file.path, file.sha256) for file in prebuild.files))
    return into / STORE_NAME / f"{prebuild.name.rpartition('/')[2]}-{digest[:16]}"


def _inside_store(prebuild: Prebuild, path: str) -> PurePosixPath:
    """Return *path* from the lowest directory that holds all files."""
    common = os.path.commonpath([str(PurePosixPath(file.path).parent) for file in prebuild.files])
    return PurePosixPath(path).relative_to(common)


def _copy(source: Path, final: Path) -> None:
    with fs.atomic_path(final) as temporary:
        shutil.copy(source, temporary)


def _link(final: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".link-", dir=final.parent) as name:
        temporary = Path(name) / final.name
        temporary.symlink_to(os.path.relpath(target, final.parent))
        temporary.replace(final)
