"""The one table of targets: every name that one architecture has in the systems we talk to.

Sources: Rust target list (``rustc --print target-list``), Debian's multiarch tuples
(https://wiki.debian.org/Multiarch/Tuples), the OCI image specification's platform values (Go's GOARCH/GOARM),
QEMU's user-mode program names, the ELF machine numbers of the generic ABI, Node's ``process.arch``,
musl's ``configure``.
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import Literal

from pipeline.errors import UnknownNameError

Endianness = Literal["little", "big"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One Linux architecture; the names with an ABI in them are those with the GNU C library."""

    name: str
    """Our own name, which is Debian's architecture name."""
    rust_triple: str
    gnu_triple: str
    """Multiarch tuple: names of library directories and prefixed tools."""
    clang_triple: str
    oci_platform: str
    qemu_name: str
    """``qemu-<name>`` is the user-mode emulator."""
    qemu_cpu: str
    """Fastest CPU model that V8 is known to run on under TCG; the default ``max`` may be 2.5 times slower."""
    elf_machine: int
    elf_class: Literal[32, 64]
    endianness: Endianness
    node_arch: str
    interpreter: str
    """Path of the dynamic loader, as PT_INTERP names it."""

    @property
    def musl_arch(self) -> str:
        """Return what musl calls the architecture, with its floating-point ABI: part of its loader's name."""
        return _MUSL_ARCHES[self.name]

    @property
    def musl_interpreter(self) -> str:
        """Return the path of musl's dynamic loader, which is its C library, too."""
        return f"/lib/ld-musl-{self.musl_arch}.so.1"

    @property
    def kernel_machine(self) -> str:
        """Return the kernel's name for such a machine (``uname -m``), as the emulator gives it for *qemu_cpu*."""
        return next(machine for machine, name in _MACHINE_NAMES.items() if name == self.name)

    @property
    def arm_version(self) -> int | None:
        """Return the version of the ARM architecture that 32-bit programs are compiled for; None for other CPUs."""
        return 7 if self.node_arch == "arm" else None

    @property
    def env_suffix(self) -> str:
        """Return the Rust triple as it stands in variables such as ``CC_<triple>``."""
        return self.rust_triple.replace("-", "_")

    @property
    def cargo_env_infix(self) -> str:
        """Return the Rust triple as it stands in ``CARGO_TARGET_<TRIPLE>_LINKER``."""
        return self.env_suffix.upper()


TARGETS: tuple[Target, ...] = (
    Target(
        name="amd64",
        rust_triple="x86_64-unknown-linux-gnu",
        gnu_triple="x86_64-linux-gnu",
        clang_triple="x86_64-linux-gnu",
        oci_platform="linux/amd64",
        qemu_name="x86_64",
        qemu_cpu="max",
        elf_machine=62,
        elf_class=64,
        endianness="little",
        node_arch="x64",
        interpreter="/lib64/ld-linux-x86-64.so.2",
    ),
    Target(
        name="arm64",
        rust_triple="aarch64-unknown-linux-gnu",
        gnu_triple="aarch64-linux-gnu",
        clang_triple="aarch64-linux-gnu",
        oci_platform="linux/arm64",
        qemu_name="aarch64",
        qemu_cpu="cortex-a72",
        elf_machine=183,
        elf_class=64,
        endianness="little",
        node_arch="arm64",
        interpreter="/lib/ld-linux-aarch64.so.1",
    ),
    Target(
        name="armhf",
        rust_triple="armv7-unknown-linux-gnueabihf",
        gnu_triple="arm-linux-gnueabihf",
        clang_triple="armv7-linux-gnueabihf",
        oci_platform="linux/arm/v7",
        qemu_name="arm",
        qemu_cpu="cortex-a15",
        elf_machine=40,
        elf_class=32,
        endianness="little",
        node_arch="arm",
        interpreter="/lib/ld-linux-armhf.so.3",
    ),
    Target(
        name="s390x",
        rust_triple="s390x-unknown-linux-gnu",
        gnu_triple="s390x-linux-gnu",
        clang_triple="s390x-linux-gnu",
        oci_platform="linux/s390x",
        qemu_name="s390x",
        qemu_cpu="max",
        elf_machine=22,
        elf_class=64,
        endianness="big",
        node_arch="s390x",
        interpreter="/lib/ld64.so.1",
    ),
    Target(
        name="ppc64el",
        rust_triple="powerpc64le-unknown-linux-gnu",
        gnu_triple="powerpc64le-linux-gnu",
        clang_triple="powerpc64le-linux-gnu",
        oci_platform="linux/ppc64le",
        qemu_name="ppc64le",
        qemu_cpu="power9",
        elf_machine=21,
        elf_class=64,
        endianness="little",
        node_arch="ppc64",
        interpreter="/lib64/ld64.so.2",
    ),
)

# Beside the table of fields: those are part of the identity of toolchains, which have nothing to do with musl.
_MUSL_ARCHES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armhf",
    "s390x": "s390x",
    "ppc64el": "powerpc64le",
}

_MACHINE_NAMES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "armhf",
    "armv8l": "armhf",
    "s390x": "s390x",
    "ppc64le": "ppc64el",
}


def find_target(name: str) -> Target:
    """Return the target that *name* means: our name, a Rust triple, a GNU triple or an OCI platform.

    Raises UnknownNameError, with the near miss, when there is none.
    """
    for target in TARGETS:
        if name in {target.name, target.rust_triple, target.gnu_triple, target.oci_platform}:
            return target
    names = [target.name for target in TARGETS]
    near = difflib.get_close_matches(name, [*names, *(t.rust_triple for t in TARGETS)], n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(
        f"there is no target {name!r}{guess}",
        cause="a misspelt name, or an architecture that the table of targets lacks",
        action=f"choose one of {', '.join(names)} (or a Rust triple, or a platform such as linux/arm64)",
    )


def target_of_machine(machine: str) -> Target | None:
    """Return the target for a kernel's machine name (``uname -m``), None where the table has none."""
    name = _MACHINE_NAMES.get(machine)
    return find_target(name) if name else None


def target_of_elf(*, machine: int, elf_class: int, endianness: str) -> Target | None:
    """Return the target whose programs have this ELF header, None where the table has none."""
    for target in TARGETS:
        if (target.elf_machine, target.elf_class, target.endianness) == (machine, elf_class, endianness):
            return target
    return None
