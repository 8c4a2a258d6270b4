"""Overlays on real directories."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import WorkspaceError
from pipeline.fs import SENTINEL_TEXT
from pipeline.model.analysis import PackageKey
from pipeline.overlay.layout import Layout, plan
from pipeline.overlay.tree import Overlay, Watch

P = PackageKey(name="p", version="1.0.0")
Q = PackageKey(name="q", version="1.0.0")
OLD_NS = 1_600_000_000_123_456_789

Make = Callable[[], Overlay]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a workspace of two packages, with a neighbour, all of it old."""
    root = tmp_path / "home" / "work space"
    files = {
        "p/Cargo.toml": "[package]",
        "p/src/lib.rs": "lib",
        "q/Cargo.toml": "[package]",
        "q/data.bin": "data",
        "Cargo.toml": "[workspace]",
        "../beside/note.txt": "note",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(OLD_NS, OLD_NS))
    return root.resolve()


@pytest.fixture
def layout(source: Path, tmp_path: Path) -> Layout:
    return plan([source], tree=tmp_path / "w" / "tree", git_top=None, excluded=[source / "target"])


@pytest.fixture
def make(source: Path, layout: Layout, tmp_path: Path) -> Make:
    """Return a function that gives the overlay as a new process would see it."""

    def new() -> Overlay:
        watch = Watch(
            packages={source / "p": P, source / "q": Q},
            rewritten=frozenset({source / "p" / "Cargo.toml"}),
            triggers={P: tmp_path / "w" / "p.inputs", Q: tmp_path / "w" / "q.inputs"},
        )
        return Overlay(layout, state_path=tmp_path / "w" / "tree.json", watch=watch)

    return new


def copy_of(path: Path, layout: Layout) -> Path:
    return layout.locate(path)


def test_first_copy_keeps_content_mode_and_time(source: Path, layout: Layout, make: Make) -> None:
    script = source / "p" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    synced = make().sync()
    copy = copy_of(source / "q" / "data.bin", layout)
    assert copy.read_text() == "data"
    assert copy.stat().st_mtime_ns == OLD_NS
    assert copy_of(script, layout).stat().st_mode & 0o777 == 0o755
    assert synced.changed_packages == {P, Q}
    assert synced.removed == 0


def test_second_call_does_nothing(make: Make, tmp_path: Path) -> None:
    make().sync()
    trigger = (tmp_path / "w" / "p.inputs").stat().st_mtime_ns
    synced = make().sync()
    assert (synced.written, synced.removed, synced.changed_packages) == (0, 0, frozenset())
    assert (tmp_path / "w" / "p.inputs").stat().st_mtime_ns == trigger


def test_changed_content_gets_a_new_time_even_when_the_source_is_older(
    source: Path, layout: Layout, make: Make, tmp_path: Path
) -> None:
    make().sync()
    trigger_p, trigger_q = (tmp_path / "w" / name for name in ("p.inputs", "q.inputs"))
    before_p, before_q = trigger_p.read_text(), trigger_q.read_text()
    changed = source / "p" / "src" / "lib.rs"
    changed.write_text("new")
    os.utime(changed, ns=(OLD_NS - 10**9, OLD_NS - 10**9))
    started_ns = time.time_ns()
    synced = make().sync()
    copy = copy_of(changed, layout)
    assert copy.read_text() == "new"
    assert copy.stat().st_mtime_ns >= started_ns - 10**9
    assert synced.changed_packages == {P}
    assert trigger_p.read_text() != before_p
    assert trigger_q.read_text() == before_q


def test_touched_content_keeps_its_time(source: Path, layout: Layout, make: Make, tmp_path: Path) -> None:
    make().sync()
    before = (tmp_path / "w" / "q.inputs").read_text()
    (source / "q" / "data.bin").touch()
    synced = make().sync()
    assert copy_of(source / "q" / "data.bin", layout).stat().st_mtime_ns == OLD_NS
    assert synced.changed_packages == frozenset()
    assert (tmp_path / "w" / "q.inputs").read_text() == before
    assert make().sync().written == 0


