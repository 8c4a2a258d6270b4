"""The wheel in a fresh environment of a user without any rights, away from any checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline

from .command import ROOT
from .ordinary import USER_ID, make_user

pytestmark = [pytest.mark.network, pytest.mark.slow]


class Installed:
    """The installed command, called by its user in an empty directory."""

    def __init__(self, home: Path) -> None:
        self.user = make_user(home)
        self.place = home / "elsewhere"
        self.place.mkdir()
        if os.geteuid() == 0:
            os.chown(self.place, USER_ID, USER_ID)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script as the user, who has nothing of this checkout in the environment."""
        as_user = self.user.argv()[: self.user.argv().index(self.user.python)]
        return subprocess.run(
            [*as_user, "sh", "-euc", script, "sh", self.user.python],
            env={"HOME": str(self.user.home), "PATH": f"{self.user.home}/venv/bin:/usr/bin:/bin"},
            cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """Build the wheel, make an environment of the user's own, and install with pip, dependencies and all."""
    home = Path(tempfile.mkdtemp(prefix="snapstitch-installed-"))
    try:
        made = Installed(home)
        out = home / "wheels"
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target=wheel", "--directory", str(out)],
            cwd=ROOT, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--python", made.user.python, "--copies"]
        subprocess.run([*virtualenv, str(home / "venv")], check=True, capture_output=True, timeout=120)
        for path in (home / "venv", *(home / "venv").rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, USER_ID, USER_ID, follow_symlinks=False)
        done = made.shell(f"python -m pip install --quiet --disable-pip-version-check {out}/*.whl")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        shutil.rmtree(home)


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    done = installed.shell("snapstitch --version; python -c 'import pipeline; print(pipeline.__file__)'")
    assert done.stdout.splitlines()[0] == f"snapstitch {pipeline.__version__}"
    assert f"{installed.user.home}/venv/lib/" in done.stdout.splitlines()[-1]


def test_every_file_of_the_package_is_there(installed: Installed) -> None:
    done = installed.shell("python -c 'import pipeline; print(pipeline.__file__)'")
    place = Path(done.stdout.strip()).parent
    own = [path for path in (ROOT / "pipeline").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [str(path) for path in own if not (place / path.relative_to(ROOT / "pipeline")).is_file()] == []


def test_every_module_is_imported_without_a_checkout(installed: Installed) -> None:
    script = (
        "import importlib, pkgutil, pipeline\n"
        "for found in pkgutil.walk_packages(pipeline.__path__, 'pipeline.'):\n"
        "    found.name.endswith(('__main__', 'launcher')) or importlib.import_module(found.name)"
    )
    done = installed.shell(f'python -W error -c "{script}"')
    assert (done.returncode, done.stderr) == (0, "")


def test_verify_needs_no_checkout(installed: Installed) -> None:
    shutil.copy("/bin/true", installed.place / "program")
    done = installed.shell("snapstitch verify --static-only --json program")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["files"]
    assert "elf.machine" in {finding["id"] for finding in found["findings"]}


@pytest.mark.parametrize(
    ("arguments", "what", "action"),
    [
        ("build --target arm64", "there is no runtime to build", "name a Cargo workspace with --path DIR"),
        ("plan", "there is no runtime to build", "name a Cargo workspace with --path DIR"),
        ("workflows", "there is no releases.toml here", "change into it, or give the file with --spec"),
        ("prebuild", "there is no releases.toml here", "change into it, or give the file with --spec"),
        ("sync", "there is no releases.toml here", "change into it, or give the file with --spec"),
        ("image --check", "there is no releases.toml here", "change into it, or give the file with --spec"),
    ],
)
def test_what_needs_a_project_says_so(installed: Installed, arguments: str, what: str, action: str) -> None:
    done = installed.shell(f"snapstitch {arguments}")
    assert done.returncode in {2, 3}
    assert done.stderr.startswith(f"error: {what}\n")
    assert done.stderr.endswith(f"  what to do:  {action}\n")


def test_a_workspace_needs_no_project(installed: Installed) -> None:
    shutil.copytree(ROOT / "examples" / "pico", installed.place / "app", ignore=shutil.ignore_patterns("target"))
    done = installed.shell("snapstitch plan --json --target arm64 --path app --package pico --vm-crate pico_v8")
    assert json.loads(done.stdout)["runtime"] == "pico", done.stderr
