"""Snapshots that are kept: found by what decides them, dropped when they are damaged or too many."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.cache import digests
from pipeline.cache.store import pack_of

from .entries import Place


def test_what_was_kept_is_found_with_all_its_files(place: Place) -> None:
    kept = place.keep(stdout=b"cargo:rustc-env=A=b\n")
    found, lookup = place.store.look_up(place.key())
    assert found is not None
    assert (found.digest, lookup.found, lookup.differences) == (kept.digest, kept.digest, ())
    with place.store.unpacked(found) as directory:
        assert directory is not None
        assert (directory / "stdout").read_bytes() == b"cargo:rustc-env=A=b\n"
        assert (directory / "out" / "a.bin").read_bytes() == b"blob"
        assert (directory / "out" / "sub" / "tool").stat().st_mode & 0o111


def test_an_empty_out_dir_is_a_result_as_well(place: Place) -> None:
    out_dir = place.root / "out"
    out_dir.mkdir()
    place.workdir.mkdir()
    result = place.run().model_copy(update={"outputs": ()})
    assert place.store.keep(place.key(), result, b"") is not None
    found, _lookup = place.store.look_up(place.key())
    assert found is not None
    with place.store.unpacked(found) as directory:
        assert directory is not None
        assert not list((directory / "out").iterdir())


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"generator": "another"}, "generator: "),
        ({"CARGO_FEATURE_X": "1"}, "variable CARGO_FEATURE_X: unset in the cache, '1' here"),
    ],
)
def test_a_miss_names_the_field_that_differs(place: Place, other: dict[str, str], difference: str) -> None:
    kept = place.keep()
    found, lookup = place.store.look_up(place.key(**other))
    assert found is None
    assert (lookup.found, lookup.nearest) == (None, kept.digest)
    assert len(lookup.differences) == 1
    assert lookup.differences[0].startswith(difference)


def test_the_nearest_is_the_one_that_differs_least(place: Place) -> None:
    place.keep("far", A="1", B="2")
    near = place.keep("program", A="1")
    _found, lookup = place.store.look_up(place.key("program", A="2"))
    assert lookup.nearest == near.digest
    assert lookup.differences == ("variable A: '1' in the cache, '2' here",)


def test_files_that_the_script_watches_decide_as_well(place: Place) -> None:
    place.workdir.mkdir()
    watched = place.workdir / "main.js"
    watched.write_text("1")
    (place.workdir / "lib").mkdir()
    (place.workdir / "lib" / "a.js").write_text("1")
    stdout = b"cargo:rerun-if-changed=main.js\ncargo::rerun-if-changed=lib\ncargo:rerun-if-changed=none\n"
    first = place.keep(stdout=stdout)
    assert first.entry.watched["none"] == "absent"
    assert place.store.look_up(place.key())[0] is not None
    watched.write_text("2")
    found, lookup = place.store.look_up(place.key())
    assert found is None
    assert lookup.differences == ("file main.js: changed since",)
    second = place.keep(stdout=stdout, content=b"other")
    assert second.digest != first.digest
    watched.write_text("1")
    again, _lookup = place.store.look_up(place.key())
    assert again is not None
    assert again.digest == first.digest
    (place.workdir / "lib" / "b.js").write_text("new")
    assert place.store.look_up(place.key())[1].differences == ("file lib: changed since",)


def test_a_directory_with_very_many_files_is_not_compared(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MAX_WATCHED_FILES", 2)
    place.workdir.mkdir()
    for number in range(4):
        (place.workdir / f"{number}.js").write_text("")
    assert place.store.keep(place.key(), place.run(), b"cargo:rerun-if-changed=.\n") is None
    assert place.store.entries() == ()


def damage_pack(path: Path) -> None:
    data = bytearray(pack_of(path).read_bytes())
    data[len(data) // 2] ^= 1
    pack_of(path).write_bytes(data)


def cut_pack(path: Path) -> None:
    pack_of(path).write_bytes(pack_of(path).read_bytes()[:20])


def lose_pack(path: Path) -> None:
    pack_of(path).unlink()


@pytest.mark.parametrize("damage", [damage_pack, cut_pack, lose_pack])
def test_a_damaged_pack_is_dropped(place: Place, damage: object) -> None:
    kept = place.keep()
    assert callable(damage)
    damage(kept.path)
    with place.store.unpacked(kept) as directory:
        assert directory is None
    assert not kept.path.exists()
    assert place.store.look_up(place.key())[0] is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_an_entry_that_cannot_be_read_is_dropped(place: Place, text: str) -> None:
    kept = place.keep()
    kept.path.write_text(text)
    assert place.store.look_up(place.key())[0] is None
    assert not kept.path.exists()
    assert not kept.pack_path.exists()


def test_verify_tells_the_whole_from_the_damaged(place: Place) -> None:
    good = place.keep("good")
    damage_pack(place.keep("bad").path)
    lone = place.keep("lone")
    lone.path.unlink()
    whole, dropped = place.store.verify()
    assert [kept.digest for kept in whole] == [good.digest]
    assert len(dropped) == 2
    assert [path.name for path in place.root.rglob("*.tar.zst")] == [good.pack_path.name]


def test_what_was_used_longest_ago_goes_first(place: Place) -> None:
    kept = [place.keep(str(number)) for number in range(4)]
    for age, one in enumerate(kept):
        os.utime(one.path, (10_000 - age, 10_000 - age))
    size_bytes = kept[0].entry.pack_size_bytes
    removed = place.store.prune(2 * size_bytes)
    assert {one.digest for one in removed} == {kept[2].digest, kept[3].digest}
    removed = place.store.prune(10 * size_bytes, older_than_s=50, now_s=10_049.5)
    assert [one.digest for one in removed] == [kept[1].digest]
    assert [one.digest for one in place.store.entries()] == [kept[0].digest]


def test_the_limit_holds_when_something_is_kept(place: Place) -> None:
    first = place.keep("first")
    os.utime(first.path, (1, 1))
    small = type(place.store)(root=place.store.root, limit_bytes=first.entry.pack_size_bytes)
    second = small.keep(place.key("second"), place.run(), b"")
    assert second is not None
    assert [kept.digest for kept in small.entries()] == [second.digest]


def test_many_at_once(place: Place) -> None:
    place.workdir.mkdir()
    result = place.run()
    store = place.store
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _round in range(5):
                store.keep(place.key(name), result, b"")
                found, _lookup = store.look_up(place.key(name))
                if found is not None:
                    with store.unpacked(found):
                        pass
                store.prune(10**9)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.verify()[0]) == 3
