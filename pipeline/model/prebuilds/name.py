"""Names of prebuilt files, as prebuildify 6.0.1 gives them and node-gyp-build 4.8.4 reads them.

https://github.com/prebuild/prebuildify/blob/v6.0.1/index.js (``prebuildName``) and
https://github.com/prebuild/node-gyp-build/blob/v4.8.4/node-gyp-build.js (``parseTags``, ``parseTuple``). Tags are
separated by dots and may come in any order; we write them in prebuildify's. Programs have the same tags, in ``bin/``.
"""

from __future__ import annotations

import dataclasses
import re

from pipeline.model.prebuilds.manifest import Libc, PrebuildKind

DIRECTORY = "prebuilds"
ADDON_SUFFIX = ".node"
WINDOWS_SUFFIX = ".exe"
_TAG = re.compile(
    r"(?P<abi>abi(?P<abi_number>[0-9]+))|(?P<uv>uv[0-9]+)|(?P<armv>armv(?P<armv_number>[0-9]+))"
    r"|(?P<libc>glibc|musl)|(?P<runtime>node|electron|node-webkit)|(?P<napi>napi)"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrebuildName:
    """What the path of a prebuilt file says."""

    kind: PrebuildKind
    name: str
    """Of the npm package, or of the program."""
    platform: str
    arch: str
    libc: Libc | None = None
    node_abi: int | None = None
    """None for what is built on Node-API."""
    arm_version: int | None = None

    @property
    def tuple(self) -> str:
        """Return the name of the directory, such as ``linux-arm64``."""
        return f"{self.platform}-{self.arch}"

    @property
    def path(self) -> str:
        """Return the path inside the package, such as ``prebuilds/linux-arm64/bcrypt.musl.node``."""
        tags = (
            self.name.replace("/", "+"),
            f"abi{self.node_abi}" if self.node_abi is not None else "",
            f"armv{self.arm_version}" if self.arm_version is not None else "",
            self.libc or "",
        )
        stem = ".".join(tag for tag in tags if tag)
        if self.kind is PrebuildKind.NODE_ADDON:
            return f"{DIRECTORY}/{self.tuple}/{stem}{ADDON_SUFFIX}"
        return f"{DIRECTORY}/{self.tuple}/bin/{stem}{WINDOWS_SUFFIX if self.platform == 'win32' else ''}"


def name_problem(name: str) -> str:
    """Return why *name* cannot be that of an addon or program; the empty string when it can."""
    words = name.replace("/", "+").split(".")
    if any(_TAG.fullmatch(word) for word in words[1:]):
        return "has a part between dots that is read as a tag"
    if not re.fullmatch(r"(@[a-z0-9~_-][a-z0-9._~-]*/)?[A-Za-z0-9~_][A-Za-z0-9._~-]*", name):
        return "is no name of an npm package"
    return ""


def read_path(path: str) -> PrebuildName | None:
    """Return what *path* inside a package says, tags in any order; None when it is not of this grammar."""
    parts = path.split("/")
    is_addon = len(parts) == 3 and parts[2].endswith(ADDON_SUFFIX)
    is_program = len(parts) == 4 and parts[2] == "bin"
    platform, dash, arch = (parts[1] if len(parts) > 1 else "").partition("-")
    if parts[0] != DIRECTORY or not (is_addon or is_program) or not (platform and dash and arch) or "-" in arch:
        return None
    stem = parts[-1].removesuffix(ADDON_SUFFIX if is_addon else WINDOWS_SUFFIX if platform == "win32" else "")
    words = stem.split(".")
    # The first word is the name even where it looks like a tag: prebuildify puts the name first.
    tags = [match for word in words[1:] if (match := _TAG.fullmatch(word))]
    libc = next((tag["libc"] for tag in tags if tag["libc"]), None)
    return PrebuildName(
        kind=PrebuildKind.NODE_ADDON if is_addon else PrebuildKind.EXECUTABLE,
        name=".".join([words[0], *(word for word in words[1:] if not _TAG.fullmatch(word))]).replace("+", "/"),
        platform=platform,
        arch=arch,
        libc=Libc(libc) if libc else None,
        node_abi=_number(tags, "abi_number"),
        arm_version=_number(tags, "armv_number"),
    )


def _number(tags: list[re.Match[str]], group: str) -> int | None:
    return next((int(tag[group]) for tag in tags if tag[group]), None)
