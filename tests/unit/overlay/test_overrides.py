"""Copies of packages from elsewhere."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from pipeline.model.analysis import LiftedPackage, Origin, PackageKey
from pipeline.model.cargo import Metadata, Package
from pipeline.overlay.overrides import Overrides

MANIFEST = '[package]\nname = "snap"\n'


@pytest.fixture
def package(tmp_path: Path) -> LiftedPackage:
    """Return a package as it lies in Cargo's home, with files beside it."""
    directory = tmp_path / "check\u00f6uts \U0001f980" / "snap"
    for name, text in {
        "Cargo.toml": MANIFEST,
        "Cargo.toml.orig": "original",
        "build.rs": "fn main() {}",
        "js/main.js": "1",
        "fuzz/Cargo.toml": "[package]",
        "fuzz/target.rs": "",
        "../notes.txt": "notes",
        "../.git/HEAD": "ref",
    }.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return LiftedPackage(
        key=PackageKey(name="snap", version="1.0.0", source="registry+https://registry.invalid"),
        origin=Origin.REGISTRY,
        manifest_path=directory / "Cargo.toml",
        script_path=directory / "build.rs",
        features=frozenset(),
        in_product=True,
        requires=(),
        closure=(),
    )


def overrides(package: LiftedPackage, tmp_path: Path) -> Overrides:
    return Overrides({package: tmp_path / "trigger"}, directory=tmp_path / "work \U0001f980")


def test_a_published_package_is_copied_alone_and_once(package: LiftedPackage, tmp_path: Path) -> None:
    copies = overrides(package, tmp_path)
    assert [synced.written for synced in copies.sync()] == [4]
    copy = copies.manifest(package.key).parent
    assert copy.parent == tmp_path / "work \U0001f980"
    assert sorted(path.name for path in copy.iterdir()) == ["Cargo.toml", "build.rs", "fuzz", "js"]
    # Cargo looks for packages in directories, not behind links.
    assert (copy / "fuzz").is_symlink()
    assert (copy / "fuzz" / "target.rs").is_file()
    assert (tmp_path / "trigger").is_file()
    assert [synced.written for synced in overrides(package, tmp_path).sync()] == [0]


def test_the_checkout_around_a_package_of_a_repository_is_linked(package: LiftedPackage, tmp_path: Path) -> None:
    package = dataclasses.replace(package, origin=Origin.GIT)
    copies = overrides(package, tmp_path)
    copies.sync()
    copy = copies.manifest(package.key).parent
    assert copy.name == "snap"
    assert (copy / ".." / "notes.txt").is_symlink()
    assert (copy / ".." / "notes.txt").read_text() == "notes"
    assert not (copy / ".." / ".git").exists()


def test_only_the_copys_manifest_is_written(package: LiftedPackage, tmp_path: Path) -> None:
    copies = overrides(package, tmp_path)
    copies.sync()
    manifest = copies.manifest(package.key)
    before = manifest.stat().st_mtime_ns
    copies.write(package.key, MANIFEST + "build = false\n")
    assert manifest.read_text() == MANIFEST + "build = false\n"
    assert manifest.stat().st_mtime_ns == before
    assert package.manifest_path.read_text() == MANIFEST


def test_cargo_is_told_by_one_setting_in_toml(package: LiftedPackage, tmp_path: Path) -> None:
    copies = overrides(package, tmp_path)
    [setting] = copies.settings
    assert tomllib.loads(setting) == {"paths": [str(copies.manifest(package.key).parent)]}
    assert Overrides({}, directory=tmp_path).settings == ()


def test_other_sources_have_other_directories(package: LiftedPackage, tmp_path: Path) -> None:
    key = dataclasses.replace(package.key, source="registry+https://other.invalid")
    other = dataclasses.replace(package, key=key)
    assert overrides(package, tmp_path).manifest(package.key) != overrides(other, tmp_path).manifest(key)


def test_packages_of_copies_are_known_for_what_they_stand_for(package: LiftedPackage, tmp_path: Path) -> None:
    copies = overrides(package, tmp_path)
    taken = Package(
        id="snap",
        name="snap",
        version="1.0.0",
        source=None,
        manifest_path=copies.manifest(package.key),
        targets=(),
    )
    app = taken.model_copy(update={"name": "app", "manifest_path": tmp_path / "Cargo.toml"})
    metadata = Metadata(
        packages=(taken, app), workspace_members=(), workspace_root=tmp_path, target_directory=tmp_path / "target"
    )
    assert [item.stands_for for item in copies.identify(metadata).packages] == [package.key.source, None]
