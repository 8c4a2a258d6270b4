"""Two captured OUT_DIRs: equal, or which part differs where."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.v8.compare import Difference, compare_files, compare_trees

from .blobs import BlobSpec, Layout, blob, noise


def trees(tmp_path: Path, first: dict[str, bytes], second: dict[str, bytes]) -> tuple[Path, Path]:
    for name, files in (("1", first), ("2", second)):
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content)
    return tmp_path / "1", tmp_path / "2"


def test_equal_trees_whose_out_dirs_have_other_names(tmp_path: Path) -> None:
    both = trees(tmp_path, {"a": b"include /one/out"}, {"a": b"include /two"})
    assert list(compare_trees(both, ("/one/out", "/two"))) == []


def test_a_file_that_one_did_not_make(tmp_path: Path) -> None:
    found = list(compare_trees(trees(tmp_path, {"a": b"", "b": b""}, {"a": b"", "c": b""}), ("/1", "/2")))
    assert found == [
        Difference(file="b", part="file", of_v8=False, message="the second executor did not make it"),
        Difference(file="c", part="file", of_v8=False, message="the first executor did not make it"),
    ]


def test_what_is_compared_is_what_stands_there_but_for_the_out_dirs(tmp_path: Path) -> None:
    both = trees(tmp_path, {"a": b"in /one/out: x"}, {"a": b"in /two: y"})
    assert list(compare_trees(both, ("/one/out", "/two"))) == [
        Difference(file="a", part="file", of_v8=False, message="1 of 14 bytes differ, between offsets 13 and 13")
    ]


def test_snapshots_of_other_parts_are_compared_as_wholes() -> None:
    one, two = blob(BlobSpec(contexts=1)), blob(BlobSpec(contexts=2))
    expected = Difference(file="x", part="file", of_v8=False, message=f"{len(one)} and {len(two)} bytes of other parts")
    assert list(compare_files("x", one, two)) == [expected]


@pytest.mark.parametrize("layout", ["old", "new", "read-only first"])
def test_sections_have_names(layout: Layout) -> None:
    """Whatever the order in which a layout has them: all that differs is what is in the read-only one."""
    ours, theirs = blob(BlobSpec(layout=layout)), blob(BlobSpec(layout=layout, read_only=noise(7, 4000)))
    names = [item.part for item in compare_files("x", ours, theirs) if item.of_v8]
    assert "read-only" in names
    assert "start-up" not in names
    assert not [name for name in names if name.startswith("context")]


def test_bytes_that_differ() -> None:
    assert list(compare_files("x", b"0123456789", b"0x2345y789")) == [
        Difference(file="x", part="file", of_v8=False, message="2 of 10 bytes differ, between offsets 1 and 6")
    ]
    assert [item.message for item in compare_files("x", b"0", b"01")] == ["1 bytes and 2 bytes"]


def test_sections_of_a_snapshot_and_what_an_embedder_appended() -> None:
    ours = blob(BlobSpec(layout="new")) + b"sidecar 1"
    theirs = blob(BlobSpec(layout="new", context_0=noise(4, 2500)[:-1] + b"?")) + b"sidecar 2"
    found = {item.part: item for item in compare_files("x", ours, theirs)}
    assert list(found) == ["header", "context 0", "appended by the embedder"]
    assert [item.of_v8 for item in found.values()] == [True, True, False]
    assert found["context 0"].message == "1 of 2508 bytes differ, between offsets 2507 and 2507"
    assert found["appended by the embedder"].message == "1 of 9 bytes differ, between offsets 8 and 8"
