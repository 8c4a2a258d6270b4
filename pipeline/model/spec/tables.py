"""What ``releases.toml`` may say: runtimes, where their sources and their V8 come from, and targets.

The attribute docstrings are the reference: ``docs/releases-toml.md`` is generated from them. Reading a whole file,
with every mistake in it reported at once, is ``pipeline.model.spec.reader``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic

from pipeline.model.asset import DEFAULT_ASSET_NAME
from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.ci import CiSpec
from pipeline.model.spec.images import ImageSpec
from pipeline.model.spec.origins import (
    RUSTY_V8_TARGETS,
    GitSource,
    PathSource,
    PrebuiltVm,
    Source,
    SystemVm,
    VmProvider,
)
from pipeline.model.spec.prebuilds import PrebuildSpec
from pipeline.model.spec.runtime_parts import Canary, CompanionSpec, ProfileSettings, VersionSpec
from pipeline.model.spec.updater import UpdaterSpec
from pipeline.model.spec.values import (
    AssetName,
    Environment,
    Flag,
    Gigabytes,
    GlibcVersion,
    LibraryNames,
    RuntimeName,
    RustVersion,
    Seconds,
    TargetName,
    TargetNames,
    Text,
    Texts,
)
from pipeline.model.target import TARGETS

DEFAULT_VM_CRATE = "v8"
DEFAULT_GENERATOR_TIMEOUT_S = 600.0

BuildStrategy = Literal["lift", "root"]


class RuntimeSpec(SpecTable):
    """A program whose build freezes the heap of a virtual machine."""

    source: Source
    """Where the Cargo workspace comes from."""
    package: Text | None = None
    """Package that is built; without it, the only one that has a binary."""
    binaries: Texts = ()
    """Binaries of the product; without it, all that the package has."""
    companions: tuple[CompanionSpec, ...] = ()
    """Other packages of the workspace whose programs are built with it."""
    vm_crate: Text = DEFAULT_VM_CRATE
    """Package of the virtual machine. Build scripts that reach it run on the target."""
    features: Texts = ()
    """Cargo features of the product."""
    default_features: Flag = True
    """Whether the package's default features are on."""
    accept_lost_features: Texts = ()
    """`CRATE/FEATURE` that a generator may be compiled without, although its build script would have been compiled
    with it: because something else on the host asks for the feature, not because the generator needs it."""
    strategy: BuildStrategy = "lift"
    """How build scripts that reach the virtual machine run on the target: `lift` makes programs of their own of them;
    `root` leaves them where they are, and everything is built in an emulated root with native compilers."""
    root_packages: Texts = ()
    """Packages that such a root has beside compilers, Cargo and what the virtual machine takes."""
    profile: Text = "release"
    """Cargo profile."""
    profiles: dict[Text, ProfileSettings] = {}
    """Settings of Cargo profiles that the sources lack, by the profile's name; nested as in a `Cargo.toml`, overrides
    for single packages (`package.NAME`) included. A published package has none: what its repository says belongs here.
    Only those of the profile that is built with reach Cargo: where it inherits from `release`, that is Cargo's own (or
    the sources'), not a `release` of this table."""
    patches: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None = None
    """Directory in `patches/` that holds the patches for it; without it, the one with the runtime's own name."""
    peak_memory_gb: dict[Text, Gigabytes] = {}
    """What the largest run of a compiler or linker takes, in GB (10⁹ bytes), by the profile's name; with LTO it is the
    last one. Fewer compilers run at once where memory is short, and a build that does not fit ends before it begins."""
    rust: RustVersion | None = None
    """Oldest Rust that compiles it."""
    versions: tuple[VersionSpec, ...] = ()
    """Further versions of the package, with what each needs; `--version`, or `--runtime NAME@VERSION`, chooses one."""
    env: Environment = {}
    """Variables for build scripts and compilers, beside those that the pipeline sets."""
    v8: VmProvider = SystemVm(kind="system")
    """Where the virtual machine comes from."""
    v8_for: dict[TargetName, VmProvider] = {}
    """Where it comes from for single targets, in place of `v8`."""
    targets: TargetNames = tuple(target.name for target in TARGETS)
    """Targets that it can be built for."""
    suite: Text | None = None
    """Release of the distribution that headers and libraries come from, in place of what `targets` says; the `glibc`
    there then says nothing either."""
    glibc: GlibcVersion | None = None
    """Newest glibc that the product may need, in place of what `targets` says."""
    snapshot_rounds: Annotated[pydantic.StrictInt, pydantic.Field(ge=1, le=9)] = 1
    """How many generator bundles a build over several machines takes: 2 where a snapshot is made on top of another."""
    generator_timeout_s: Seconds = DEFAULT_GENERATOR_TIMEOUT_S
    """Seconds after which the program that makes the snapshot is stopped."""
    canaries: tuple[Canary, ...] = ()
    """Runs of the finished product; each must answer as it says."""
    canary_dir: Path | None = None
    """Directory whose files lie in the working directory of every canary; a relative one begins at the directory of
    `releases.toml`."""
    strip: Flag = True
    """Whether symbols and debug information are left out of the product."""
    native_tools: Flag = False
    """Whether crates of the tree run CMake, make, pkg-config or bindgen."""
    bundle: Flag = True
    """Whether libraries that a plain system lacks are put beside the binary."""
    assumed_libraries: LibraryNames = ()
    """Libraries that every user of the product is known to have beside the C library, such as `libgcc_s.so.1`: they are
    not put beside the binary."""
    asset_name: AssetName = DEFAULT_ASSET_NAME
    """File name of the zip. `{runtime}` stands for the runtime's name, `{version}` for the package's version, `{os}`
    for `linux`, and these for the target: `{target}` (Debian's name, such as `arm64`), `{rust-triple}`
    (`aarch64-unknown-linux-gnu`), `{gnu-triple}` (`aarch64-linux-gnu`), `{node-arch}` (`arm64`, `x64`). No two zips
    of the file may have one name."""
    updater: UpdaterSpec | None = None
    """What the product's own updater looks for in a release; without it, there is no such thing."""
    image: ImageSpec | None = None
    """Images with its programs; without it there are none."""

    @pydantic.model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        problems = [
            *self._feature_problems(),
            *self._prebuilt_problems(),
            *self._companion_problems(),
            *self._version_problems(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def vm_of(self, target: str) -> VmProvider:
        """Return where the virtual machine comes from for one target, by its name."""
        return self.v8_for.get(target, self.v8)

    def vm_packages(self, target: str) -> tuple[str, ...]:
        """Return the packages that a target's sysroot gets for the virtual machine."""
        vm = self.vm_of(target)
        return vm.packages if isinstance(vm, SystemVm) else ()

    def _feature_problems(self) -> list[str]:
        if "default" in self.features and not self.default_features:
            return ["'features' has \"default\" while 'default-features' is false"]
        return []

    def _companion_problems(self) -> list[str]:
        if self.companions and self.package is None:
            return ["'companions' need 'package', which says what is the product itself"]
        names = [self.package, *(companion.package for companion in self.companions)]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        return [f"package {name!r} is given more than once" for name in twice]

    def _version_problems(self) -> list[str]:
        if not self.versions:
            return []
        if isinstance(self.source, PathSource):
            return ["'versions' are for a source of kind 'registry' or 'git': a directory has one version"]
        if self.source.version is None:
            return ["'versions' need 'source.version', which says what the runtime's own 'rev' is"]
        is_git = isinstance(self.source, GitSource)
        if wrong := [item.version for item in self.versions if (item.rev is not None) != is_git]:
            return [f"version {name!r} {'needs a' if is_git else 'has a'} 'rev'" for name in wrong]
        names = [self.source.version, *(item.version for item in self.versions)]
        return [
            f"version {name!r} is described more than once" for name in sorted({n for n in names if names.count(n) > 1})
        ]

    def _prebuilt_problems(self) -> list[str]:
        lacking = sorted(set(self.targets) - RUSTY_V8_TARGETS - set(self.v8_for))
        if isinstance(self.v8, PrebuiltVm) and self.v8.mirror is None and lacking:
            return [f"there are no prebuilt archives for {', '.join(lacking)} unless 'v8.mirror' names a place"]
        return []


class TargetSpec(SpecTable):
    """What is decided about a target beside what its architecture decides."""

    suite: Text | None = None
    """Release of the distribution that headers and libraries come from; without it, this machine's own."""
    glibc: GlibcVersion | None = None
    """Newest glibc that the product may need; a product that needs a newer one fails its checks. `--suite` and a
    runtime's own `suite` take its place."""


class Spec(SpecTable):
    """A whole `releases.toml`."""

    schema_version: Annotated[Literal[1], pydantic.Field(alias="schema")]
    """Version of this file's format."""
    default_runtime: Text | None = None
    """Runtime that is built when none is named."""
    targets: dict[TargetName, TargetSpec] = {}
    """Targets, by Debian's name of the architecture."""
    runtimes: dict[RuntimeName, RuntimeSpec] = {}
    """Runtimes, by a name that also begins the names of what is built."""
    prebuilds: dict[RuntimeName, PrebuildSpec] = {}
    """Addons and programs that are built for others, by a name of yours."""
    ci: CiSpec = CiSpec()
    """How builds run on a hosted service."""
