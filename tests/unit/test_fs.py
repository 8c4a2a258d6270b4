"""Files that appear whole, digests, locks, guarded deletion."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import time
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.errors import NotWritableError


def test_a_file_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 3_000_000)
    assert fs.sha256_file(tmp_path / "f") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_json_digests_do_not_depend_on_key_order() -> None:
    assert fs.sha256_json({"a": 1, "b": [2]}) == fs.sha256_json({"b": [2], "a": 1})
    assert fs.sha256_json({"a": 1}) != fs.sha256_json({"a": 2})


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "f"
    final.write_text("old")
    with pytest.raises(RuntimeError), fs.atomic_path(final) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_write_if_changed_keeps_the_time_of_an_equal_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert fs.write_if_changed(path, "a")
    os.utime(path, (1, 1))
    assert not fs.write_if_changed(path, "a")
    assert path.stat().st_mtime == 1
    assert fs.write_if_changed(path, "b")


def test_a_directory_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    final = tmp_path / "d"
    for text in ("one", "two"):
        with fs.atomic_directory(final) as staging:
            (staging / "f").write_text(text)
            assert not final.exists() or (final / "f").read_text() != text
    assert (final / "f").read_text() == "two"
    assert (final / fs.SENTINEL_NAME).is_file()


def test_a_directory_that_was_left_half_made_is_made_again(tmp_path: Path) -> None:
    final = tmp_path / "d"
    with pytest.raises(RuntimeError), fs.atomic_directory(final) as staging:
        (staging / "rest").write_text("")
        raise RuntimeError
    assert not final.exists()
    with fs.atomic_directory(final) as staging:
        (staging / "f").write_text("")
    assert sorted(path.name for path in final.iterdir()) == [fs.SENTINEL_NAME, "f"]


def test_a_foreign_directory_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("")
    with pytest.raises(NotWritableError) as caught:
        fs.remove_tree(tmp_path / "mine")
    assert str(caught.value) == (
        f"error: will not delete {tmp_path}/mine: it has no CACHEDIR.TAG\n"
        "  usual cause: the directory was not made by this program\n"
        "  what to do:  look what it is, and move it away by hand"
    )


def test_read_only_directories_of_our_own_can_be_deleted(tmp_path: Path) -> None:
    tree = tmp_path / "t"
    (tree / "ro").mkdir(parents=True)
    (tree / fs.SENTINEL_NAME).write_text("")
    (tree / "ro" / "f").write_text("")
    (tree / "ro").chmod(0o500)
    fs.remove_tree(tree)
    assert not tree.exists()


def test_a_read_only_place_is_a_named_error() -> None:
    with pytest.raises(NotWritableError) as caught:
        fs.write_text(Path("/sys/x"), "")  # sysfs takes files from nobody
    assert re.fullmatch(
        r"error: cannot write to /sys/\.x\.\w+\.part: Permission denied\n"
        r"  usual cause: the directory belongs to another user or is mounted read-only\n"
        r"  what to do:  choose another place with --cache-dir \(or --out\), or correct the directory's owner",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/proc/x", "No such file or directory"),
        ("/etc/hostname", "File exists"),
        ("/etc/hostname/x", "Not a directory"),
    ],
)
def test_a_place_where_no_directory_can_be_is_a_named_error(place: str, why: str) -> None:
    with pytest.raises(NotWritableError) as caught:
        fs.make_directory(Path(place))
    assert str(caught.value) == (
        f"error: cannot make the directory {place}: {why}\n"
        "  usual cause: a file lies where a directory is wanted, or the file system takes no directories there\n"
        "  what to do:  choose another place with --cache-dir (or --out)"
    )


def _hold(path: Path, started: object, seconds: float) -> None:
    with fs.locked(path):
        started.set()  # type: ignore[attr-defined]
        time.sleep(seconds)


def test_a_lock_is_exclusive_between_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", started, 600))
    holder.start()
    try:
        assert started.wait(60)
        begun = time.monotonic()
        with pytest.raises(TimeoutError), fs.locked(tmp_path / "lock", timeout_s=0.3):
            pass
        assert time.monotonic() - begun >= 0.3
        holder.kill()
        with fs.locked(tmp_path / "lock", timeout_s=30):
            pass
    finally:
        holder.kill()
        holder.join()
