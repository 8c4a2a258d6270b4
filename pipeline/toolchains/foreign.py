"""Programs of another release or architecture of the distribution, in a prefix of their own.

A program that the machine's release has in too old a version is taken from a newer one, with all that it needs down
to the C library and the loader: newer libraries beside the tools of the machine's release would make those run with
libraries that they were not built for. The prefix is complete or absent, and shared by every build.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path, PurePosixPath

import pydantic

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import make_links_relative, prepare_root, unpack
from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.events import Where
from pipeline.model.package import Package, total_size_bytes
from pipeline.model.target import Target
from pipeline.toolchains.plan import FRESH_S, toolbox_dir
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.relocate import Relocation, relocate
from pipeline.toolchains.request import ToolboxInputs

SCHEMA = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForeignInputs:
    """Which programs, and where they come from."""

    suites: tuple[str, ...]
    """Codenames of releases, the preferred one first; the first that has the packages is taken."""
    packages: tuple[str, ...]
    programs: tuple[PurePosixPath, ...]
    """Files, below the prefix, that will be started."""
    patchelf: Path | None
    toolbox: ToolboxInputs
    """Describes machine and mirror."""
    target: Target | None = None
    """Whose packages they are; None: this machine's, made to run in place."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForeignPrefix:
    """A prefix that is complete."""

    root: Path
    suite: str
    packages: tuple[Package, ...]

    def version(self, package: str) -> str:
        """Return the version of a package in the prefix."""
        return next(found.version for found in self.packages if found.name == package)


class _Plan(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)

    created_at: float
    """Unix time of the resolution."""
    suite: str
    packages: tuple[Package, ...]

    @property
    def digest(self) -> str:
        return fs.sha256_json([SCHEMA, self.suite, *sorted(package.identity for package in self.packages)])


def ensure_foreign(inputs: ForeignInputs, context: Context) -> ForeignPrefix:
    """Return the prefix, made first where it is absent.

    Raises ToolboxError when no suite has the packages, NetworkError, IntegrityError, DiskFullError.
    """
    planner = Planner.for_machine(inputs.toolbox, context, frozenset())
    plan = _plan(inputs, planner)
    whose = f"-{inputs.target.name}" if inputs.target else ""
    root = toolbox_dir(context) / f"{inputs.packages[0]}-{plan.suite}{whose}-{plan.digest[:16]}"
    with fs.locked_beside(root):
        if not root.is_dir():
            _install(inputs, plan, planner, root)
    return ForeignPrefix(root=root, suite=plan.suite, packages=plan.packages)


def _apts(inputs: ForeignInputs, planner: Planner) -> dict[str, PrivateApt]:
    find = planner.distribution.find_release
    return {suite: planner.apt_for(inputs.target or planner.host, find(suite)) for suite in inputs.suites}


def _plan(inputs: ForeignInputs, planner: Planner) -> _Plan:
    """Return the remembered packages while they are fresh, else ask the suites for them."""
    context = planner.context
    places = [apt.directory.name for apt in _apts(inputs, planner).values()]
    memory = toolbox_dir(context) / "plans" / f"foreign-{fs.sha256_json([SCHEMA, places, inputs.packages])[:32]}.json"
    remembered = _read(memory)
    if remembered and (context.offline or time.time() - remembered.created_at < FRESH_S):
        return remembered
    if context.offline:
        raise NetworkError(
            f"{', '.join(inputs.packages)} of {' or '.join(inputs.suites)} must be fetched and --offline forbids it",
            cause="it was never fetched here, or the cache is another one",
            action="run the same command once without --offline",
        )
    plan = _resolve(inputs, planner)
    fs.write_text(memory, plan.model_dump_json(indent=1))
    return plan


def _read(memory: Path) -> _Plan | None:
    try:
        return _Plan.model_validate_json(memory.read_bytes())
    except (OSError, pydantic.ValidationError):
        return None


def _resolve(inputs: ForeignInputs, planner: Planner) -> _Plan:
    for suite, apt in _apts(inputs, planner).items():
        apt.refresh()
        if all(name in apt.versions(inputs.packages) for name in inputs.packages):
            packages = apt.resolve(inputs.packages)
            apt.trim()
            return _Plan(created_at=time.time(), suite=suite, packages=packages)
    raise ToolboxError(
        f"no suite of {planner.distribution.name} has {', '.join(inputs.packages)}: tried {', '.join(inputs.suites)}",
        cause="the mirror is incomplete",
        action="choose another mirror (SNAPSTITCH_APT_MIRROR)",
    )


def _install(inputs: ForeignInputs, plan: _Plan, planner: Planner, final: Path) -> None:
    context, apt = planner.context, _apts(inputs, planner)[plan.suite]
    apt.prepare()
    packages_dir = toolbox_dir(context) / "packages"
    request = FetchRequest(
        packages=plan.packages,
        packages_dir=packages_dir,
        apt_config=apt.config_path,
        environ=context.environ,
        offline=context.offline,
        reporter=context.reporter,
    )
    with (
        context.reporter.step(f"toolbox: {inputs.packages[0]} of {plan.suite}", where=Where.NETWORK) as step,
        fs.atomic_directory(final) as root,
    ):
        step.detail(f"{len(plan.packages)} packages, {total_size_bytes(plan.packages) / 1e6:.0f} MB")
        prepare_root(root)
        with fs.locked_beside(packages_dir):
            fetch(request, lambda _package, path: unpack(path, root, context.environ))
        make_links_relative(root)
        if inputs.target is None:
            relocate(_relocation(inputs, planner, root, final))


def _relocation(inputs: ForeignInputs, planner: Planner, root: Path, final: Path) -> Relocation:
    return Relocation(
        root=root,
        final=final,
        host=planner.host,
        llvm_bin=None,
        rust_prefix=None,
        patchelf=inputs.patchelf,
        environ=planner.context.environ,
        further=inputs.programs,
    )
