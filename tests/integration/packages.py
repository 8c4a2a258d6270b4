"""Packages of the distribution that tests need and that need not be installed: unpacked in the tests' cache."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.toolchains.planner import LISTS_FRESH_S, Planner
from pipeline.toolchains.request import Machine, ToolboxInputs

from .command import Cli


def unpacked(cli: Cli, *names: str) -> Path:
    """Return a directory with the files of the packages *names* of this very machine's release, and of no others."""
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    planner = Planner.for_machine(ToolboxInputs(target=Machine().host()), context, frozenset())
    apt = planner.apt_for(planner.host, planner.release)
    root = cli.cache_dir / "packages" / f"{names[0]}-{planner.release.codename}"
    with fs.locked(root.with_suffix(".lock")), fs.locked(apt.directory.parent / f"{apt.directory.name}.lock"):
        if root.is_dir():
            return root
        apt.prepare()
        if not apt.updated_within(LISTS_FRESH_S):
            apt.update()
        packages = tuple(package for package in apt.resolve(names) if package.name in names)
        request = FetchRequest(
            packages=packages, packages_dir=root.parent / "files", apt_config=apt.config_path,
            environ=context.environ, offline=False, reporter=context.reporter,
        )  # fmt: skip
        with fs.atomic_directory(root) as partial:
            prepare_root(partial)
            fetch(request, lambda _package, path: unpack(path, partial, context.environ))
    return root
