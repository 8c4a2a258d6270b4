"""What ``releases.toml`` may say about prebuilds: addons and programs that others take as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic

from pipeline.model.prebuilds.manifest import MAX_PROBE_TIMEOUT_S, Libc, Probe
from pipeline.model.prebuilds.name import name_problem
from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.values import Flag, GlibcVersion, LibraryNames, TargetNames, Text, Texts

DEFAULT_NODE = "24.19.0"
DEFAULT_SIZE_BUDGET_MB = 20.0
PREBUILD_TARGETS = ("amd64", "arm64", "armhf")
"""Targets for which there are both C libraries and a Node."""


def _addon_name(name: str) -> str:
    if problem := name_problem(name):
        raise ValueError(f"{name!r} {problem}")
    return name


def _inside(path: str) -> str:
    if path.startswith("/") or "\\" in path or ".." in path.split("/") or not path.isprintable():
        raise ValueError(f"{path!r} must be a relative path that stays inside the tree")
    return path


InsideName = Annotated[Text, pydantic.AfterValidator(_inside)]
ProgramName = Annotated[Text, pydantic.AfterValidator(_addon_name)]
ExactVersion = Annotated[str, pydantic.Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+([+-][0-9A-Za-z.+-]+)?$")]
Integrity = Annotated[str, pydantic.Field(pattern=r"^sha512-[A-Za-z0-9+/]{86}==$")]
Libcs = Annotated[tuple[Libc, ...], pydantic.Field(min_length=1)]
Compiler = Literal["auto", "clang", "zig"]


class NpmSource(SpecTable):
    """A package of the npm registry, from wherever npm's own settings say."""

    kind: Literal["npm"]
    package: ProgramName
    """Name of the package."""
    version: ExactVersion
    """Exact version."""
    integrity: Integrity | None = None
    """Digest of the package, as `npm view NAME@VERSION dist.integrity` prints it; without it, the registry is
    believed."""
    dependencies: dict[Text, ExactVersion] = {}
    """Exact versions of packages that it is compiled with, such as `node-addon-api`; without them, npm takes the
    newest that fit."""


class DirectorySource(SpecTable):
    """Sources in a directory of this machine; they are copied, and never changed."""

    kind: Literal["path"]
    path: Path
    """A relative one begins at the directory of `releases.toml`."""


PrebuildSource = Annotated[NpmSource | DirectorySource, pydantic.Field(discriminator="kind")]


Style = Literal["one", "split"]


class Edit(SpecTable):
    """A change of one file of the packed package."""

    style: Style | None = None
    """Style of package that is changed; without it, both."""

    file: InsideName
    """Path inside the package; `package.json` is changed after `package-json`."""
    old: Text
    """Text that the file must hold exactly once."""
    new: str
    """What stands there instead."""


class NpmOutput(SpecTable):
    """Packages for npm that hold the prebuilds."""

    name: ProgramName
    """Name of the package; those of single platforms are called `NAME-linux-arm64-musl`."""
    version: ExactVersion | None = None
    """Version of all packages; without it, that of the source."""
    styles: Annotated[tuple[Style, ...], pydantic.Field(min_length=1)] = ("one", "split")
    """`one` is a package with everything; `split` is a package that has each platform's own among its
    `optionalDependencies`, so that a machine downloads only what fits it."""
    size_budget_mb: Annotated[float, pydantic.Field(gt=0)] = DEFAULT_SIZE_BUDGET_MB
    """What the package with everything may unpack to, in MB (10⁶ bytes), before a warning."""
    package_json: dict[Text, pydantic.JsonValue] = {}
    """What its package.json has instead of the source's; nested tables are merged (RFC 7396), and an empty table leaves
    a key out."""
    edits: tuple[Edit, ...] = ()
    """Changes of its files: sources that know `build/Release` only must be told of `prebuilds/`."""