def test_appearing_and_vanishing_files_count_as_changes(source: Path, layout: Layout, make: Make) -> None:
    make().sync()
    (source / "q" / "more").mkdir()
    (source / "q" / "more" / "x.txt").write_text("x")
    assert make().sync().changed_packages == {Q}
    assert copy_of(source / "q" / "more" / "x.txt", layout).read_text() == "x"
    (source / "q" / "more" / "x.txt").unlink()
    (source / "q" / "more").rmdir()
    assert make().sync().changed_packages == {Q}
    assert not copy_of(source / "q" / "more", layout).exists()


def test_a_file_outside_every_package_changes_none(source: Path, make: Make) -> None:
    make().sync()
    (source / "README.md").write_text("read")
    synced = make().sync()
    assert (synced.changed_packages, synced.written) == (frozenset(), 1)


def test_what_stands_in_a_files_place_is_replaced(source: Path, layout: Layout, make: Make) -> None:
    make().sync()
    path = source / "q" / "data.bin"
    path.unlink()
    path.mkdir()
    (path / "inner").write_text("inner")
    make().sync()
    assert (copy_of(path, layout) / "inner").read_text() == "inner"
    (path / "inner").unlink()
    path.rmdir()
    path.symlink_to("../Cargo.toml")
    make().sync()
    assert copy_of(path, layout).is_symlink()
    assert copy_of(path, layout).read_text() == "[workspace]"


def test_links_lead_to_the_same_place(source: Path, layout: Layout, make: Make, tmp_path: Path) -> None:
    far = tmp_path / "far.txt"
    far.write_text("far")
    (source / "p" / "near").symlink_to("../q/data.bin")
    (source / "p" / "far").symlink_to("../../../far.txt")
    (source / "p" / "dangling").symlink_to("nowhere")
    make().sync()
    copy = copy_of(source / "p", layout)
    assert (copy / "near").resolve() == copy_of(source / "q" / "data.bin", layout)
    assert (copy / "far").read_text() == "far"
    assert str((copy / "dangling").readlink()) == "nowhere"


def test_neighbours_are_linked(source: Path, layout: Layout, make: Make) -> None:
    make().sync()
    note = copy_of(source, layout).parent / "beside" / "note.txt"
    assert note.read_text() == "note"
    assert note.resolve() == source.parent / "beside" / "note.txt"


def test_a_neighbour_that_becomes_part_of_the_workspace_is_copied(
    source: Path, layout: Layout, make: Make, tmp_path: Path
) -> None:
    make().sync()
    wider = plan([source, source.parent / "beside"], tree=layout.tree, git_top=None, excluded=[])
    overlay = Overlay(wider, state_path=tmp_path / "w" / "tree.json", watch=Watch(packages={}))
    overlay.sync()
    note = wider.locate(source.parent / "beside" / "note.txt")
    assert note.read_text() == "note"
    assert note.resolve() == note
    assert note.stat().st_nlink == 1


def test_caches_and_repositories_are_not_copied(source: Path, layout: Layout, make: Make) -> None:
    for name in ("target", "build-cache", ".git", "q/.git"):
        (source / name).mkdir()
        (source / name / "content").write_text("big")
    (source / "build-cache" / "CACHEDIR.TAG").write_text(SENTINEL_TEXT)
    make().sync()
    for name in ("target", "build-cache", ".git", "q/.git"):
        assert not copy_of(source / name, layout).exists()


def test_rewritten_files_keep_their_time_and_are_not_taken_for_sources(
    source: Path, layout: Layout, make: Make
) -> None:
    overlay = make()
    overlay.sync()
    manifest = source / "p" / "Cargo.toml"
    overlay.write(manifest, "[package] # lifted")
    copy = copy_of(manifest, layout)
    assert copy.read_text() == "[package] # lifted"
    assert copy.stat().st_mtime_ns == OLD_NS
    assert make().sync().changed_packages == frozenset()
    assert copy.read_text() == "[package] # lifted"
    assert overlay.modified() == ()
    manifest.write_text("[package] # edited")
    overlay = make()
    assert overlay.sync().changed_packages == {P}
    overlay.write(manifest, "[package] # lifted again")
    assert copy.stat().st_mtime_ns > OLD_NS


def test_a_file_that_is_rewritten_no_longer_is_copied_again(
    source: Path, layout: Layout, make: Make, tmp_path: Path
) -> None:
    overlay = make()
    overlay.sync()
    overlay.write(source / "p" / "Cargo.toml", "[packagE]")  # as long as the original
    plain = Overlay(layout, state_path=tmp_path / "w" / "tree.json", watch=Watch(packages={source / "p": P}))
    plain.sync()
    assert copy_of(source / "p" / "Cargo.toml", layout).read_text() == "[package]"


