"""Whose the files of a root are, and their whole modes: as packages' headers say it, not the disk.

On disk all belongs to the user who made the root, and bits such as setgid are worth nothing there. ``dpkg-deb -c``
lists what a package holds; the root's own lists of users and groups turn names into numbers; ``dpkg-statoverride``'s
list says what packages changed afterwards.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.processes import proc

LIST_TIMEOUT_S = 300.0
_KINDS = {"-": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "h": stat.S_IFREG}
_BITS = (
    (0o400, 0o200, 0o100, 0o4000),
    (0o040, 0o020, 0o010, 0o2000),
    (0o004, 0o002, 0o001, 0o1000),
)
_MERGED = ("bin/", "sbin/", "lib/", "lib64/")
_SHADOW = {"etc/shadow": 0o640, "etc/shadow-": 0o640, "etc/gshadow": 0o640, "etc/gshadow-": 0o640}
"""Made by the scripts of ``base-passwd`` and ``passwd``, which give them to the group ``shadow`` (shadow(5))."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owned:
    """Owner and permission bits of one file, by names."""

    user: str
    group: str
    mode: int


def read_listing(text: str) -> dict[str, Owned]:
    """Return what a listing of ``dpkg-deb -c`` says, by path below the root; lines of other forms are passed over."""
    found: dict[str, Owned] = {}
    for line in text.splitlines():
        words = line.split(maxsplit=5)
        user, slash, group = words[1].partition("/") if len(words) == 6 else ("", "", "")
        if not slash or len(words[0]) != 10 or words[0][0] not in _KINDS:
            continue
        name = words[5].partition(" -> ")[0].partition(" link to ")[0].removeprefix("./").rstrip("/")
        found[_merged(name)] = Owned(user=user, group=group, mode=_mode(words[0]))
    return found


def _merged(name: str) -> str:
    """Return where a file of a package lies in a root with a merged /usr."""
    return f"usr/{name}" if name.startswith(_MERGED) else name


def _mode(text: str) -> int:
    """Return the bits of ``rwxr-sr-t`` and the like, one character for the kind before them."""
    mode = 0
    for number, (read, write, run, special) in enumerate(_BITS):
        letters = text[1 + 3 * number : 4 + 3 * number]
        mode |= (read if letters[0] == "r" else 0) | (write if letters[1] == "w" else 0)
        mode |= run if letters[2] in "xst" else 0
        mode |= special if letters[2] in "sStT" else 0
    return mode


def listed_owners(packages: Iterable[Path], environ: Mapping[str, str]) -> dict[str, Owned]:
    """Return what the package files say of all that they hold; raises ProcessFailedError."""

    def ask(package: Path) -> dict[str, Owned]:
        command = proc.Command(
            argv=("dpkg-deb", "-c", str(package)), env=proc.base_environment(environ), timeout_s=LIST_TIMEOUT_S
        )
        return read_listing(proc.check(command).text)

    found: dict[str, Owned] = {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for part in pool.map(ask, packages):
            found |= part
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owners:
    """Answers whose a file of one root is."""

    listed: Mapping[str, Owned]
    users: Mapping[str, int]
    groups: Mapping[str, int]

    @classmethod
    def of(cls, rootfs: Path, listed: Mapping[str, Owned]) -> Owners:
        """Read users, groups and exceptions of *rootfs*."""
        shadow = {name: Owned(user="root", group="shadow", mode=mode) for name, mode in _SHADOW.items()}
        return cls(
            listed={**listed, **shadow, **_overridden(rootfs)},
            users=_numbers(rootfs / "etc/passwd"),
            groups=_numbers(rootfs / "etc/group"),
        )

    def of_file(self, name: str, mode: int) -> tuple[int, int, int]:
        """Return the numbers of user and group, and the permission bits; *mode* is what the disk says."""
        owned = self.listed.get(name)
        if owned is None:
            return 0, 0, mode & 0o777
        return self.users.get(owned.user, 0), self.groups.get(owned.group, 0), owned.mode


def _numbers(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ()
    fields = (line.split(":") for line in lines)
    return {parts[0]: int(parts[2]) for parts in fields if len(parts) > 3 and parts[2].isdigit()}


def _overridden(rootfs: Path) -> dict[str, Owned]:
    """Return what dpkg-statoverride(1) has noted: ``user group mode path``."""
    path = rootfs / "var/lib/dpkg/statoverride"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ()
    words = (line.split(maxsplit=3) for line in lines)
    return {
        _merged(w[3].lstrip("/")): Owned(user=w[0], group=w[1], mode=int(w[2], 8) & 0o7777)
        for w in words
        if len(w) == 4 and all(digit in "01234567" for digit in w[2])
    }
