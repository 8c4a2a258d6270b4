"""Kept snapshots as one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cache.store import SnapshotStore
from pipeline.cache.transfer import export, import_from
from pipeline.errors import ArchiveError
from pipeline.packing.tarball import TarMember, write_tar

from .entries import Place


def test_what_was_exported_can_be_imported_once(place: Place, tmp_path: Path) -> None:
    place.keep("a")
    place.keep("b")
    file = tmp_path / "snapshots.tar.zst"
    assert export(place.store, file) == 2
    other = SnapshotStore(root=tmp_path / "other" / "snapshots")
    first, second = import_from(other, file), import_from(other, file)
    assert (first.added, first.known, first.refused) == (2, 0, ())
    assert (second.added, second.known, second.refused) == (0, 2, ())
    assert other.look_up(place.key("a"))[0] is not None
    assert len(other.verify()[0]) == 2


def test_equal_caches_make_equal_files(place: Place, tmp_path: Path) -> None:
    place.keep("a")
    export(place.store, tmp_path / "1.tar.zst")
    export(place.store, tmp_path / "2.tar.zst")
    assert (tmp_path / "1.tar.zst").read_bytes() == (tmp_path / "2.tar.zst").read_bytes()


def test_entries_that_are_not_what_they_say_are_left_out(place: Place, tmp_path: Path) -> None:
    kept = place.keep("a")
    document = json.loads(kept.path.read_text())
    elsewhere = {**document, "key": {**document["key"], "package": "../../../x"}}
    renamed = {**document, "key": {**document["key"], "env": {}}}
    pack = kept.pack_path.read_bytes()
    members = []
    for number, changed in enumerate((elsewhere, renamed, {"pack_sha256": "0" * 64, **document}, None)):
        base = f"arm64/snap-1.0.0/{kept.digest if number == 2 else number}"
        text = b"{" if changed is None else json.dumps(changed).encode()
        members.append(TarMember(name=f"{base}.json", content=text))
        members.append(TarMember(name=f"{base}.tar.zst", content=pack[:-1] if number == 2 else pack))
    file = tmp_path / "bad.tar"
    write_tar(file, members)
    other = SnapshotStore(root=tmp_path / "other" / "snapshots")
    done = import_from(other, file)
    assert (done.added, done.known, len(done.refused)) == (0, 0, 4)
    assert other.entries() == ()
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_none(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        import_from(place.store, tmp_path / "absent.tar")
    assert str(caught.value) == (
        f"error: there is no file {tmp_path}/absent.tar\n"
        "  usual cause: the name is misspelt, or nothing was exported\n"
        "  what to do:  make it with `python -m pipeline cache export FILE`"
    )
    (tmp_path / "text").write_text("no archive at all, and long enough to be read as one" * 20)
    with pytest.raises(ArchiveError):
        import_from(place.store, tmp_path / "text")
