"""What an image of one runtime and variant is, whoever makes it: a Dockerfile and the writer of layouts go by this."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import PurePosixPath

from pipeline.model.spec.images import ImageSpec, Variant
from pipeline.model.target import Target

ENTRYPOINT_PATH = "usr/local/bin/docker-entrypoint.sh"
INIT_PATH = "usr/bin/tini"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of an image without a base."""
COMMON_DIR, OWNED_DIR, SCRATCH_DIR = "common", "owned", "scratch"
SCRATCH_TMP_DIR = "tmp"
"""Everybody may write there."""
PRODUCT_DIR, LIBC_DIR = "product", "libc"
FILE_TIME_S = 315_532_800
"""Time of all files that an image adds to its base: 1980-01-01, in every version.

A builder's cache knows files by their content: were times those of the sources, an equal file would keep an older one.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Design:
    """One variant of a runtime's image."""

    runtime: str
    program: str
    """File name of the program that the image runs."""
    variant: Variant
    spec: ImageSpec

    @property
    def has_base(self) -> bool:
        """Return whether the image begins with another one."""
        return self.variant != "scratch"

    @property
    def has_shell(self) -> bool:
        """Return whether the base has a shell, and so the image an entry point that tells commands from programs."""
        return self.has_base

    @property
    def brings_libc(self) -> bool:
        """Return whether the base lacks the C library that the program is linked with."""
        return self.variant in {"alpine", "scratch"}

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """Return what is run with the arguments of ``docker run``."""
        program = "docker-entrypoint.sh" if self.has_shell else f"/usr/bin/{self.program}"
        return (f"/{INIT_PATH}", "--", program) if self.spec.init else (program,)

    @property
    def home(self) -> str:
        """Return the home directory of the image's user."""
        return f"/home/{self.spec.user}"

    @property
    def owned_directories(self) -> tuple[str, ...]:
        """Return the directories that belong to the image's user."""
        return (self.home, *self.spec.directories)

    @property
    def parent_directories(self) -> tuple[str, ...]:
        """Return the directories above those that belong to the user, which belong to root; relative to the root."""
        parents = {str(parent) for path in self.owned_directories for parent in PurePosixPath(path[1:]).parents}
        return tuple(sorted(parents - {"."} - {path[1:] for path in self.owned_directories}))

    @property
    def passwd_line(self) -> str:
        """Return the user's line of ``/etc/passwd`` (passwd(5)), without its end."""
        shell = "/bin/sh" if self.has_shell else "/sbin/nologin"
        return f"{self.spec.user}:x:{self.spec.user_id}:{self.spec.user_id}::{self.home}:{shell}"

    @property
    def group_line(self) -> str:
        """Return the line of the user's group in ``/etc/group`` (group(5)), without its end."""
        return f"{self.spec.user}:x:{self.spec.user_id}:"

    @property
    def materials_path(self) -> str:
        """Return where the product's bill of materials (SPDX) lies in an image, relative to its root."""
        return f"usr/share/doc/{self.runtime}/{self.program}.spdx.json"


def designs(runtime: str, program: str, spec: ImageSpec) -> tuple[Design, ...]:
    """Return the design of every variant."""
    return tuple(Design(runtime=runtime, program=program, variant=variant, spec=spec) for variant in spec.variants)


def platform_dir(target: Target) -> str:
    """Return the directory of a target in a build context: ``TARGETARCH`` and ``TARGETVARIANT``, such as ``armv7``."""
    return "".join(target.oci_platform.split("/")[1:])


def platforms(targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the platforms of *targets* as OCI names them."""
    return tuple(target.oci_platform for target in targets)


def entrypoint_script(design: Design) -> str:
    """Return the entry point of variants with a shell."""
    lines = [
        "#!/bin/sh",
        f"# `docker run IMAGE {design.program} …`, `docker run IMAGE COMMAND …` and `docker run IMAGE --option` run",
        f"# {design.program}; anything else is a program of the image, such as sh.",
        "set -eu",
        'case "${1-}" in',
        f'{" | ".join([chr(39) * 2, "-*", *design.spec.commands])}) set -- {design.program} "$@" ;;',
        "esac",
        'exec "$@"',
    ]
    return "".join(f"{line}\n" for line in lines)


def scratch_files(design: Design) -> dict[str, str]:
    """Return what an image without a base needs in ``/etc``: users, and where names of hosts are looked up."""
    return {
        "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\n{design.passwd_line}\n",
        "etc/group": f"root:x:0:\n{design.group_line}\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
