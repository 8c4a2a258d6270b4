"""What stands in OUT_DIR, and under which name it speaks of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.model.execution import ExecResult, ExecutorIdentity
from pipeline.snapshots import out_dirs

IDENTITY = ExecutorIdentity(name="here", version="1", cpu_model="any", emulated=False)


def result(seen_as: Path | str | None, stdout: bytes) -> ExecResult:
    return ExecResult(
        exit_code=0, timed_out=False, duration_s=1.0, cpu_s=1.0, stdout=stdout, stderr=b"", executor=IDENTITY,
        replay="again", out_dir=None if seen_as is None else str(seen_as),
    )  # fmt: skip


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    return tmp_path / "here" / "out"


def test_what_an_earlier_run_left_is_gone_and_what_it_pointed_to_is_not(out_dir: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    (out_dir / "below/deeper").mkdir(parents=True)
    (out_dir / "below/deeper/old").write_text("old")
    (out_dir / "old").write_text("old")
    (out_dir / "link").symlink_to(kept)
    (out_dir / "broken").symlink_to("nowhere")
    out_dirs.empty(out_dir)
    assert list(out_dir.iterdir()) == []
    assert (kept / "file").read_text() == "mine"


def test_it_is_made_where_it_is_missing(out_dir: Path) -> None:
    out_dirs.empty(out_dir)
    assert out_dir.is_dir()


def test_filling_puts_names_of_another_out_dir_right_in_text_only(out_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "below/nothing").mkdir(parents=True)
    (source / "below/a.rs").write_text('include!("/far/out/b.rs"); // /far/out')
    (source / "heap").write_bytes(b"\0/far/out\0")
    (source / "latin").write_bytes(b"/far/out \xff")
    (source / "run").write_text("no name in it")
    (source / "run").chmod(0o755)
    (out_dir / "old").mkdir(parents=True)
    out_dirs.fill(out_dir, source, "/far/out")
    found = {path.relative_to(out_dir).as_posix(): path for path in out_dir.rglob("*")}
    assert sorted(found) == ["below", "below/a.rs", "below/nothing", "heap", "latin", "run"]
    assert found["below/a.rs"].read_text() == f'include!("{out_dir}/b.rs"); // {out_dir}'
    assert found["heap"].read_bytes() == b"\0/far/out\0"
    assert found["latin"].read_bytes() == b"/far/out \xff"
    assert found["run"].stat().st_mode & 0o777 == 0o755
    out_dirs.fill(out_dir, source)
    assert (out_dir / "below/a.rs").read_text() == 'include!("/far/out/b.rs"); // /far/out'


def test_directives_and_text_of_a_program_that_saw_another_out_dir(out_dir: Path) -> None:
    (out_dir / "below").mkdir(parents=True)
    (out_dir / "below/a.rs").write_text("in /far/out")
    (out_dir / "heap").write_bytes(b"\0/far/out\0")
    said = b"cargo:rustc-env=BLOB=/far/out/heap\ncargo:rerun-if-changed=/far/out\n"
    assert out_dirs.renamed(out_dir, result("/far/out", said)).decode() == (
        f"cargo:rustc-env=BLOB={out_dir}/heap\ncargo:rerun-if-changed={out_dir}\n"
    )
    assert (out_dir / "below/a.rs").read_text() == f"in {out_dir}"
    assert (out_dir / "heap").read_bytes() == b"\0/far/out\0"


@pytest.mark.parametrize("seen", [False, True])
def test_a_program_that_saw_this_out_dir_is_taken_at_its_word(out_dir: Path, seen: bool) -> None:
    out_dir.mkdir(parents=True)
    (out_dir / "a.rs").write_text("in /far/out")
    assert out_dirs.renamed(out_dir, result(out_dir if seen else None, b"/far/out")) == b"/far/out"
    assert (out_dir / "a.rs").read_text() == "in /far/out"
