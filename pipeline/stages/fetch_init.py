"""Fetch what runs as process 1 in images: tini, linked statically, from the distribution that the sysroot is of.

https://github.com/krallin/tini: it passes signals on, which a program without handlers does not get as process 1.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.images.design import INIT_PATH
from pipeline.toolchains.plan import toolbox_dir
from pipeline.toolchains.planner import LISTS_FRESH_S, Planner
from pipeline.toolchains.request import ToolboxInputs

_PACKAGE = "tini"
_PROGRAM_PATH = "usr/bin/tini-static"
_COPYRIGHT_PATH = "usr/share/doc/tini/copyright"


@dataclasses.dataclass(frozen=True, kw_only=True)
class InitInputs:
    """For which target, and where its files go."""

    toolbox: ToolboxInputs
    place: Path
    """An empty directory."""


def run(inputs: InitInputs, context: Context) -> Path:
    """Return a tree with the program and its copyright, by their paths in an image.

    Raises ImageError, ToolboxError, NetworkError, IntegrityError.
    """
    planner = Planner.for_machine(inputs.toolbox, context, frozenset())
    apt = planner.apt_for(inputs.toolbox.target, planner.sysroot_release)
    with fs.locked(apt.directory.parent / f"{apt.directory.name}.lock"):
        apt.prepare()
        if not context.offline and not apt.updated_within(LISTS_FRESH_S):
            apt.update()
        packages = tuple(package for package in apt.resolve((_PACKAGE,)) if package.name == _PACKAGE)
    root, tree = (fs.make_directory(inputs.place / name) for name in ("root", "tree"))
    prepare_root(root)
    packages_dir = toolbox_dir(context) / "packages"
    with fs.locked(packages_dir.with_name("packages.lock")):
        request = FetchRequest(
            packages=packages,
            packages_dir=packages_dir,
            apt_config=apt.config_path,
            environ=context.environ,
            offline=context.offline,
            reporter=context.reporter,
        )
        fetch(request, lambda _package, path: unpack(path, root, context.environ))
    if not (root / _PROGRAM_PATH).is_file():
        raise ImageError(
            f"the package {_PACKAGE} for {inputs.toolbox.target.name} has no {_PROGRAM_PATH}",
            cause="the distribution packs it otherwise",
            action="set `init = false` in [runtimes.NAME.image], and use `docker run --init`",
        )
    for source, name, mode in ((_PROGRAM_PATH, INIT_PATH, 0o755), (_COPYRIGHT_PATH, _COPYRIGHT_PATH, 0o644)):
        (tree / name).parent.mkdir(parents=True)
        shutil.copyfile(root / source, tree / name)
        (tree / name).chmod(mode)
    return tree
