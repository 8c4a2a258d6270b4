"""Distributions that the toolbox knows: suites, keyrings and package names, read from a table.

The table is ``pipeline/data/distributions.toml``; this module gives it types and finds rows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import PurePosixPath

import pydantic

from pipeline.errors import ToolboxError


class _Row(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class RustFlavour(_Row):
    """One packaging of Rust: a distribution may carry several side by side."""

    rustc: str
    cargo: str
    std: str
    """Package of the target's precompiled standard library."""
    prefix: PurePosixPath = PurePosixPath("usr")
    """Where its ``bin`` and ``lib/rustlib`` lie; those of Ubuntu's versioned packages are apart."""
    cargo_versions: str | None = None
    """Pattern of the versions of Cargo to take, where they are offered, even beside a newer rustc."""
    cargo_libraries: tuple[str, ...] = ()
    """Packages that such a Cargo needs."""

    @property
    def rustlib(self) -> PurePosixPath:
        """Return the directory of standard libraries, below the root."""
        return self.prefix / "lib" / "rustlib"


class HostTools(_Row):
    """Packages of the programs that run on the build host."""

    llvm_majors: tuple[int, ...]
    """Major versions of Clang and LLVM, the preferred one first."""
    llvm_packages: tuple[str, ...] = ("clang-{llvm}", "lld-{llvm}", "llvm-{llvm}")
    rust: tuple[RustFlavour, ...]
    emulator_packages: tuple[str, ...]
    patchelf: str = "patchelf"


class Release(_Row):
    """One release; without *tools* it serves for sysroots only."""

    version_id: str
    """As VERSION_ID stands in os-release(5)."""
    codename: str
    gcc: int
    """Major version of the GCC whose libraries and C++ headers the release has."""
    tools: HostTools | None = None

    @property
    def development_packages(self) -> tuple[str, ...]:
        """Return what compiling C++ for this release takes: headers, start files, libgcc."""
        return ("libc6-dev", f"libgcc-{self.gcc}-dev", f"libstdc++-{self.gcc}-dev")


class Ports(_Row):
    """Where a distribution keeps the architectures that its main archive lacks."""

    main_architectures: tuple[str, ...]
    main_labels: tuple[str, ...]
    """First labels (or those after a country's) of the main archive's host names."""
    ports_label: str
    ports_path: str


class Distribution(_Row):
    """One distribution with the releases that the table has."""

    id: str
    """As ID stands in os-release(5)."""
    name: str
    keyrings: tuple[str, ...]
    keyring_package: str
    archive_names: tuple[str, ...]
    """Directories that mirrors of the distribution's own archives are called by."""
    components: tuple[str, ...]
    suites: tuple[str, ...]
    left_out: tuple[str, ...]
    """Packages to treat as installed, so that they are not fetched."""
    ports: Ports | None = None
    release: tuple[Release, ...]

    def suites_of(self, release: Release) -> tuple[str, ...]:
        """Return the suites of *release*, the one that must work first."""
        return tuple(suite.format(codename=release.codename) for suite in self.suites)

    def left_out_of(self, release: Release) -> tuple[str, ...]:
        """Return the names of packages that are not fetched for *release*."""
        return tuple(name.format(gcc=release.gcc) for name in self.left_out)

    def find_release(self, codename: str) -> Release:
        """Return the release called *codename*; raises ToolboxError when the table lacks it."""
        for release in self.release:
            if release.codename == codename:
                return release
        known = ", ".join(release.codename for release in self.release)
        raise ToolboxError(
            f"{self.name} has no suite {codename!r} in the table of distributions",
            cause="a misspelt suite, or a release that nobody has tried yet",
            action=f"use one of {known}, or add a row to pipeline/data/distributions.toml",
        )


class _Table(_Row):
    distribution: tuple[Distribution, ...]


def parse_distributions(text: str) -> tuple[Distribution, ...]:
    """Return the rows of the table; pydantic's ValidationError names what is wrong in it."""
    return _Table.model_validate(tomllib.loads(text)).distribution


def parse_os_release(text: str) -> dict[str, str]:
    """Return the variables of an os-release(5) file."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def identify(distributions: Iterable[Distribution], os_release: dict[str, str]) -> tuple[Distribution, Release]:
    """Return the distribution and the release that *os_release* describes.

    Raises ToolboxError for a machine that the table does not know, or knows for sysroots only.
    """
    rows = tuple(distributions)
    for distribution in rows:
        for release in distribution.release:
            if (distribution.id, release.version_id) == (
                os_release.get("ID"),
                os_release.get("VERSION_ID"),
            ) and release.tools:
                return distribution, release
    known = ", ".join(f"{d.name} {r.version_id}" for d in rows for r in d.release if r.tools)
    found = os_release.get("PRETTY_NAME") or os_release.get("ID") or "an unnamed system"
    raise ToolboxError(
        f"the toolbox cannot be made on this machine ({found})",
        cause=f"it is made from the packages of {known}",
        action="use one of these, build in the toolchain image (--toolchain docker), "
        "or install clang, lld, Rust, QEMU and patchelf and give --toolchain host",
    )
