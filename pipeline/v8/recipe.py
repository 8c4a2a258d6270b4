"""How V8 is compiled from the sources in the ``v8`` crate: which tools, which arguments for GN. Data, and its lookup.

Sources: ``build.rs`` and ``.gn`` of the crate; ``build/config/clang/BUILD.gn`` (names of the run-time libraries) and
``build/toolchain/linux/BUILD.gn`` (names of the toolchains) in it; and trials, which ``docs/v8-from-source.md`` tells.
"""

from __future__ import annotations

import dataclasses

from packaging.version import InvalidVersion, Version

from pipeline.errors import SpecError, UnsupportedError
from pipeline.model.target import Target
from pipeline.v8.names import V8Build

NINJA_TARGET = "rusty_v8"
"""What the crate's ``build.rs`` builds."""
GENERATOR_PROGRAMS = ("bytecode_builtins_list_generator", "gen-regexp-special-case", "mksnapshot", "torque")
"""Programs that V8's build makes and runs; they are the target's here."""
DEFAULT_FEATURES = frozenset({"use_custom_libcxx"})
"""The crate's default features, as far as they change the archive."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What one range of versions of the crate takes."""

    first: Version
    end: Version
    """The first version that the recipe is no longer for."""
    gn: str
    """Oldest GN that will do, as the day of its revision."""
    llvm_major: int
    needs: str = ""
    """What the range needs and the toolbox does not have; empty where it has everything."""
    arguments: tuple[str, ...] = ()
    """For GN, in addition to those of every version."""
    tried: tuple[str, ...] = ()
    """Versions of the crate of which a whole build was made."""


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        first=Version("130.0.0"), end=Version("140.0.0"), gn="2025-04-30", llvm_major=19, tried=("137.2.1", "137.3.0")
    ),
    Recipe(
        first=Version("140.0.0"),
        end=Version("149.0.0"),
        gn="2025-04-30",
        llvm_major=19,
        needs="a Rust toolchain laid out as Chromium's for V8's Temporal, of whose crates the package has no sources",
    ),
    Recipe(
        first=Version("149.0.0"),
        end=Version("151.0.0"),
        gn="2026-09-16",
        llvm_major=22,
        needs="GN of 2026-09-16 or later, Clang 22 or later, and a Rust toolchain laid out as Chromium's",
    ),
)
TOOLBOX_GN = "2025-04-30"
TOOLBOX_LLVM_MAJOR = 19


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """How Chromium's build files call an architecture."""

    cpu: str
    toolchain: str
    runtime_library_dir: str
    """Where GN looks for libclang_rt.builtins.a, below Clang's resource directory's ``lib``."""
    runtime_library_suffix: str
    """Ends the name that Debian gives that library."""
    arguments: tuple[str, ...] = ()
    tried: bool = False
    """Whether a whole build was made; for the others GN resolves, and nobody knows more."""
    dead_end: str = ""
    """Why the crate's own code cannot be compiled for it, though V8 can; empty where nothing is known to speak
    against it."""


