"""Scripts that call zig for a target."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target
from pipeline.toolchains.zig import VERSION, ensure_zig, zig_triple

ARM64 = find_target("arm64")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return surroundings whose cache holds a wheel with a zig that prints how it was called."""
    cache = tmp_path / "the cache"
    program = cache / f"wheels/ziglang-{VERSION}-manylinux_2_12_x86_64/ziglang/zig"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$ZIG_GLOBAL_CACHE_DIR"\n')
    program.chmod(0o755)
    return Context(cache_dir=cache, reporter=NullReporter(), environ={"PATH": "/usr/bin:/bin"}, offline=True)


@pytest.mark.parametrize(
    ("name", "libc", "glibc", "triple"),
    [
        ("arm64", Libc.MUSL, None, "aarch64-linux-musl"),
        ("arm64", Libc.GLIBC, "2.28", "aarch64-linux-gnu.2.28"),
        ("amd64", Libc.GLIBC, None, "x86_64-linux-gnu.2.17"),
        ("armhf", Libc.MUSL, None, "arm-linux-musleabihf"),
        ("armhf", Libc.GLIBC, "2.31", "arm-linux-gnueabihf.2.31"),
    ],
)
def test_what_zig_calls_targets(name: str, libc: Libc, glibc: str | None, triple: str) -> None:
    assert zig_triple(find_target(name), libc, glibc) == triple


def test_how_it_is_called(context: Context) -> None:
    zig = ensure_zig(ARM64, Libc.MUSL, None, context)
    ended = subprocess.run(
        [zig.variables["CXX"], "-c", "a b.cc", "-Wl,--exclude-libs,ALL", "-Wl,-s"],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    assert ended.stdout.splitlines() == [
        "c++", "-target", "aarch64-linux-musl", "-mcpu=generic", "-fno-sanitize=undefined",
        "-c", "a b.cc", "-Wl,-s", str(context.cache_dir / "zig/cache"),
    ]  # fmt: skip
    archiver = subprocess.run([zig.variables["AR"], "crs", "x.a"], capture_output=True, text=True, check=True)
    assert archiver.stdout.splitlines()[:3] == ["ar", "crs", "x.a"]


def test_targets_have_scripts_of_their_own(context: Context) -> None:
    one, other = (ensure_zig(ARM64, libc, None, context) for libc in Libc)
    assert one.directory != other.directory


def test_a_target_that_there_is_no_node_for(context: Context) -> None:
    with pytest.raises(ToolboxError) as caught:
        ensure_zig(find_target("s390x"), Libc.MUSL, None, context)
    assert caught.value.what == "there is no zig that runs on amd64 and compiles for s390x"


def test_offline_without_the_wheel(context: Context, tmp_path: Path) -> None:
    empty = dataclasses.replace(context, cache_dir=tmp_path / "empty")
    with pytest.raises(NetworkError) as caught:
        ensure_zig(ARM64, Libc.MUSL, None, empty)
    assert str(caught.value) == (
        f"error: ziglang {VERSION} for manylinux_2_12_x86_64 must be fetched and --offline forbids it\n"
        "  usual cause: it was never fetched here, or the cache is another one\n"
        "  what to do:  run the same command once without --offline"
    )
