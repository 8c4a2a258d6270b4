"""Snapshots that lie in files of data beside the program, as those of Chromium, Electron and Qt do."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.examine.checks import Expectations
from pipeline.model.events import NullReporter
from pipeline.model.findings import Examined, Severity
from pipeline.model.target import find_target
from pipeline.stages import examine
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.examine.inputs import VERSION, magic_in_code, program, sizes_for, snapshot, write_tree
from tests.unit.v8.blobs import code_table, noise

NO_TABLE = "is V8's own, but no program of the product has a table of machine code in a form that is known"


def engine(name: str, *, version: str = VERSION, table: bytes | None = None) -> bytes:
    """A library with V8 in it, without any snapshot."""
    target = find_target(name)
    content = (
        b"\0"
        + version.encode()
        + b"\0"
        + noise(8, 777)
        + magic_in_code()
        + (table or code_table(sizes_for(target)))
        + noise(9, 64)
    )
    return elf_file(ElfSpec(target=target, payload=content))


def own(name: str) -> bytes:
    return snapshot(find_target(name), contexts=1).ljust(40_000, b"\0")


def embedders(name: str) -> bytes:
    return snapshot(find_target(name), contexts=3).ljust(40_000, b"\0")


def look(root: Path, files: dict[str, bytes]) -> Examined:
    context = Context(cache_dir=root / "cache", reporter=NullReporter(), environ={})
    tree = write_tree(root / "tree", files)
    return examine.run(examine.ExamineInputs(path=tree, shown="tree", expected=Expectations()), context)


def said(found: Examined) -> list[tuple[str, str, Severity]]:
    wanted = {"v8.code", "v8.consistency", "v8.version"}
    return [(f.subject, f.id, f.severity) for f in found.findings if f.id in wanted]


@pytest.mark.parametrize("made_for", ["arm64", "amd64"])
def test_v8s_own_snapshot_is_held_against_the_machine_code(tmp_path: Path, made_for: str) -> None:
    found = look(tmp_path, {"lib/libengine.so": engine("arm64"), "snapshot_blob.bin": own(made_for)})
    right = Severity.OK if made_for == "arm64" else Severity.FAIL
    assert said(found) == [
        ("snapshot_blob.bin", "v8.version", Severity.OK),
        ("snapshot_blob.bin", "v8.code", right),
    ]
    assert found.verdict is right


@pytest.mark.parametrize("made_for", ["arm64", "amd64"])
def test_an_embedders_snapshot_needs_none_of_v8s_own(tmp_path: Path, made_for: str) -> None:
    found = look(tmp_path, {"lib/libengine.so": engine("arm64"), "resources/context.bin": embedders(made_for)})
    right = Severity.OK if made_for == "arm64" else Severity.FAIL
    assert ("resources/context.bin", "v8.code", right) in said(found)
    assert found.verdict is right


def test_a_pair_for_another_architecture_agrees_and_is_rejected(tmp_path: Path) -> None:
    found = look(tmp_path, {"app": engine("arm64"), "a.bin": own("amd64"), "b.bin": embedders("amd64")})
    assert [(f.subject, f.id) for f in found.findings if f.severity is Severity.FAIL] == [
        ("a.bin", "v8.code"), ("b.bin", "v8.code"),
    ]  # fmt: skip


def test_a_snapshot_of_another_version_than_the_library(tmp_path: Path) -> None:
    """Nothing in the product names its version; that V8 is there the table of machine code says."""
    other = find_target("amd64")
    found = look(tmp_path, {
        "app": engine("arm64", version="14.5.201.3", table=code_table(sizes_for(other))), "a.bin": own("arm64"),
    })  # fmt: skip
    assert said(found) == [("a.bin", "v8.version", Severity.FAIL), ("a.bin", "v8.code", Severity.FAIL)]


def test_targets_side_by_side_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    names = ("arm64", "amd64")
    right = {f"{name}/engine.so": engine(name) for name in names} | {f"{name}/s.bin": own(name) for name in names}
    assert look(tmp_path / "right", right).verdict is Severity.OK
    swapped = right | {"arm64/s.bin": own("amd64"), "amd64/s.bin": own("arm64")}
    wrong = look(tmp_path / "swapped", swapped)
    assert {f.subject for f in wrong.findings if f.id == "v8.code" and f.severity is Severity.FAIL} == {
        "arm64/s.bin", "amd64/s.bin",
    }  # fmt: skip


def test_a_snapshot_between_programs_for_two_targets_is_undecided(tmp_path: Path) -> None:
    found = look(tmp_path, {"a.so": engine("arm64"), "b.so": engine("amd64"), "s.bin": own("amd64")})
    assert found.verdict is Severity.UNKNOWN


def test_a_helper_for_another_target_changes_nothing(tmp_path: Path) -> None:
    files = {"app": engine("arm64"), "s.bin": own("amd64"), "prebuilds/linux-x64/helper.node": engine("amd64")}
    assert look(tmp_path, files).verdict is Severity.FAIL


@pytest.mark.parametrize("beside", [{}, {"lib.so": elf_file(ElfSpec(target=find_target("arm64")))}])
def test_v8s_own_snapshot_without_its_machine_code_is_undecided(tmp_path: Path, beside: dict[str, bytes]) -> None:
    found = look(tmp_path, {"s.bin": own("arm64")} | beside)
    assert [f.message for f in found.findings if f.severity is Severity.UNKNOWN] == [NO_TABLE]
    assert found.verdict is Severity.UNKNOWN


def test_builtins_in_another_order_are_found_if_they_are_the_snapshots(tmp_path: Path) -> None:
    """Official builds of Chromium lay their machine code out by a profile: the rows are not in its order."""
    table = code_table(sizes_for(find_target("arm64")))
    rows = [table[start : start + 12] for start in range(0, len(table), 12)]
    places = [row[:4] for row in rows]
    random.Random(3).shuffle(places)
    shuffled = b"".join(place + row[4:] for place, row in zip(places, rows, strict=True))
    right = look(tmp_path / "right", {"app": engine("arm64", table=shuffled), "s.bin": own("arm64")})
    assert right.verdict is Severity.OK
    wrong = look(tmp_path / "wrong", {"app": engine("arm64", table=shuffled), "s.bin": own("amd64")})
    assert wrong.verdict is Severity.UNKNOWN, "the table is not told from other tables"


def test_the_snapshot_in_one_file_and_v8_in_another_program(tmp_path: Path) -> None:
    target = find_target("arm64")
    for number, made_for in itertools.product((1,), ("arm64", "amd64")):
        app = elf_file(ElfSpec(target=target, payload=noise(number, 99) + snapshot(find_target(made_for))))
        found = look(tmp_path / made_for, {"app": app, "libengine.so": engine("arm64")})
        assert found.verdict is (Severity.OK if made_for == "arm64" else Severity.FAIL)


def test_a_whole_program_still_vouches_for_itself(tmp_path: Path) -> None:
    found = look(tmp_path, {"app": program("arm64"), "libengine.so": engine("amd64")})
    assert found.verdict is Severity.OK
