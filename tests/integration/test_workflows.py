"""The workflows as actionlint reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.model.spec.reader import parse_spec
from pipeline.workflows.files import workflow_files

from .command import ROOT, Cli

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
SPEC = (
    'schema = 1\n[runtimes.app]\nsource = { kind = "path", path = "app" }\n'
    '[runtimes.other]\nsource = { kind = "path", path = "other" }\nsnapshot-rounds = 2\n[ci]\n'
)
PUBLISHED = """\
runtimes = ["app", "other"]
[runtimes.app.image]
repositories = ["ghcr.io/owner/app", "registry.example.org:5000/app"]
[prebuilds.addon]
kind = "node-addon"
released = true
source = { kind = "path", path = "addon" }
"""

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def actionlint(cli: Cli) -> Path:
    """Return the program, compiled once into the tests' cache."""
    directory = cli.cache_dir / "go" / fs.sha256_json(ACTIONLINT)[:12]
    program = directory / "actionlint"
    with fs.locked(directory.with_suffix(".lock")):
        if not program.exists():
            go = shutil.which("go")
            assert go, "actionlint is a Go program: these tests need Go 1.24 or later"
            environ = dict(os.environ) | {"GOBIN": str(directory), "GOFLAGS": "-p=2"}
            subprocess.run([go, "install", ACTIONLINT], env=environ, check=True, timeout=300)
    return program


def lint(actionlint: Path, directory: Path) -> str:
    """Return what actionlint finds in the workflows of *directory*."""
    files = sorted(map(str, (directory / ".github/workflows").glob("*.yml")))
    assert files
    options = ["-no-color", "-oneline", "-shellcheck=", "-pyflakes="]
    return subprocess.run(
        [actionlint, *options, *files], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    ).stdout


def test_the_projects_own(actionlint: Path) -> None:
    assert lint(actionlint, ROOT) == ""


@pytest.mark.parametrize(
    "ci",
    [
        'snapshot-runner = "qemu"',
        'snapshot-runner = ["self-hosted", "linux", "arm64"]',
        'snapshot-runner = ["self-hosted", "macOS", "ARM64"]\nruntimes = ["app", "other"]',
        'snapshot-runner = "ubuntu-24.04-arm"\nbuild-image = ""',
        PUBLISHED,
    ],
)
def test_every_setting(actionlint: Path, tmp_path: Path, ci: str) -> None:
    directory = tmp_path / ".github/workflows"
    directory.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name, text in workflow_files(parse_spec(tomllib.loads(SPEC + ci))).items():
        (directory / name).write_text(text)
    assert lint(actionlint, tmp_path) == ""
    # It would find something: a runner that there is not, and a job that waits for none.
    build = directory / "build.yml"
    build.write_text(build.read_text().replace("ubuntu-24.04\n", "ubuntu-1.04\n"))
    assert 'label "ubuntu-1.04" is unknown' in lint(actionlint, tmp_path)
