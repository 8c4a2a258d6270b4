"""Names of prebuilds: as prebuildify writes them, and as node-gyp-build reads them."""

from __future__ import annotations

import pytest

from pipeline.model.prebuilds.manifest import Libc, PrebuildKind
from pipeline.model.prebuilds.name import PrebuildName, name_problem, read_path

ADDON, PROGRAM = PrebuildKind.NODE_ADDON, PrebuildKind.EXECUTABLE


def name(kind: PrebuildKind = ADDON, text: str = "bcrypt", platform: str = "linux", **rest: object) -> PrebuildName:
    return PrebuildName(kind=kind, name=text, platform=platform, **({"arch": "arm64"} | rest))  # type: ignore[arg-type]


# What `prebuildName` of prebuildify 6.0.1 gives for the same options, and the extension to programs.
@pytest.mark.parametrize(
    ("value", "path"),
    [
        (name(libc=Libc.MUSL), "prebuilds/linux-arm64/bcrypt.musl.node"),
        (name(libc=Libc.GLIBC, node_abi=137), "prebuilds/linux-arm64/bcrypt.abi137.glibc.node"),
        (name(arch="arm", arm_version=7, libc=Libc.GLIBC), "prebuilds/linux-arm/bcrypt.armv7.glibc.node"),
        (name(text="@a/b.c", platform="darwin"), "prebuilds/darwin-arm64/@a+b.c.node"),
        (name(PROGRAM, "worker", libc=Libc.MUSL), "prebuilds/linux-arm64/bin/worker.musl"),
        (name(PROGRAM, "worker", "win32", arch="x64"), "prebuilds/win32-x64/bin/worker.exe"),
    ],
)
def test_paths_are_written_and_read(value: PrebuildName, path: str) -> None:
    assert value.path == path
    assert read_path(path) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("prebuilds/linux-arm64/bcrypt.musl.napi.node", name(libc=Libc.MUSL)),
        ("prebuilds/linux-arm64/node.glibc.abi137.node", name(text="node", libc=Libc.GLIBC, node_abi=137)),
        ("prebuilds/linux-arm64/bcrypt.node", name()),
    ],
)
def test_tags_in_any_order_are_read(path: str, value: PrebuildName) -> None:
    assert read_path(path) == value


@pytest.mark.parametrize(
    "path",
    [
        "prebuilds/manifest.json", "prebuilds/linux-arm64.node", "prebuilds/linux/x.node", "build/linux-arm64/x.node",
        "prebuilds/linux-arm64/x.so", "prebuilds/linux-arm64/lib/x", "prebuilds/loader/index.cjs", "",
        "prebuilds/linux-arm64-musl/x.node",
    ],
)  # fmt: skip
def test_other_files_are_of_no_prebuild(path: str) -> None:
    assert read_path(path) is None


@pytest.mark.parametrize("text", ["a.musl", "x.abi1", "@a/b.napi", "a/b/c", "", "a b", "../x", "@a"])
def test_names_that_cannot_be(text: str) -> None:
    assert name_problem(text)


@pytest.mark.parametrize("text", ["bcrypt", "better-sqlite3", "@scope/name", "lodash.merge", "musl"])
def test_names_that_can(text: str) -> None:
    assert name_problem(text) == ""