def test_what_a_build_did_to_the_copies_is_found_and_undone(source: Path, layout: Layout, make: Make) -> None:
    overlay = make()
    overlay.sync()
    copy_of(source / "q" / "data.bin", layout).write_text("spoilt")
    copy_of(source / "q" / "new.bin", layout).write_text("stray")
    copy_of(source / "p" / "src" / "lib.rs", layout).unlink()
    assert overlay.modified() == (
        copy_of(source / "p" / "src" / "lib.rs", layout),
        copy_of(source / "q" / "data.bin", layout),
        copy_of(source / "q" / "new.bin", layout),
    )
    make().sync()
    assert copy_of(source / "q" / "data.bin", layout).read_text() == "data"
    assert copy_of(source / "p" / "src" / "lib.rs", layout).read_text() == "lib"


def test_a_lost_memory_is_made_again(source: Path, layout: Layout, make: Make, tmp_path: Path) -> None:
    make().sync()
    (tmp_path / "w" / "tree.json").write_text('{"half')
    synced = make().sync()
    assert synced.written == 1  # the rewritten manifest: what its copy was made from is not known
    assert copy_of(source / "q" / "data.bin", layout).stat().st_mtime_ns == OLD_NS


def test_an_original_that_lies_elsewhere_now_changes_what_differs_only(
    source: Path, layout: Layout, make: Make, tmp_path: Path
) -> None:
    """As with a patched copy of the sources: everything else stays, rewritten manifests included."""
    overlay = make()
    overlay.sync()
    overlay.write(source / "p" / "Cargo.toml", "rewritten")
    moved = tmp_path / "elsewhere" / source.name
    shutil.copytree(source, moved)
    changed = moved / "q" / "data.bin"
    changed.write_text("atad")
    os.utime(changed, ns=(OLD_NS, OLD_NS))  # as large and as old as before
    (moved / "Cargo.toml").unlink()
    other = Overlay(
        plan([moved], tree=layout.tree, git_top=None, excluded=[]),
        state_path=tmp_path / "w" / "tree.json",
        watch=Watch(
            packages={moved / "p": P, moved / "q": Q},
            rewritten=frozenset({moved / "p" / "Cargo.toml"}),
            triggers={P: tmp_path / "w" / "p.inputs", Q: tmp_path / "w" / "q.inputs"},
        ),
    )
    synced = other.sync()
    assert synced.changed_packages == {Q}
    assert other.layout.locate(changed).read_text() == "atad"
    assert other.layout.locate(changed).stat().st_mtime_ns > OLD_NS
    assert other.layout.locate(moved / "p" / "src" / "lib.rs").stat().st_mtime_ns == OLD_NS
    assert other.layout.locate(moved / "p" / "Cargo.toml").read_text() == "rewritten"
    assert not other.layout.locate(moved / "Cargo.toml").exists()


def test_a_change_is_announced_again_after_an_interruption(
    source: Path, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().sync()
    trigger = tmp_path / "w" / "q.inputs"
    before = trigger.read_text()
    (source / "q" / "data.bin").write_text("changed")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            make().sync()
    assert trigger.read_text() != before


def _interrupt(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_sources_that_cannot_be_read_are_named(source: Path, make: Make) -> None:
    (source / "p" / "loop").symlink_to(source / "p" / "loop")
    make().sync()  # a link to itself is a link like any other
    os.mkfifo(source / "p" / "pipe")
    make().sync()  # and a pipe is no file
    locked = source / "q" / "locked"
    locked.mkdir()
    locked.chmod(0)
    if os.geteuid() == 0:
        return
    with pytest.raises(WorkspaceError, match="cannot read"):
        make().sync()


def test_ten_thousand_files_take_well_under_a_second(source: Path, make: Make) -> None:
    for directory in range(100):
        (source / "q" / f"d{directory}").mkdir()
        for number in range(100):
            (source / "q" / f"d{directory}" / f"{number}.txt").write_text(str(number))
    make().sync()
    started = time.process_time()
    synced = make().sync()
    assert synced.files > 10_000
    assert time.process_time() - started < 1.0
