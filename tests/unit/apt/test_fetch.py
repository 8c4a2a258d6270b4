"""Fetching with apt's real downloader, from files instead of a network."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.errors import IntegrityError, NetworkError
from pipeline.model.events import NullReporter
from pipeline.model.package import Package


def package(directory: Path, name: str, content: bytes) -> Package:
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(content)
    return Package(
        name=name,
        version="1",
        architecture="all",
        uri=f"copy:{directory / name}",
        file_name=f"{name}_1_all.deb",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def fetched(tmp_path: Path, *packages: Package, offline: bool = False) -> list[str]:
    config = tmp_path / "apt.conf"
    config.write_text('Debug::NoLocking "true";\nAPT::Sandbox::User "root";\n')
    request = FetchRequest(
        packages=packages,
        packages_dir=tmp_path / "packages",
        apt_config=config,
        environ=os.environ,
        offline=offline,
        reporter=NullReporter(),
    )
    ready: list[str] = []
    fetch(request, lambda package, path: ready.append(f"{package.name} {path.read_bytes().decode()}"))
    return sorted(ready)


def test_each_package_is_handed_over(tmp_path: Path) -> None:
    source = tmp_path / "src"
    packages = (package(source, "a", b"one"), package(source, "b", b"two"))
    assert fetched(tmp_path, *packages) == ["a one", "b two"]
    assert sorted(path.name for path in (tmp_path / "packages").iterdir()) == ["a_1_all.deb", "b_1_all.deb"]


def test_what_is_there_is_used(tmp_path: Path) -> None:
    there = package(tmp_path / "src", "a", b"one")
    fetched(tmp_path, there)
    (tmp_path / "src/a").unlink()
    assert fetched(tmp_path, there, offline=True) == ["a one"]


def test_a_whole_file_under_its_temporary_name_is_used(tmp_path: Path) -> None:
    there = package(tmp_path / "src", "a", b"one")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/a_1_all.deb.part").write_bytes(b"one")
    assert fetched(tmp_path, there, offline=True) == ["a one"]


def test_a_stored_file_that_is_damaged_is_fetched_again(tmp_path: Path) -> None:
    there = package(tmp_path / "src", "a", b"one")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/a_1_all.deb").write_bytes(b"eno")
    assert fetched(tmp_path, there) == ["a one"]


def test_a_wrong_digest(tmp_path: Path) -> None:
    good, bad = package(tmp_path / "src", "a", b"one"), package(tmp_path / "src", "b", b"two")
    (tmp_path / "src/b").write_bytes(b"TWO")
    with pytest.raises(IntegrityError) as caught:
        fetched(tmp_path, good, bad)
    assert caught.value.what == "what was fetched is not what the archive's index says: cannot fetch b_1_all.deb"
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["a_1_all.deb"], "the good one is kept"


def test_offline(tmp_path: Path) -> None:
    with pytest.raises(NetworkError) as caught:
        fetched(tmp_path, package(tmp_path / "src", "a", b"one" * 1_000_000), offline=True)
    assert str(caught.value) == (
        "error: 1 packages (3 MB) must be fetched and --offline forbids it\n"
        "  usual cause: the toolbox for this target was never made here, or its cache was removed\n"
        "  what to do:  run the same command once without --offline"
    )
