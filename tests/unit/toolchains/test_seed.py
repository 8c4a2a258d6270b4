"""A toolbox that came with the machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.model.package import Package
from pipeline.toolchains.plan import Plan
from pipeline.toolchains.seed import SEED_VARIABLE, seeded_plan, take_packages, write_seed

CONTENT = b"of a package"


def package(name: str) -> Package:
    return Package(
        name=name, version="1", architecture="amd64", uri=f"https://example.org/{name}.deb",
        file_name=f"{name}_1_amd64.deb", size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(),
    )  # fmt: skip


def plan() -> Plan:
    return Plan(
        created_at=1.0, tools=(package("clang"), package("libc6")), sysroot=(package("libc6"),), llvm_bin=None,
        rust=None, named=("clang",), without=(),
    )  # fmt: skip


def test_what_was_written_is_found_and_taken(tmp_path: Path) -> None:
    packages_dir, seed, cache = tmp_path / "packages", tmp_path / "seed", tmp_path / "cache/packages"
    packages_dir.mkdir()
    for name in ("clang", "libc6"):
        (packages_dir / f"{name}_1_amd64.deb").write_bytes(CONTENT)
    write_seed(seed, {"abc.json": plan()}, packages_dir)
    environ = {SEED_VARIABLE: str(seed)}
    assert seeded_plan(environ, "abc.json") == plan()
    assert seeded_plan(environ, "other.json") is None
    take_packages(environ, (package("clang"), package("lld")), cache)
    assert [path.name for path in cache.iterdir()] == ["clang_1_amd64.deb"]
    assert (cache / "clang_1_amd64.deb").read_bytes() == CONTENT


def test_what_is_there_stays(tmp_path: Path) -> None:
    seed, cache = tmp_path / "seed/packages", tmp_path / "cache"
    seed.mkdir(parents=True)
    cache.mkdir()
    (seed / "clang_1_amd64.deb").write_bytes(CONTENT)
    (cache / "clang_1_amd64.deb").write_bytes(b"mine")
    take_packages({SEED_VARIABLE: str(seed.parent)}, (package("clang"),), cache)
    assert (cache / "clang_1_amd64.deb").read_bytes() == b"mine"


def test_a_machine_that_came_with_nothing(tmp_path: Path) -> None:
    assert seeded_plan({}, "abc.json") is None
    take_packages({}, (package("clang"),), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    take_packages({SEED_VARIABLE: str(tmp_path / "none")}, (package("clang"),), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
