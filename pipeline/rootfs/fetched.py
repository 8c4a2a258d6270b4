"""Package files of roots, native tools and emulators, in the cache that toolboxes use, too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.private import PrivateApt
from pipeline.context import Context
from pipeline.model.package import Package


def fetch_packages(
    packages: Iterable[Package], apt: PrivateApt, packages_dir: Path, context: Context
) -> tuple[Path, ...]:
    """Return the files of *packages*, fetched where they are not there yet."""
    found: dict[str, Path] = {}
    wanted = tuple(packages)
    request = FetchRequest(
        packages=wanted,
        packages_dir=packages_dir,
        apt_config=apt.config_path,
        environ=context.environ,
        offline=context.offline,
        reporter=context.reporter,
    )
    if not apt.config_path.is_file():
        apt.prepare()
    with fs.locked_beside(packages_dir):
        fetch(request, lambda package, path: found.__setitem__(package.file_name, path))
    return tuple(found[package.file_name] for package in wanted)
