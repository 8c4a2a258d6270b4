"""Which versions a toolchain takes, of those that the mirror offers."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Mapping

from pipeline.apt.private import PrivateApt
from pipeline.errors import ToolboxError
from pipeline.model.distribution import HostTools, RustFlavour
from pipeline.model.package import without_rebuild


@dataclasses.dataclass(frozen=True, kw_only=True)
class RustChoice:
    """A Rust that the host and the target both have."""

    flavour: RustFlavour
    packages: tuple[str, ...]
    """For the host, each with its version."""
    cargo_alone: str | None = None
    """Package of a Cargo of another version than rustc, to be taken without what it says it depends on."""
    std_version: str
    """Of the target's standard library; may differ from the host's in the number of a rebuild."""


def llvm_packages(tools: HostTools, major: int) -> tuple[str, ...]:
    """Return the names of the packages of one major version of Clang, lld and LLVM's tools."""
    return tuple(name.format(llvm=major) for name in tools.llvm_packages)


def choose_llvm(tools: HostTools, apt: PrivateApt, rust: RustChoice | None, *, only: int | None = None) -> int:
    """Return the major version of Clang to take: rustc's own LLVM where that is one, else the preferred one.

    With *only*, no other will do.

    Sharing one LLVM saves a download of 60 MB, and lld then reads the bitcode that rustc writes.
    Raises ToolboxError when the mirror offers none.
    """
    wanted = (only,) if only else tools.llvm_majors
    offered = apt.versions(name for major in wanted for name in llvm_packages(tools, major))
    majors = [m for m in wanted if all(name in offered for name in llvm_packages(tools, m))]
    if majors:
        shared = _llvm_of_rust(apt, rust) if rust else None
        return shared if shared in majors else majors[0]
    raise _no_llvm(wanted)


def _llvm_of_rust(apt: PrivateApt, rust: RustChoice) -> int | None:
    names = (package.name for package in apt.resolve(rust.packages))
    matches = (re.fullmatch(r"libllvm(\d+)(?:t64)?", name) for name in names)
    return next((int(match[1]) for match in matches if match), None)


def _no_llvm(wanted: tuple[int, ...]) -> ToolboxError:
    majors = ", ".join(str(major) for major in wanted)
    return ToolboxError(
        f"the mirror offers none of the versions of Clang and lld that the toolbox can use ({majors})",
        cause="the suite that has them cannot be had now (see the warnings), or the mirror is incomplete",
        action="try again later, or choose another mirror (SNAPSTITCH_APT_MIRROR)",
    )


def choose_rust(tools: HostTools, host: PrivateApt, target: PrivateApt) -> RustChoice:
    """Return the newest Rust that the host and the target both have: std must be of rustc's own version.

    Raises ToolboxError when there is none.
    """
    offered = host.versions(name for f in tools.rust for name in (f.rustc, f.cargo, f.std, *f.cargo_libraries))
    precompiled = target.versions(flavour.std for flavour in tools.rust)
    for flavour in tools.rust:
        for version in offered.get(flavour.rustc, ()):
            std = _same_source(version, precompiled.get(flavour.std, ()))
            host_std = _same_source(version, offered.get(flavour.std, ()))
            if std and host_std:
                own = _same_source(version, offered.get(flavour.cargo, ()))
                other = other_cargo(flavour, own, offered)
                cargo = (f"{flavour.cargo}={own}" if own else flavour.cargo,)
                return RustChoice(
                    flavour=flavour,
                    packages=(
                        f"{flavour.rustc}={version}",
                        f"{flavour.std}={host_std}",
                        *(flavour.cargo_libraries if other else cargo),
                    ),
                    cargo_alone=f"{flavour.cargo}={other}" if other else None,
                    std_version=std,
                )
    raise _no_common_rust(tools, target.architecture, offered, precompiled)


def other_cargo(flavour: RustFlavour, own: str | None, offered: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the version of Cargo to take instead of rustc's own one; None where that one is right, or all there is."""
    pattern = flavour.cargo_versions
    if pattern is None or (own and fnmatch.fnmatchcase(own, pattern)):
        return None
    if not all(offered.get(library) for library in flavour.cargo_libraries):
        return None
    versions = offered.get(flavour.cargo, ())
    return next((version for version in versions if fnmatch.fnmatchcase(version, pattern)), None)


def _same_source(version: str, offered: tuple[str, ...]) -> str | None:
    wanted = without_rebuild(version)
    return next((other for other in offered if without_rebuild(other) == wanted), None)


def _no_common_rust(
    tools: HostTools,
    architecture: str,
    offered: dict[str, tuple[str, ...]],
    precompiled: dict[str, tuple[str, ...]],
) -> ToolboxError:
    lines = [
        f"{f.rustc}: {', '.join(offered.get(f.rustc, ())) or 'none'}; "
        f"{f.std} for {architecture}: {', '.join(precompiled.get(f.std, ())) or 'none'}"
        for f in tools.rust
    ]
    return ToolboxError(
        f"no version of Rust is there for both this machine and {architecture}",
        cause="the suites of the two architectures are updated at different times, or one cannot be had now",
        action="try again later, or choose another mirror (SNAPSTITCH_APT_MIRROR)",
        details="\n".join(lines),
    )
