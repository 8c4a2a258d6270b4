"""Files that a program left where it should not write."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline import fs
from pipeline.snapshots.strays import stat_tree, strays_in


def test_what_appears_or_changes_is_stray_and_what_goes_is_not(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("same", "longer", "touched", "gone", "below/same"):
        (tmp_path / name).write_text("text")
    before = dict(stat_tree(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in before} == {
        "same", "longer", "touched", "gone", "below/same",
    }  # fmt: skip
    assert strays_in(tmp_path, before) == ()
    (tmp_path / "longer").write_text("more text")
    os.utime(tmp_path / "longer", ns=(1, before[tmp_path / "longer"][0]))
    os.utime(tmp_path / "touched", ns=(1, 1))
    (tmp_path / "gone").unlink()
    (tmp_path / "below/new").write_text("new")
    (tmp_path / "to-nowhere").symlink_to("nowhere")
    expected = [fs.describe_file(tmp_path, tmp_path / name) for name in ("below/new", "longer", "touched")]
    assert list(strays_in(tmp_path, before)) == expected
