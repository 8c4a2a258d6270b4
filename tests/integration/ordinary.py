"""A user of this machine without any rights, for tests that run as root."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from .command import ROOT

USER_ID = 54_321
"""A number that no account has: nothing on the machine belongs to it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrdinaryUser:
    """Runs the command line as a user who owns nothing but *home*."""

    home: Path
    python: str
    path: str
    """Where its Python finds the pipeline and what that needs."""

    @property
    def cache_dir(self) -> Path:
        return self.home / "cache"

    def argv(self, *arguments: str) -> list[str]:
        return [*as_user(), self.python, "-m", "pipeline", "--cache-dir", str(self.cache_dir), *arguments]

    def env(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "PYTHONPATH": self.path,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *arguments: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            env=self.env(), cwd=self.home / "project", capture_output=True, text=True, check=False, timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


def make_user(home: Path) -> OrdinaryUser:
    """Give *home* to the user, with copies of what lies where that one may not look."""
    home.chmod(0o755)
    python = sys.executable
    path = [str(ROOT), sysconfig.get_path("purelib")]
    if os.geteuid() == 0:
        if not _can([python, "-c", "pass"]):
            python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
            assert _can([python, "-c", "pass"]), f"{sys.executable} is root's own, and there is no {python}"
        path = [_seen(Path(path[0]), home, "pipeline"), _seen(Path(path[1]), home, ".")]
    (home / "project").mkdir()
    if os.geteuid() == 0:
        for inner in (home, home / "project"):
            os.chown(inner, USER_ID, USER_ID)
    return OrdinaryUser(home=home, python=python, path=":".join(path))


def as_user() -> list[str]:
    """Return what begins a command that the user runs; nothing where the tests are run by one without rights."""
    number = str(USER_ID)
    return ["setpriv", "--reuid", number, "--regid", number, "--clear-groups"] if os.geteuid() == 0 else []


def _can(argv: list[str]) -> bool:
    env = {"PATH": "/usr/bin:/bin"}
    # setpriv itself starts its program with what is left of root's rights.
    started = [*as_user(), "sh", "-c", 'exec "$@"', "sh", *argv]
    return subprocess.run(started, env=env, cwd="/", capture_output=True, check=False).returncode == 0


def _seen(directory: Path, home: Path, part: str) -> str:
    """Return a place where the user finds what *part* of *directory* holds."""
    if _can(["ls", str(directory / part)]):
        return str(directory)
    copy = home / "python" / directory.name
    shutil.copytree(directory / part, copy / part)
    return str(copy)
