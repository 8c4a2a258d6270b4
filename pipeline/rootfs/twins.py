"""Packages of a root that are also taken as programs of this machine, in the very same version."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from pipeline.model.package import Package, without_rebuild

_TWINS = re.compile(r"(rustc|cargo)(-web|-\d+\.\d+)?|(clang|lld|llvm)-\d+|cmake|sccache")
"""Names in Debian and Ubuntu; a package ``clang`` or ``lld`` only depends on one with a number."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Twins:
    """What is taken for this machine, and what stays emulated."""

    taken: tuple[str, ...]
    """``name=version``, as apt takes it."""
    emulated: tuple[str, ...]
    """``name version``: not to be had for this machine in that version."""

    @property
    def have_rust(self) -> bool:
        """Return whether a compiler for Rust is among them."""
        return any(name.startswith("rustc") for name in self.taken)


def twin_names(packages: Iterable[Package]) -> tuple[str, ...]:
    """Return the names of those of *packages* that are wanted for this machine, too."""
    return tuple(package.name for package in packages if _TWINS.fullmatch(package.name))


def find_twins(packages: Iterable[Package], offered: Mapping[str, tuple[str, ...]]) -> Twins:
    """Return which of *packages* are taken for this machine, of the versions that are *offered* for it.

    A version that was built again, for one architecture only, is the same source.
    """
    taken, emulated = [], []
    for package in packages:
        if not _TWINS.fullmatch(package.name):
            continue
        wanted = without_rebuild(package.version)
        version = next((v for v in offered.get(package.name, ()) if without_rebuild(v) == wanted), None)
        if version:
            taken.append(f"{package.name}={version}")
        else:
            emulated.append(f"{package.name} {package.version}")
    if not any(name.startswith("rustc") for name in taken):
        # Cargo alone would be told by an emulated compiler what to expect: that is slow, and nothing else.
        emulated += [name.replace("=", " ") for name in taken if name.startswith("cargo")]
        taken = [name for name in taken if not name.startswith("cargo")]
    return Twins(taken=tuple(taken), emulated=tuple(emulated))
