"""Lay out the build context of the toolchain image: a Debian for each CPU that a machine may have, unpacked."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.images.design import platform_dir
from pipeline.model.package import Package
from pipeline.model.target import Target
from pipeline.processes import proc
from pipeline.toolchains.plan import GROUPS, toolbox_dir
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.request import Machine, ToolboxInputs
from pipeline.toolchains.seed import write_seed

SEED_DIR = "usr/share/snapstitch/toolbox"
"""In the image; its Dockerfile tells programs."""
_PROJECT = "snapstitch"
_PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "diffutils", "dpkg", "apt",
    "findutils", "git", "gpgv", "grep", "gzip", "mawk", "openssh-client", "python3", "sed", "tar", "util-linux",
    "xz-utils",
)  # fmt: skip
"""What the pipeline runs, and what these need; the toolbox is made from there, as on any machine."""
_PYTHON_PACKAGE = re.compile(r"libpython(3\.[0-9]+)-minimal")
_PYTHON_DIR = "usr/lib/python3/dist-packages"
# Of wheels for the glibc of Debian 12 and later, the newest kind first (PEP 600).
_WHEEL_PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_PIP_TIMEOUT_S = 900.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolchainContextInputs:
    """For which machines, and where the context comes to lie."""

    hosts: tuple[Target, ...]
    context_dir: Path
    toolboxes: tuple[ToolboxInputs, ...] = ()
    """What the image is to hold for building: the plans and packages of these, as each of the hosts needs them."""


def run(inputs: ToolchainContextInputs, context: Context) -> Path:
    """Write the context, which is whole or not there, and return it.

    Raises ToolboxError, NetworkError, IntegrityError, ImageError, DiskFullError, NotWritableError.
    """
    with fs.atomic_directory(inputs.context_dir) as staging:
        for host in inputs.hosts:
            with context.reporter.step(f"lay out the toolchain image for {host.oci_platform}"):
                _lay_out(host, staging / platform_dir(host), context)
                if inputs.toolboxes:
                    _add_toolboxes(inputs.toolboxes, host, staging / platform_dir(host) / SEED_DIR, context)
    return inputs.context_dir


def _add_toolboxes(toolboxes: tuple[ToolboxInputs, ...], host: Target, place: Path, context: Context) -> None:
    """Write what the toolbox is made of on a machine like *host*, without its having to be asked for anywhere."""
    machine = Machine(kernel_machine=host.kernel_machine)
    planners = [
        Planner.for_machine(dataclasses.replace(each, mode="private", machine=machine), context, frozenset(GROUPS))
        for each in toolboxes
    ]
    plans = {planner.memory_path().name: planner.plan() for planner in planners}
    packages_dir = toolbox_dir(context) / "packages"
    distinct = {package.file_name: package for plan in plans.values() for package in (*plan.tools, *plan.sysroot)}
    with fs.locked_beside(packages_dir):
        request = FetchRequest(
            packages=tuple(distinct.values()),
            packages_dir=packages_dir,
            apt_config=planners[0].apts()[0].config_path,
            environ=context.environ,
            offline=context.offline,
            reporter=context.reporter,
        )
        fetch(request, lambda _package, _path: None)
        write_seed(place, plans, packages_dir)


def _lay_out(host: Target, root: Path, context: Context) -> None:
    planner = Planner.for_machine(ToolboxInputs(target=host, mode="private"), context, frozenset())
    apt = planner.apt_for(host, planner.release)
    apt.refresh(offline=context.offline)
    packages = apt.resolve((*_PACKAGES, planner.distribution.keyring_package))
    prepare_root(root)
    packages_dir = toolbox_dir(context) / "packages"
    with fs.locked_beside(packages_dir):
        request = FetchRequest(
            packages=packages,
            packages_dir=packages_dir,
            apt_config=apt.config_path,
            environ=context.environ,
            offline=context.offline,
            reporter=context.reporter,
        )
        fetch(request, lambda _package, path: unpack(path, root, context.environ))
    _configure(root, apt)
    _add_python_packages(root, host, _python_version(packages), context)


def _configure(root: Path, apt: PrivateApt) -> None:
    """Do what the packages' scripts would have done, as far as it matters."""
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    for name, leads_to in (("sh", "dash"), ("awk", "mawk")):
        if not (root / "usr/bin" / name).is_symlink():
            (root / "usr/bin" / name).symlink_to(leads_to)
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    fs.write_text(root / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in certificates))
    sources = "\n".join(source.deb822() for source in apt.sources)
    fs.write_text(root / "etc/apt/sources.list.d/snapstitch.sources", sources)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)


def _python_version(packages: tuple[Package, ...]) -> str:
    found = (_PYTHON_PACKAGE.fullmatch(package.name) for package in packages)
    return next(match[1] for match in found if match)


def _add_python_packages(root: Path, host: Target, version: str, context: Context) -> None:
    platforms = [word for kind in _WHEEL_PLATFORMS for word in ("--platform", f"{kind}_{host.kernel_machine}")]
    environment = {"python_version": version, "python_full_version": f"{version}.0", "extra": ""}
    wanted = [
        f"{requirement.name}{requirement.specifier}"
        for requirement in map(Requirement, importlib.metadata.requires(_PROJECT) or ())
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    command = proc.Command(
        argv=(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
            "--only-binary=:all:", "--implementation", "cp", "--python-version", version, *platforms,
            "--target", str(root / _PYTHON_DIR), "--upgrade", *wanted,
        ),
        env=proc.base_environment(context.environ),
        timeout_s=_PIP_TIMEOUT_S,
    )  # fmt: skip
    done = proc.run(command)
    if done.exit_code:
        raise ImageError(
            f"pip cannot have the pipeline's Python packages for {host.oci_platform}",
            cause="the package index cannot be reached, or one of them is not made for that CPU",
            action="see what pip says; PIP_INDEX_URL and pip.conf name other indexes",
            details=f"{done.stderr.decode(errors='replace')}\n{command.replay_line()}",
        )