class ProbeSpec(SpecTable):
    """A run of a program that shows that it works."""

    args: tuple[str, ...]
    """Arguments; the environment is empty."""
    exit_code: Annotated[pydantic.StrictInt, pydantic.Field(ge=0, le=255)] = 0
    """The exit status that is right. A rare one tells more: a shell that cannot start the program has its own."""
    timeout_s: Annotated[float, pydantic.Field(gt=0, le=MAX_PROBE_TIMEOUT_S)] = 20.0
    """Seconds after which it has failed."""

    def probe(self) -> Probe:
        """Return it as a manifest has it."""
        return Probe(args=self.args, exit_code=self.exit_code, timeout_s=self.timeout_s)


class PrebuildCommon(SpecTable):
    """What recipes of every kind have."""

    source: PrebuildSource
    """Where the sources come from."""
    targets: TargetNames = PREBUILD_TARGETS
    """Targets that it is built for."""
    libcs: Libcs = (Libc.GLIBC, Libc.MUSL)
    """C libraries that it is built for."""
    glibc: GlibcVersion | None = None
    """Newest glibc that it may need, in place of what `targets` says; one that is older than that chooses zig."""
    compiler: Compiler = "auto"
    """`clang` is the toolbox's, with the target's sysroot; `zig` is that of the `ziglang` wheel, which knows musl and
    old versions of glibc; `auto` takes zig for these only. Either links its C++ library statically."""
    env: dict[Text, str] = {}
    """Further variables for the build."""
    strip: Flag = True
    """Whether symbols and debug information are left out."""
    assumed_libraries: LibraryNames = ()
    """Libraries that every user is known to have beside the C library."""
    released: Flag = False
    """Whether it belongs to every release: without a prebuild for each of its targets and C libraries, none is
    published."""
    npm: NpmOutput | None = None
    """Packages for npm; without it, there are archives and their index only."""

    @pydantic.model_validator(mode="after")
    def _can_be_compiled(self) -> Self:
        problems = []
        if self.compiler == "clang" and Libc.MUSL in self.libcs:
            problems.append("'compiler' \"clang\" knows no musl; leave it out, or \"musl\" out of 'libcs'")
        if others := sorted(set(self.targets) - set(PREBUILD_TARGETS)):
            problems.append(f"prebuilds are made for {', '.join(PREBUILD_TARGETS)}, not for {', '.join(others)}")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class NodeAddonSpec(PrebuildCommon):
    """A Node addon with a `binding.gyp`, compiled by node-gyp."""

    kind: Literal["node-addon"]
    name: ProgramName | None = None
    """First part of the file's name; without it, the name in package.json, as prebuildify has it."""
    addon: InsideName | None = None
    """Path of the addon in the tree; without it, the only `.node` file in `build/Release`."""
    node: ExactVersion = DEFAULT_NODE
    """Node whose headers and settings it is compiled with. An addon on Node-API runs with others, too."""
    cxx: Flag = True
    """Whether C++ is in it. Without, the C compiler links it, and zig need not compile a C++ library first."""
    gyp_arguments: Texts = ()
    """Further arguments for node-gyp, such as `--force_build=1`."""

    @pydantic.model_validator(mode="after")
    def _gyp_arguments_are_options(self) -> Self:
        wrong = [text for text in self.gyp_arguments if not re.fullmatch(r"--[A-Za-z0-9_-]+(=.*)?", text)]
        if wrong:
            raise ValueError(
                f"'gyp-arguments' are options such as '--force_build=1', not {', '.join(map(repr, wrong))}"
            )
        return self


class ExecutableSpec(PrebuildCommon):
    """Programs that any build command makes."""

    kind: Literal["executable"]
    version: ExactVersion | None = None
    """Version of the programs; without it, that of the source's package.json."""
    build: Annotated[tuple[Texts, ...], pydantic.Field(min_length=1)]
    """Commands, each a list of words, run in the tree one after the other. They get CC, CXX, AR, RANLIB, STRIP, LDFLAGS
    and the like; `{jobs}`, `{cmake-toolchain}` and `{meson-cross}` in a word are replaced."""
    programs: Annotated[dict[ProgramName, InsideName], pydantic.Field(min_length=1)]
    """Programs by their names, and where the build leaves them in the tree."""
    probe: ProbeSpec | None = None
    """A run of each program, here and wherever it is installed."""


PrebuildSpec = Annotated[NodeAddonSpec | ExecutableSpec, pydantic.Field(discriminator="kind")]
