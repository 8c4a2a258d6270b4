"""What keeps a version from being built, found in its own files and at the mirror of V8."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.context import Context
from pipeline.errors import LockfileMissingError, NetworkError, WorkspaceError
from pipeline.model.events import NullReporter
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.sync import NewVersion
from pipeline.sources.patches import read_patches
from pipeline.stages.releases import weigh_version

LOCK = '[[package]]\nname = "v8"\nversion = "{}"\n'
BINDING = "v137.2.1/src_binding_release_{}.rs"
ARM64, AMD64 = "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"


def weighed(tree: Path, v8: dict[str, Any], *, rust: str = "1.96.0", patches: Path | None = None) -> NewVersion:
    runtime = RuntimeSpec.model_validate(
        {
            "source": {"kind": "registry", "package": "app", "version": "1.0.0"},
            "v8": v8,
            "targets": ["amd64", "arm64"],
        }
    )
    inputs = weigh_version.WeighInputs(
        name="app", runtime=runtime, version="1.1.0", tree=tree, rust=rust, patches=read_patches(patches)
    )
    return weigh_version.run(inputs, Context(cache_dir=tree / "cache", reporter=NullReporter(), environ={}))


def write_tree(tree: Path, lock: str, package: str = "") -> Path:
    tree.mkdir(exist_ok=True)
    (tree / "Cargo.lock").write_text(lock)
    (tree / "Cargo.toml").write_text(f'[package]\nname = "app"\nversion = "1.1.0"\n{package}')
    return tree


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    for triple in (ARM64, AMD64):
        path = tmp_path / "mirror" / BINDING.format(triple)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("v8__")
    return tmp_path / "mirror"


@pytest.fixture
def address(mirror: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(mirror))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_nothing_stands_in_the_way(tmp_path: Path, mirror: Path, address: str) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("137.2.1"), 'rust-version = "1.90"\n')
    for place in (str(mirror), address):
        found = weighed(tree, {"kind": "prebuilt", "mirror": place})
        assert (found.vm_version, found.rust, found.obstacles, found.buildable) == ("137.2.1", "1.90", (), True)


def test_a_mirror_without_the_archive(tmp_path: Path, mirror: Path, address: str) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("137.2.1"))
    (mirror / BINDING.format(ARM64)).unlink()
    found = [weighed(tree, {"kind": "prebuilt", "mirror": place}).obstacles for place in (str(mirror), address)]
    assert found == [
        ("for arm64: there is no archive of V8 137.2.1 in the mirror",),
        (f"for arm64: there is no archive of V8 137.2.1 at {address}",),
    ]


def test_an_archive_with_another_feature_will_do(tmp_path: Path, mirror: Path) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("150.4.0"))
    (mirror / "v150.4.0").mkdir()
    for triple in (ARM64, AMD64):
        (mirror / "v150.4.0" / f"src_binding_simdutf_release_{triple}.rs").write_text("v8__")
    assert weighed(tree, {"kind": "prebuilt", "mirror": str(mirror)}).obstacles == ()


def test_a_mirror_that_cannot_be_asked_is_an_error_and_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _s: None)
    tree = write_tree(tmp_path / "tree", LOCK.format("137.2.1"))
    with pytest.raises(NetworkError):
        weighed(tree, {"kind": "prebuilt", "mirror": "http://127.0.0.1:1"})


def test_v8_from_source_wants_tools(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("150.4.0"))
    (obstacle,) = weighed(tree, {"kind": "source"}).obstacles
    assert obstacle == (
        "for amd64, arm64: V8 of the v8 crate 150.4.0 is too new for the toolbox: it needs GN of 2026-09-16 or later, "
        "Clang 22 or later, and a Rust toolchain laid out as Chromium's"
    )
    write_tree(tree, LOCK.format("137.2.1"))
    assert weighed(tree, {"kind": "source"}).obstacles == ()


@pytest.mark.parametrize(
    ("package", "told", "obstacles"),
    [
        ('rust-version = "1.97"\n', "1.97", ("it wants Rust 1.97, and the tools have 1.96.0",)),
        ('rust-version = "1.96.0"\n', "1.96.0", ()),
        ('edition = "2024"\n', None, ()),
        ("", None, ()),
    ],
)
def test_the_compiler(tmp_path: Path, package: str, told: str | None, obstacles: tuple[str, ...]) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("1.0.0"), package)
    found = weighed(tree, {"kind": "system"})
    assert (found.rust, found.obstacles) == (told, obstacles)


def test_an_edition_that_the_tools_do_not_know(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("1.0.0"), 'edition = "2024"\n')
    assert weighed(tree, {"kind": "system"}, rust="1.84.0").obstacles == (
        "it wants Rust 1.85, and the tools have 1.84.0",
    )


def test_a_lock_without_the_virtual_machine(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("1.0.0").replace("v8", "other"))
    assert weighed(tree, {"kind": "system"}).obstacles == ("its Cargo.lock has no v8",)


def test_patches_that_end_before_it_are_told(tmp_path: Path) -> None:
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "a.patch").write_text("Applies-To: <1.1\n--- a/x\n+++ b/x\n")
    tree = write_tree(tmp_path / "tree", LOCK.format("1.0.0"))
    assert weighed(tree, {"kind": "system"}, patches=tmp_path / "patches").remarks == (
        "none of the 1 patches is for it",
    )


def test_locks_that_are_none(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", LOCK.format("1.0.0\\n[x]"))
    with pytest.raises(WorkspaceError, match=r"is no lock file: .* is no version"):
        weighed(tree, {"kind": "system"})
    (tree / "Cargo.lock").write_text("package = 1")
    with pytest.raises(WorkspaceError, match="is no lock file"):
        weighed(tree, {"kind": "system"})
    (tree / "Cargo.lock").unlink()
    with pytest.raises(LockfileMissingError):
        weighed(tree, {"kind": "system"})
