"""Packages of the distribution that tests need and that need not be installed: unpacked in the tests' cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import Target
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.request import Machine, ToolboxInputs

from .command import Cli

CONTROL_DIR = "var/lib/dpkg/info"
"""Below a root: what each package says of itself, NAME.control."""


def unpacked(cli: Cli, *names: str, suite: str | None = None, target: Target | None = None) -> Path:
    """Return a directory with the files of the packages *names*, and of no others.

    They are of this very machine's release and architecture, unless other ones are named.
    """
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    planner = Planner.for_machine(ToolboxInputs(target=Machine().host(), suite=suite), context, frozenset())
    architecture = target or planner.host
    apt = planner.apt_for(architecture, planner.sysroot_release)
    known = fs.sha256_json(sorted(names))[:8]
    root = cli.cache_dir / "packages" / f"{names[0]}-{planner.sysroot_release.codename}-{architecture.name}-{known}"
    with fs.locked_beside(root):
        if root.is_dir():
            return root
        apt.refresh()
        packages = tuple(package for package in apt.resolve(names) if package.name in names)
        request = FetchRequest(
            packages=packages, packages_dir=cli.cache_dir / "toolbox/packages", apt_config=apt.config_path,
            environ=context.environ, offline=False, reporter=context.reporter,
        )  # fmt: skip
        with fs.atomic_directory(root) as partial:
            prepare_root(partial)
            fetch(request, lambda _package, path: _unpack(path, partial, context))
    return root


def _unpack(path: Path, root: Path, context: Context) -> None:
    unpack(path, root, context.environ)
    fields = subprocess.run(["dpkg-deb", "--field", str(path)], check=True, capture_output=True).stdout
    (root / CONTROL_DIR / f"{path.stem.partition('_')[0]}.control").write_bytes(fields)
