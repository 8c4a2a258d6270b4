"""Unchanged inputs never start the emulator again, whoever asks; whatever may change a snapshot does."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from .command import Cli
from .handoffs import Machine, machine, running
from .packages import unpacked

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.fixture(scope="module")
def place(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a workspace and a cache of these tests' own, which is emptied; the toolbox is that of all tests."""
    directory = tmp_path_factory.mktemp("cache")
    own = Cli(cache_dir=directory / "own")
    own.cache_dir.mkdir()
    (own.cache_dir / "toolbox").symlink_to(cli.cache_dir.absolute() / "toolbox")
    return machine(own, cargo_program, directory)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def build(place: Machine, *more: str, target: str = "arm64") -> dict[str, Any]:
    options = ("--target", target, "--path", place.workspace, "--toolchain", "private", "--out", place.directory / "d")
    return place.run("build", *options, *more).outcome()


def step_of(outcome: dict[str, Any]) -> dict[str, Any] | None:
    """Return the snapshot step; None when Cargo had no reason to ask for it."""
    steps: list[dict[str, Any]] = outcome["steps"]
    return next((step for step in steps if step["title"].startswith("snapshot of")), None)


def explained(place: Machine) -> dict[str, Any]:
    (only,) = place.result("cache", "explain", "--target", "arm64", "--path", place.workspace)["snapshots"]
    found: dict[str, Any] = only
    return found


def forget(place: Machine) -> None:
    """Remove what was built, as a new checkout on a CI machine has it."""
    shutil.rmtree(place.work_dir())


@pytest.fixture(scope="module")
def first(place: Machine) -> dict[str, Any]:
    return build(place)


def test_the_first_time_the_generator_runs(place: Machine, first: dict[str, Any]) -> None:
    step = step_of(first)
    assert step is not None
    assert step["where"] == "emulated"
    assert first["emulated_cpu_s"] > 0
    assert explained(place)["found"] is None


def test_after_the_work_directory_is_gone_nothing_is_emulated(place: Machine, first: dict[str, Any]) -> None:
    forget(place)
    again = build(place)
    step = step_of(again)
    assert step is not None
    assert "kept from an earlier run (qemu" in step["detail"]
    assert (step["where"], again["emulated_cpu_s"]) == ("native", 0.0)
    assert explained(place)["found"]
    records = [json.loads(Path(one["record"]).read_text())["subject"] for one in (first, again)]
    assert records[0]["snapshots"] == records[1]["snapshots"]
    assert records[0]["zip_sha256"] == records[1]["zip_sha256"]


def test_back_and_forth_between_two_texts_runs_it_once_for_each(place: Machine, first: dict[str, Any]) -> None:
    del first
    script = place.workspace / "snap" / "js" / "a.js"
    kept = []
    for text in ("other", "a", "other"):
        script.write_text(text)
        outcome = build(place)
        step = step_of(outcome)
        assert step is not None
        kept.append(outcome["emulated_cpu_s"] == 0.0)
    script.write_text("a")
    assert kept == [False, True, True]


def test_a_file_that_the_script_does_not_watch_counts_as_well(place: Machine, first: dict[str, Any]) -> None:
    """It lies in a package that the generator is made from: a clean build must not bring back what is stale."""
    del first
    script = place.workspace / "snap" / "js" / "b.js"
    script.write_text("changed")
    forget(place)
    outcome = build(place)
    assert outcome["emulated_cpu_s"] > 0
    (difference,) = explained(place)["differences"]
    assert difference.startswith("build: a generator from other sources (sources_sha256: ")
    script.write_text("b")


def test_a_fresh_snapshot_can_be_had(place: Machine, first: dict[str, Any]) -> None:
    del first
    outcome = build(place, "--fresh-snapshot")
    step = step_of(outcome)
    assert step is not None
    assert outcome["emulated_cpu_s"] > 0


def test_a_damaged_entry_is_made_again(place: Machine, first: dict[str, Any]) -> None:
    del first
    packs = list((place.cli.cache_dir / "snapshots" / "arm64" / "snap-1.0.0").glob("*.tar.zst"))
    for pack in packs:
        pack.write_bytes(pack.read_bytes()[:-9])
    forget(place)
    assert build(place)["emulated_cpu_s"] > 0
    checked = place.result("cache", "verify")
    assert (checked["whole"] >= 1, len(checked["dropped"])) == (True, len(packs) - 1)
    assert place.result("cache", "verify")["dropped"] == []


def test_another_cache_directory_takes_what_was_exported(place: Machine, first: dict[str, Any]) -> None:
    """As a CI system's own cache does: the file outlives the machine."""
    del first
    build(place)
    file = place.directory / "snapshots.tar.zst"
    number = place.result("cache", "export", file)["snapshots"]
    assert number >= 1
    shutil.rmtree(place.cli.cache_dir / "snapshots")
    forget(place)
    assert place.result("cache", "import", file)["added"] == number
    assert build(place)["emulated_cpu_s"] == 0.0
    listed = place.result("cache", "list")
    assert len(listed["snapshots"]) == number
    assert {"snapshots", "work"} <= {area["name"] for area in listed["areas"]}
    assert place.result("cache", "prune", "--max-size", "0")["snapshots"]
    assert place.result("cache", "list")["snapshots"] == []


def test_objects_come_from_a_compiler_cache(
    place: Machine, first: dict[str, Any], tmp_path: Path, unused_port: int
) -> None:
    """The real sccache, with objects in a directory: what was compiled once is not compiled again in another build."""
    del first
    program = unpacked(place.cli, "sccache") / "usr/bin/sccache"
    env = {
        "RUSTC_WRAPPER": str(program), "SCCACHE_DIR": str(tmp_path / "objects"),
        "SCCACHE_SERVER_PORT": str(unused_port), "AWS_SECRET_ACCESS_KEY": "hunter2",
    }  # fmt: skip
    options = ("build", "--target", "arm64", "--path", place.workspace, "--toolchain", "private")
    said = []
    for _round in range(2):
        forget(place)
        ended = place.cli.run(*options, "--out", tmp_path / "d", env=env, cwd=place.directory, timeout_s=300)
        assert ended.exit_code == 0, ended.stderr
        said += re.findall(r"(\d+) objects from the compiler cache, (\d+) compiled", ended.stderr)
    (cold_hits, _cold), (warm_hits, warm) = [tuple(map(int, pair)) for pair in said]
    assert cold_hits == 0
    assert warm_hits > 0
    assert warm == 0
    assert not running(str(program))
    (made,) = place.work_dir().glob("target/*/release/build/snap-*/out/env.txt")
    assert not {"RUSTC_WRAPPER", "SCCACHE_SERVER_PORT", "AWS_SECRET_ACCESS_KEY"} & set(made.read_text().split())
