"""Roots from a file: unpacked as they are, and compared with the release that native tools are of."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.model.distribution import Release, parse_os_release
from pipeline.packing.root_tar import extract_root

_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_NEEDED = {"root": 0o700, "tmp": 0o1777, "dev": 0o755, "proc": 0o755, "sys": 0o755}
"""Where programs begin and work, and what is mounted; files of small distributions lack some. With their modes."""
_SCHEMA = 2
_SIMPLE = re.compile(r"[A-Za-z0-9._-]{1,60}")


def unpack_given(archive: Path, rootfs: Path, context: Context) -> None:
    """Fill the new directory *rootfs* from *archive*.

    Raises ArchiveError when it is damaged or could write elsewhere, DiskFullError, NotWritableError.
    """
    with context.reporter.step("root: unpack") as step:
        rootfs.mkdir()
        extract_root(archive, rootfs)
        for name, mode in _NEEDED.items():
            if not os.path.lexists(rootfs / name):
                (rootfs / name).mkdir()
                (rootfs / name).chmod(mode)
        step.detail(f"{archive.name}, {archive.stat().st_size / 1e6:.0f} MB")


def given_digest(archive: Path) -> str:
    """Return the SHA-256 of what the root is made of."""
    return fs.sha256_json(["root from a file", _SCHEMA, fs.sha256_file(archive)])


def release_of(rootfs: Path) -> str | None:
    """Return the codename of the release that a root says it is of, None where it says nothing that can be read."""
    for name in _OS_RELEASE:
        path = rootfs / name
        if path.is_file() and not path.is_symlink():
            codename = parse_os_release(path.read_text(encoding="utf-8", errors="replace")).get("VERSION_CODENAME", "")
            return codename if _SIMPLE.fullmatch(codename) else None
    return None


def fits(rootfs: Path, release: Release) -> bool:
    """Tell whether native tools of *release* do what the root's own do: they are the same versions."""
    return release_of(rootfs) == release.codename