ARCHITECTURES = {
    "arm64": Architecture(
        cpu="arm64",
        toolchain="clang_arm64",
        runtime_library_dir="aarch64-unknown-linux-gnu",
        runtime_library_suffix="aarch64",
        tried=True,
    ),
    "amd64": Architecture(
        cpu="x64",
        toolchain="clang_x64",
        runtime_library_dir="x86_64-unknown-linux-gnu",
        runtime_library_suffix="x86_64",
        tried=True,
    ),
    "armhf": Architecture(
        cpu="arm",
        toolchain="clang_arm",
        runtime_library_dir="armv7-unknown-linux-gnueabihf",
        runtime_library_suffix="armhf",
        # Debian's armhf has no NEON; without it GN takes VFPv3-D16.
        arguments=('v8_target_cpu="arm"', "arm_use_neon=false"),
        dead_end="its src/binding.cc aligns objects to 16 bytes, and a 32-bit V8 allows 8 at most",
    ),
}
"""By the target's name. s390x and ppc64el are missing: clang/BUILD.gn stops with an assertion for them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Order:
    """Which V8 is to be compiled."""

    version: str
    """Of the ``v8`` crate, such as 137.3.0."""
    target: Target
    features: frozenset[str] = DEFAULT_FEATURES
    extra_arguments: tuple[str, ...] = ()
    """For GN; they come last and win."""

    @property
    def build(self) -> V8Build:
        """Return what names the files that come out."""
        return V8Build(version=self.version, triple=self.target.rust_triple, features=self.features)

    @property
    def architecture(self) -> Architecture:
        """Return the row of the target; raises UnsupportedError where Chromium's build files lack it."""
        found = ARCHITECTURES.get(self.target.name)
        if found is None:
            raise UnsupportedError(
                f"V8 cannot be compiled for {self.target.name} from the unmodified v8 crate",
                cause="the crate's build/config/clang/BUILD.gn stops with `Unhandled cpu type` for this architecture",
                action=f"choose one of {', '.join(ARCHITECTURES)}, or use the provider `system`",
            )
        return found

    @property
    def recipe(self) -> Recipe:
        """Return the row of the version; raises UnsupportedError that says what it would take, SpecError."""
        version = parse_version(self.version)
        for recipe in RECIPES:
            if recipe.first <= version < recipe.end and not recipe.needs:
                return recipe
            if recipe.first <= version < recipe.end:
                raise _beyond(self.version, recipe.needs)
        if version >= RECIPES[-1].end:
            raise _beyond(self.version, f"{RECIPES[-1].needs}, or newer ones: this version is not known yet")
        raise UnsupportedError(
            f"V8 of the v8 crate {self.version} cannot be compiled here",
            cause=f"its build files are older than those that were ever tried with this ({RECIPES[0].first} and later)",
            action="use a newer v8 crate, or the provider `prebuilt`",
        )

    @property
    def is_tried(self) -> bool:
        """Tell whether a whole build of this version for this target was made once."""
        return self.architecture.tried and self.version in self.recipe.tried


def parse_version(text: str) -> Version:
    """Return a version of the crate; raises SpecError when it is none."""
    try:
        return Version(text)
    except InvalidVersion as error:
        raise SpecError(
            f"{text!r} is not a version of the v8 crate",
            cause="a misspelt version, or one with a leading v",
            action="give it as Cargo.lock does, such as 137.3.0",
        ) from error


def _beyond(version: str, needs: str) -> UnsupportedError:
    return UnsupportedError(
        f"V8 of the v8 crate {version} is too new for the toolbox: it needs {needs}",
        cause=f"the toolbox has GN of {TOOLBOX_GN} and Clang {TOOLBOX_LLVM_MAJOR}",
        action="use the provider `prebuilt`, or a runtime with a v8 crate before 140",
    )


def gn_arguments(order: V8Order, *, clang_base: str, cc_wrapper: str | None = None) -> tuple[str, ...]:
    """Return the arguments for ``gn gen``; of two with one name the later one counts.

    ``v8_snapshot_toolchain`` is the target's own toolchain, so that V8's generators are compiled for the target and
    V8 is not compiled a second time for the build host.
    """
    architecture, recipe = order.architecture, order.recipe
    wrapper = (f'cc_wrapper="{cc_wrapper}"',) if cc_wrapper else ()
    return (
        "is_debug=false",
        f"use_custom_libcxx={_flag('use_custom_libcxx' in order.features)}",
        f"v8_enable_pointer_compression={_flag('v8_enable_pointer_compression' in order.features)}",
        f'clang_base_path="{clang_base}"',
        f'clang_version="{recipe.llvm_major}"',
        "treat_warnings_as_errors=false",
        f'target_cpu="{architecture.cpu}"',
        "use_sysroot=false",
        "use_glib=false",
        "symbol_level=0",
        f'v8_snapshot_toolchain="//build/toolchain/linux:{architecture.toolchain}"',
        *wrapper,
        *recipe.arguments,
        *architecture.arguments,
        *order.extra_arguments,
    )


def _flag(value: bool) -> str:
    return "true" if value else "false"
