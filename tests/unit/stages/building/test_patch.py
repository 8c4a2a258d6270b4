"""Patches: selected by version, applied exactly, to a copy."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import PatchError, SpecError, ToolboxError
from pipeline.fs import sha256_file
from pipeline.model.events import NullReporter
from pipeline.sources.patches import read_patches
from pipeline.stages.building import patch
from pipeline.stages.building.patch import AppliedPatch, PatchInputs, PlacedPatch

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")

LINES = [f"line {n}\n" for n in range(1, 21)]
HUNK = """\
--- a/src/update.txt
+++ b/src/update.txt
@@ -8,5 +8,5 @@
 line 8
 line 9
-line 10
+line ten
 line 11
 line 12
"""


class Warnings(NullReporter):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tree = tmp_path / "source" / "runtime"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "update.txt").write_text("".join(LINES))
    (tree / "src" / "update.txt").chmod(0o444)
    (tree / "link").symlink_to("src/update.txt")
    (tree / "target").mkdir()
    (tree / "target" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    return tree


def context(tmp_path: Path, *, reporter: NullReporter | None = None, path: str | None = None) -> Context:
    environ = {"PATH": path or os.environ["PATH"]}
    return Context(cache_dir=tmp_path / "cache", reporter=reporter or NullReporter(), environ=environ)


def add(tmp_path: Path, name: str, versions: str, text: str = HUNK) -> Path:
    path = tmp_path / "patches" / "runtime" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Subject: a change\nApplies-To: {versions}\n\nWhy it is wanted.\n---\n{text}")
    return path


def inputs(tmp_path: Path, source: Path, version: str = "2.4.5", directory: str = "") -> PatchInputs:
    patches = [one for one in read_patches(tmp_path / "patches" / "runtime") if one.is_for(version)]
    placed = tuple(PlacedPatch(patch=one, directory=directory) for one in patches)
    return PatchInputs(source=source, digest="d1", name="runtime", version=version, patches=placed)


def test_without_patches_the_source_itself_is_built(tmp_path: Path, source: Path) -> None:
    tree = patch.run(inputs(tmp_path, source), context(tmp_path))
    assert (tree.path, tree.digest, tree.applied) == (source, "d1", ())
    assert not (tmp_path / "cache").exists()


def test_a_patch_is_applied_to_a_copy_and_recorded(tmp_path: Path, source: Path) -> None:
    path = add(tmp_path, "01-update.patch", ">=2.4, <2.6")
    before = (source / "src" / "update.txt").read_bytes()
    tree = patch.run(inputs(tmp_path, source), context(tmp_path))
    assert (tree.path / "src" / "update.txt").read_text() == "".join(LINES).replace("line 10\n", "line ten\n")
    assert tree.path.is_relative_to(tmp_path / "cache" / "patched")
    assert tree.digest not in {None, "d1"}
    assert (tree.path / "src" / "update.txt").stat().st_mode & 0o777 == 0o444, "as in the source"
    assert (tree.path / "link").is_symlink()
    assert not (tree.path / "target").exists()
    assert (source / "src" / "update.txt").read_bytes() == before
    assert tree.applied == (AppliedPatch(name="01-update.patch", sha256=sha256_file(path), offsets=()),)


def test_a_second_run_looks_the_same_to_cargo(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "01-update.patch", ">=2.4")
    first = patch.run(inputs(tmp_path, source), context(tmp_path))
    times = {path: path.stat().st_mtime_ns for path in first.path.rglob("*.txt")}
    second = patch.run(inputs(tmp_path, source), context(tmp_path))
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.path.rglob("*.txt")} == times


def test_a_copy_is_made_again_only_when_it_was_changed(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "01-update.patch", ">=2.4")
    first = patch.run(inputs(tmp_path, source), context(tmp_path))
    without_git = context(tmp_path, path="/nonexistent")
    assert patch.run(inputs(tmp_path, source), without_git) == first
    file = first.path / "src" / "update.txt"
    file.chmod(0o644)
    file.write_text("by hand")
    patch.run(inputs(tmp_path, source), context(tmp_path))
    assert "line ten\n" in file.read_text()


def test_a_directory_that_may_change_is_copied_each_time(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "01-update.patch", ">=2.4")
    changing = dataclasses.replace(inputs(tmp_path, source), digest=None)
    patch.run(changing, context(tmp_path))
    (source / "new.txt").write_text("new")
    assert (patch.run(changing, context(tmp_path)).path / "new.txt").is_file()


@pytest.mark.parametrize(
    ("version", "names"),
    [("2.3.9", ()), ("2.4.0", ("a.patch",)), ("2.6.0-rc.1", ("b.patch",)), ("2.6.0", ("b.patch",))],
)
def test_ranges_select(tmp_path: Path, source: Path, version: str, names: tuple[str, ...]) -> None:
    add(tmp_path, "a.patch", ">=2.4, <2.6.0")
    add(
        tmp_path,
        "b.patch",
        ">2.5",
        HUNK.replace("-line 10\n+line ten\n line 11\n", " line 10\n-line 11\n+line eleven\n"),
    )
    (tmp_path / "patches" / "runtime" / "notes.txt").write_text("no patch")
    applied = patch.run(inputs(tmp_path, source, version), context(tmp_path)).applied
    assert tuple(one.name for one in applied) == names


def test_patches_are_applied_in_the_order_of_their_names(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "02.patch", ">=2", HUNK.replace("-line 10\n+line ten", "-line ten\n+line X"))
    add(tmp_path, "01.patch", ">=2")
    tree = patch.run(inputs(tmp_path, source), context(tmp_path))
    assert "line X\n" in (tree.path / "src" / "update.txt").read_text()


def test_an_exact_hunk_at_another_place_is_taken_recorded_and_said(tmp_path: Path, source: Path) -> None:
    (source / "src" / "update.txt").chmod(0o644)
    (source / "src" / "update.txt").write_text("new\nlines\n" + "".join(LINES))
    add(tmp_path, "01.patch", ">=2")
    reporter = Warnings()
    tree = patch.run(inputs(tmp_path, source), context(tmp_path, reporter=reporter))
    assert tree.applied[0].offsets == (2,)
    assert reporter.texts == ["01.patch lies off by 2 lines; refresh it"]


def test_fuzz_is_refused_and_nothing_is_left(tmp_path: Path, source: Path) -> None:
    path = add(tmp_path, "01.patch", ">=2", HUNK.replace(" line 8\n", " line eight\n"))
    with pytest.raises(PatchError) as caught:
        patch.run(inputs(tmp_path, source), context(tmp_path))
    assert str(caught.value) == (
        "Checking patch src/update.txt...\n"
        "error: while searching for:\nline eight\nline 9\nline 10\nline 11\nline 12\n\n"
        "error: patch failed: src/update.txt:8\n"
        "error: src/update.txt: patch does not apply\n\n"
        "error: 01.patch does not apply to runtime 2.4.5\n"
        "  usual cause: the lines around the change are not the same in this version\n"
        f"  what to do:  end its range (Applies-To in {path}) before 2.4.5, or add another patch"
    )
    assert not [left for left in (tmp_path / "cache" / "patched").iterdir() if not left.name.startswith(".")]


def test_a_change_that_is_there_already_is_said(tmp_path: Path, source: Path) -> None:
    (source / "src" / "update.txt").chmod(0o644)
    (source / "src" / "update.txt").write_text("".join(LINES).replace("line 10\n", "line ten\n"))
    add(tmp_path, "01.patch", ">=2")
    with pytest.raises(PatchError) as caught:
        patch.run(inputs(tmp_path, source), context(tmp_path))
    assert caught.value.cause == "this version has the change already"


def test_a_repository_around_the_cache_does_not_swallow_the_patch(tmp_path: Path, source: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    add(tmp_path, "01.patch", ">=2")
    tree = patch.run(inputs(tmp_path, source), context(tmp_path))
    assert "line ten\n" in (tree.path / "src" / "update.txt").read_text()


def test_a_patch_cannot_leave_the_tree(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "01.patch", ">=2", HUNK.replace("src/update.txt", "../../../victim"))
    with pytest.raises(PatchError, match="01.patch does not apply"):  # noqa: RUF043
        patch.run(inputs(tmp_path, source), context(tmp_path))


@pytest.mark.parametrize("header", ["", "Applies-To:\n", "Applies-To: 2.x\n", "Applies-To: >=1\nApplies-To: >=2\n"])
def test_a_patch_must_say_for_which_versions_it_is(tmp_path: Path, source: Path, header: str) -> None:
    path = add(tmp_path, "01.patch", ">=2")
    path.write_text(f"Subject: a change\n{header}\n{HUNK}")
    with pytest.raises(SpecError) as caught:
        patch.run(inputs(tmp_path, source), context(tmp_path))
    assert str(caught.value) == (
        f"error: {path} does not say for which versions it is\n"
        "  usual cause: its header has no (or more than one) line `Applies-To:`, or a range that cannot be read\n"
        "  what to do:  write one line such as `Applies-To: >=2.4, <2.6` above the first `diff` line"
    )


def test_without_git_nothing_is_applied(tmp_path: Path, source: Path) -> None:
    add(tmp_path, "01.patch", ">=2")
    with pytest.raises(ToolboxError, match="no git on this machine"):
        patch.run(inputs(tmp_path, source), context(tmp_path, path="/nonexistent"))
