"""File names of rusty_v8's prebuilt archives and bindings, over the history of the ``v8`` crate.

Source: ``build.rs`` and the release workflow at every tag from v0.0.6 to v150.0.0 of denoland/rusty_v8, where a
name is ``<base>/v<crate version>/<file>``. What changed, by the first version that has it:

=========  =====================================================================================================
0.3.7      ``librusty_v8_<profile>_<triple>.a`` (Windows: ``rusty_v8_release_<triple>.lib``)
0.9.1      RUSTY_V8_MIRROR names another base; from 0.11.0 it may be a directory
0.30.0     always ``release`` unless V8_FORCE_DEBUG is set; before, Cargo's own profile
0.88.0     ``.gz`` after the name
0.95.0     ``src_binding_<profile>_<triple>.rs``, shipped in the crate's ``gen/``
130.0.2    the binding is taken from the mirror too when RUSTY_V8_MIRROR is set
134.1.0    ``_ptrcomp`` after ``librusty_v8`` and ``src_binding`` for the feature v8_enable_pointer_compression
145.0.0    ``_sandbox`` for v8_enable_sandbox
146.7.0    ``_simdutf`` for simdutf
=========  =====================================================================================================
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from packaging.version import InvalidVersion, Version

from pipeline.errors import SpecError

Profile = Literal["release", "debug"]

UPSTREAM_BASE = "https://github.com/denoland/rusty_v8/releases/download"

_PREBUILT = Version("0.3.7")
_MIRROR_VARIABLE = Version("0.9.1")
_MIRROR_DIRECTORY = Version("0.11.0")
_COMPRESSED = Version("0.88.0")
_BINDING = Version("0.95.0")
_BINDING_FROM_MIRROR = Version("130.0.2")
_NUMBERED_AFTER_V8 = Version("129.0.0")

# In the order in which they stand in a name: (first version, feature, infix).
_INFIXES = (
    (Version("134.1.0"), "v8_enable_pointer_compression", "_ptrcomp"),
    (Version("145.0.0"), "v8_enable_sandbox", "_sandbox"),
    (Version("146.7.0"), "simdutf", "_simdutf"),
)
_IMPLIED = {"v8_enable_sandbox": frozenset({"v8_enable_pointer_compression"})}


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Build:
    """One build of V8 as the ``v8`` crate asks for it."""

    version: str
    """Version of the crate, such as 137.2.1; not V8's own."""
    triple: str
    profile: Profile = "release"
    features: frozenset[str] = frozenset()
    """Features of the crate that are on; those that do not change the archive are ignored."""

    @property
    def parsed(self) -> Version:
        """Return the crate's version; raises SpecError when it is none."""
        try:
            return Version(self.version)
        except InvalidVersion as error:
            raise SpecError(
                f"{self.version!r} is not a version of the v8 crate",
                cause="a misspelt version, or one with a leading v",
                action="give it as Cargo.lock does, such as 137.2.1",
            ) from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class MirrorFile:
    """A file that the crate's build script takes from a mirror."""

    relative_path: str
    """Path below the base, with ``/``."""
    kind: Literal["archive", "binding"]


def mirror_files(build: V8Build) -> tuple[MirrorFile, ...]:
    """Return all files that a mirror must have for *build*, the archive first.

    Raises SpecError for a crate that is too old to take archives from a directory.
    """
    if build.parsed < _MIRROR_DIRECTORY:
        raise SpecError(
            f"the v8 crate {build.version} cannot take its archive from a directory",
            cause=f"its build script learned that in {_MIRROR_DIRECTORY}",
            action="use a newer v8 crate, or the provider `source`",
        )
    files = [MirrorFile(relative_path=_below_base(build, archive_name(build)), kind="archive")]
    binding = binding_name(build)
    if binding and build.parsed >= _BINDING_FROM_MIRROR:
        files.append(MirrorFile(relative_path=_below_base(build, binding), kind="binding"))
    return tuple(files)


def archive_name(build: V8Build) -> str:
    """Return the archive's file name. Raises SpecError for versions that have none."""
    if build.parsed < _PREBUILT:
        raise SpecError(
            f"there are no prebuilt archives of the v8 crate {build.version}",
            cause=f"upstream publishes them since {_PREBUILT}",
            action="use a newer v8 crate, or the provider `source`",
        )
    windows = "-windows" in build.triple
    stem, extension = ("rusty_v8", ".lib") if windows else ("librusty_v8", ".a")
    profile = "release" if windows else build.profile
    compressed = ".gz" if build.parsed >= _COMPRESSED else ""
    return f"{stem}{_infix(build)}_{profile}_{build.triple}{extension}{compressed}"


def binding_name(build: V8Build) -> str | None:
    """Return the file name of the generated Rust declarations, None for versions that have them in the source."""
    if build.parsed < _BINDING:
        return None
    return f"src_binding{_infix(build)}_{build.profile}_{build.triple}.rs"


def reads_mirror_variable(build: V8Build) -> bool:
    """Return whether the crate's build script knows RUSTY_V8_MIRROR at all."""
    return build.parsed >= _MIRROR_VARIABLE


def v8_major_minor(build: V8Build) -> tuple[int, int] | None:
    """Return V8's own version: crate 137.x is V8 13.7. None for the old numbers (0.x), which do not say it."""
    if build.parsed < _NUMBERED_AFTER_V8:
        return None
    return divmod(build.parsed.major, 10)


def _infix(build: V8Build) -> str:
    features = build.features.union(*(_IMPLIED.get(feature, frozenset()) for feature in build.features))
    return "".join(infix for first, feature, infix in _INFIXES if feature in features and build.parsed >= first)


def _below_base(build: V8Build, name: str) -> str:
    return f"v{build.version}/{name}"
