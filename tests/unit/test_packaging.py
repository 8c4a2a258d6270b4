"""The wheel and the source archive: what is in them, and that equal sources make equal bytes."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline

ROOT = Path(__file__).parents[2]
EPOCH_S = 1_700_000_000
LEFT_BEHIND = shutil.ignore_patterns(".git", ".nox", "__pycache__", ".*_cache", ".hypothesis", "target", "dist", "site")
WHEEL = f"snapstitch-{pipeline.__version__}-py3-none-any.whl"
SDIST = f"snapstitch-{pipeline.__version__}.tar.gz"


def build(tree: Path, out: Path, *kinds: str) -> None:
    """Run the backend that pip runs, without asking the network for it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *(f"--target={kind}" for kind in kinds), "--directory", str(out)],
        cwd=tree, env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(EPOCH_S)},
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with both archives, made of the checkout."""
    out = tmp_path_factory.mktemp("first")
    build(ROOT, out, "wheel", "sdist")
    return out


def package_files() -> Iterator[str]:
    for path in sorted((ROOT / "pipeline").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def test_another_copy_with_other_times_and_rights_makes_the_same_bytes(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "another place"
    shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
    for path in (copy / "pipeline").rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(path.stat().st_mode & 0o700)
    build(copy, tmp_path / "second", "wheel", "sdist")
    for name in (WHEEL, SDIST):
        assert (tmp_path / "second" / name).read_bytes() == (first / name).read_bytes(), name


def test_the_wheel_of_the_source_archive_is_the_wheel(first: Path, tmp_path: Path) -> None:
    with tarfile.open(first / SDIST) as archive:
        archive.extractall(tmp_path, filter="data")
    build(tmp_path / SDIST.removesuffix(".tar.gz"), tmp_path / "out", "wheel")
    assert (tmp_path / "out" / WHEEL).read_bytes() == (first / WHEEL).read_bytes()


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(first: Path) -> None:
    with zipfile.ZipFile(first / WHEEL) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert names == set(package_files())
        assert all(wheel.read(name) == (ROOT / name).read_bytes() for name in names)
    assert {"pipeline/py.typed", "pipeline/data/distributions.toml", "pipeline/data/run-bundle.sh"} < names


def test_the_times_are_those_that_were_asked_for(first: Path) -> None:
    with tarfile.open(first / SDIST) as archive:
        assert {member.mtime for member in archive} == {EPOCH_S}
    with zipfile.ZipFile(first / WHEEL) as wheel:
        assert {entry.date_time for entry in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_the_wheel_gives_the_command(first: Path) -> None:
    directory = f"snapstitch-{pipeline.__version__}.dist-info"
    with zipfile.ZipFile(first / WHEEL) as wheel:
        assert wheel.read(f"{directory}/entry_points.txt") == (
            b"[console_scripts]\nsnapstitch = pipeline.__main__:main\n"
        )
        metadata = email.message_from_bytes(wheel.read(f"{directory}/METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("snapstitch", pipeline.__version__)
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_source_archive_can_be_tested(first: Path) -> None:
    with tarfile.open(first / SDIST) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "README.md", "noxfile.py", "releases.toml", "tests/unit/test_packaging.py", "docs/exit-codes.md",
        "examples/pico/Cargo.lock", ".ci/run",
    } <= names  # fmt: skip
    assert not [name for name in names if "/target/" in name or name.startswith((".nox", ".git/", "dist/"))]
