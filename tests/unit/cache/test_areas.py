"""What fills the cache directory."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline import fs
from pipeline.cache.areas import areas, prune_work


def test_areas_are_measured_and_files_with_two_names_count_once(tmp_path: Path) -> None:
    (tmp_path / "work" / "a" / "b").mkdir(parents=True)
    (tmp_path / "work" / "a" / "b" / "file").write_bytes(bytes(1000))
    os.link(tmp_path / "work" / "a" / "b" / "file", tmp_path / "work" / "a" / "again")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "link").symlink_to("/etc/passwd")
    found = areas(tmp_path)
    assert [(area.name, area.size_bytes, area.entries) for area in found] == [("work", 1000, 1), ("own", 0, 0)]
    assert areas(tmp_path / "absent") == ()


def make_work(cache_dir: Path, name: str, *, age_s: float, ours: bool = True) -> Path:
    directory = cache_dir / "work" / name
    (directory / "tree").mkdir(parents=True)
    if ours:
        (directory / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
    then = time.time() - age_s
    for path in (*directory.iterdir(), directory):
        os.utime(path, (then, then))
    return directory


def test_old_work_directories_go_and_those_in_use_stay(tmp_path: Path) -> None:
    make_work(tmp_path, "old", age_s=1000)
    new = make_work(tmp_path, "new", age_s=10)
    used = make_work(tmp_path, "used", age_s=1000)
    foreign = make_work(tmp_path, "foreign", age_s=1000, ours=False)
    with fs.locked(used.with_name("used.lock")):
        assert prune_work(tmp_path, older_than_s=100, now_s=time.time()) == ("old",)
    assert (new.exists(), used.exists(), foreign.exists()) == (True, True, True)
    assert not (tmp_path / "work" / "old").exists()
