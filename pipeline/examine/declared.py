"""For which target something says it is: by file names, platform tags, package descriptions and folder names.

Sources: wheel file names and platform tags (https://packaging.python.org/en/latest/specifications/
platform-compatibility-tags/), ``os``, ``cpu`` and ``libc`` of npm's package.json, ``prebuilds/<platform>-<arch>``
of node-gyp-build, platforms of the OCI image index.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

from pipeline.examine.trees import MAX_DESCRIPTION_BYTES, Declared
from pipeline.model.target import TARGETS, Target

_OTHER_SYSTEMS = re.compile(r"(?<![a-z])(darwin|macos|osx|win32|windows|win|mingw|android|freebsd|ios)(?![a-z])|\.exe$")
_KERNEL_NAMES = {
    "amd64": ("x86_64", "x86-64"), "arm64": ("aarch64",), "armhf": ("armv7l", "armv7"), "ppc64el": ("ppc64le",),
    "s390x": (),
}  # fmt: skip
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_")
_OLD_MANYLINUX = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}


def target_named(text: str) -> Target | None:
    """Return the one target that a file or folder name means; None when it names none, several, or another system."""
    lowered = text.lower()
    if _OTHER_SYSTEMS.search(lowered):
        return None
    found = [target for target in TARGETS if any(_has_word(lowered, word) for word in _words(target))]
    return found[0] if len(found) == 1 else None


def by_name(path: Path) -> Declared:
    """Return what the name of a file or directory declares."""
    return Declared(target=target_named(path.name), source="its name")


def by_wheel_name(name: str) -> Declared:
    """Return what the platform tags in a wheel's file name declare: target, and the newest glibc."""
    tag = name.removesuffix(".whl").rpartition("-")[2]
    floors = [(int(major), int(minor)) for major, minor in _MANYLINUX.findall(tag)]
    floors += [floor for prefix, floor in _OLD_MANYLINUX.items() if prefix in tag]
    # Several tags: it must hold what each of them promises.
    return Declared(target=target_named(tag), glibc=min(floors, default=None), source="the wheel's tag")


def by_package_json(path: Path) -> Declared | None:
    """Return what an npm package's description declares, None when it declares nothing that fits a target."""
    try:
        if path.stat().st_size > MAX_DESCRIPTION_BYTES:
            return None
        described = json.loads(path.read_bytes())
        systems, processors = described.get("os"), described.get("cpu")
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    if systems != ["linux"] or not isinstance(processors, list) or len(processors) != 1:
        return None
    target = next((target for target in TARGETS if target.node_arch == processors[0]), None)
    return Declared(target=target, source="its package.json") if target else None


def by_folder(name: str, outer: Declared) -> Declared:
    """Return what the innermost folder (or file name) of *name* that names a target declares, else *outer*."""
    *folders, file = PurePosixPath(name).parts
    places = [(file, "its name"), *((folder, f"the folder {folder}") for folder in reversed(folders))]
    for part, source in places:
        target = target_named(part) if _says_platform(part) else None
        if target is not None:
            return Declared(target=target, glibc=outer.glibc, source=source)
    return outer


def _says_platform(part: str) -> bool:
    """Return whether a folder's name is about a platform, and does not merely have an architecture's name in it."""
    return "linux" in part.lower() and "." not in part


def _words(target: Target) -> tuple[str, ...]:
    return (target.name, target.rust_triple, target.gnu_triple, target.node_arch, *_KERNEL_NAMES[target.name])


def _has_word(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text))
