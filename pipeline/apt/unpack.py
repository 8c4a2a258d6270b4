"""Package files, unpacked into a directory that stands for the root of a system. Nothing is configured.

Traps, all met: a package may hold ``lib/…`` where another one's ``usr/lib/…`` is meant (merged /usr), and links with
absolute targets would lead out of the root.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.apt import failures
from pipeline.errors import ProcessFailedError
from pipeline.processes import proc

_MERGED = ("bin", "sbin", "lib", "lib64")
_EXCLUDED = (
    # Of the documentation only copyright files stay: whoever passes libraries on must pass these on, too.
    "./usr/share/doc/*/[!c]*", "./usr/share/doc/*/c[!o]*",
    "./usr/share/man", "./usr/share/locale", "./usr/share/info", "./usr/share/lintian",
)  # fmt: skip
_LISTS_DIR = "var/lib/dpkg/info"
"""Where dpkg keeps the list of each package's files, and we too: it tells whose a library is."""
UNPACK_TIMEOUT_S = 600.0


def prepare_root(root: Path) -> None:
    """Create the links of a merged /usr, which unpacking must meet (``lib`` -> ``usr/lib`` and so on)."""
    with fs.explained(root):
        for name in _MERGED:
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
        (root / _LISTS_DIR).mkdir(parents=True, exist_ok=True)


def unpack(package_path: Path, root: Path, environ: Mapping[str, str]) -> None:
    """Unpack one package file into *root*, documentation left out; several may be unpacked at once.

    Raises DiskFullError, NotWritableError, and ProcessFailedError for anything else.
    """
    env = proc.base_environment(environ)
    producer = proc.Command(argv=("dpkg-deb", "--fsys-tarfile", str(package_path)), env=env)
    options = ("--keep-directory-symlink", "--no-same-owner", "--no-same-permissions", "--delay-directory-restore")
    excluded = [f"--exclude={pattern}" for pattern in _EXCLUDED]
    listed = root / _LISTS_DIR / f"{package_path.stem.partition('_')[0]}.list"
    listing = ("--verbose", f"--index-file={listed}")
    argv = ("tar", "--extract", *options, *listing, *excluded, "--directory", str(root))
    try:
        proc.pipe(producer, proc.Command(argv=argv, env=env, timeout_s=UNPACK_TIMEOUT_S))
    except ProcessFailedError as error:
        raise failures.local_error(error.details, doing=f"unpack {package_path.name}") or error from error


def make_links_relative(root: Path) -> int:
    """Give every link below *root* that has an absolute target a relative one inside *root*; return how many."""
    changed = 0
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            link = Path(directory, name)
            if link.is_symlink():
                changed += _make_relative(link, root)
    return changed


def _make_relative(link: Path, root: Path) -> bool:
    target = link.readlink()
    if not target.is_absolute() or target.is_relative_to("/proc") or target.is_relative_to("/dev"):
        return False
    # The link's real directory counts: `lib` itself is a link to `usr/lib`.
    inside = root / target.relative_to("/")
    relative = os.path.relpath(inside, link.parent)
    link.unlink()
    link.symlink_to(relative)
    return True
