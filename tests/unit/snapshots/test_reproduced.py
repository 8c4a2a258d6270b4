"""When a second run counts as the same one, and what is said of what differs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.model.execution import ExecRequest
from pipeline.model.target import find_target
from pipeline.snapshots.reproduced import differences, former_outputs, note, watched_files


@pytest.fixture
def request_(tmp_path: Path) -> ExecRequest:
    for name, text in (("generator", "elf"), ("trigger", ""), ("package/a.js", "a"), ("package/lib/b.js", "b")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/blob").write_bytes(b"heap")
    return ExecRequest(
        argv=(str(tmp_path / "generator"),), env={"OUT_DIR": str(tmp_path / "out")}, workdir=tmp_path / "package",
        inputs=(tmp_path / "generator",), outputs=(tmp_path / "out",), target=find_target("arm64"), timeout_s=1,
    )  # fmt: skip


SAID = b"cargo:rerun-if-changed=a.js\nprinted\ncargo::rerun-if-changed=lib\ncargo:rerun-if-changed=missing\n"


def test_watched_files_in_both_spellings() -> None:
    assert watched_files(SAID + b"cargo:rerun-if-env-changed=X\n cargo:rerun-if-changed=no\n") == [
        "a.js", "lib", "missing",
    ]  # fmt: skip


def test_an_equal_run_finds_what_the_former_one_left_and_takes_it_away_at_the_end(
    request_: ExecRequest, tmp_path: Path
) -> None:
    note(request_, tmp_path / "trigger", tmp_path / "note", SAID)
    (tmp_path / "out.former").mkdir()
    (tmp_path / "out.former/older").write_text("of a run that died")
    with former_outputs(request_, tmp_path / "trigger", tmp_path / "note") as former:
        assert former == tmp_path / "out.former"
        assert [path.name for path in former.iterdir()] == ["blob"]
        assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.former").exists()


CHANGES: dict[str, Callable[[Path], object]] = {
    "the generator": lambda place: (place / "generator").write_text("other elf"),
    "a file of the package": lambda place: os.utime(place / "trigger", ns=(1, 1)),
    "no trigger": lambda place: (place / "trigger").unlink(),
    "a watched file": lambda place: (place / "package/a.js").write_text("A"),
    "a watched file that is gone": lambda place: (place / "package/a.js").unlink(),
    "a file in a watched directory": lambda place: (place / "package/lib/c.js").write_text("c"),
    "a watched file that was missing": lambda place: (place / "package/missing").write_text("here"),
    "a damaged note": lambda place: (place / "note").write_text("{"),
    "no note": lambda place: (place / "note").unlink(),
    "no outputs": lambda place: shutil.rmtree(place / "out"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_compared_with_another_run(
    request_: ExecRequest, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    note(request_, tmp_path / "trigger", tmp_path / "note", SAID)
    change(tmp_path)
    with former_outputs(request_, tmp_path / "trigger", tmp_path / "note") as former:
        assert former is None


def test_what_differs_in_words(tmp_path: Path) -> None:
    for name, content in (("one", b"0123"), ("two", b"0x23")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "blob").write_bytes(content)
    assert differences(tmp_path / "one", tmp_path / "two") == (
        "blob, file: 1 of 4 bytes differ, between offsets 1 and 1",
    )
    assert differences(tmp_path / "one", tmp_path / "one") == ()
