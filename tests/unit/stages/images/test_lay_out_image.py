"""Build contexts, made of builds that are real in every byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.model.events import NullReporter
from pipeline.releasing.builds import find_builds
from pipeline.stages.images import lay_out_image
from tests.unit.images.made import design, finished_build, sysroot


def laid_out(tmp_path: Path, *targets: str, inits: dict[str, dict[str, Path]] | None = None) -> Path:
    roots = {name: sysroot(tmp_path / f"sysroot-{name}", name) for name in targets}
    inputs = lay_out_image.ContextInputs(
        designs=(design("debian"), design("scratch")),
        builds=find_builds([tmp_path / "dist"]),
        sysroots=roots,
        context_dir=tmp_path / "image",
        inits=inits or {},
    )
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})
    return lay_out_image.run(inputs, context)


def test_everything_that_dockerfiles_copy(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    finished_build(tmp_path / "dist", "armhf")
    made = laid_out(tmp_path, "arm64", "armhf")
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if not path.is_dir()}
    assert files == {
        fs.SENTINEL_NAME,
        "common/usr/local/bin/docker-entrypoint.sh",
        "scratch/etc/group", "scratch/etc/nsswitch.conf", "scratch/etc/passwd",
        "arm64/libc/lib/aarch64-linux-gnu/libc.so.6", "arm64/libc/lib/aarch64-linux-gnu/libnss_dns.so.2",
        "arm64/libc/lib/ld-linux-aarch64.so.1", "arm64/libc/usr/share/doc/libc6/copyright",
        "arm64/product/usr/bin/app", "arm64/product/usr/lib/app/app", "arm64/product/usr/lib/app/lib/libown.so.1",
        "arm64/product/usr/share/doc/app/app.spdx.json", "armv7/product/usr/share/doc/app/app.spdx.json",
        "armv7/libc/lib/arm-linux-gnueabihf/libc.so.6", "armv7/libc/lib/arm-linux-gnueabihf/libnss_dns.so.2",
        "armv7/libc/lib/ld-linux-armhf.so.3", "armv7/libc/usr/share/doc/libc6/copyright",
        "armv7/product/usr/bin/app", "armv7/product/usr/lib/app/app", "armv7/product/usr/lib/app/lib/libown.so.1",
    }  # fmt: skip
    owned = {path.relative_to(made).as_posix() for path in (made / "owned").rglob("*")}
    assert owned == {"owned/data", "owned/home", "owned/home/app"}
    modes = {path: path.stat().st_mode & 0o7777 for path in (made, *made.rglob("*")) if path.is_dir()}
    assert modes.pop(made / "scratch/tmp") == 0o1777
    assert set(modes.values()) == {0o755}
    assert (made / "common/usr/local/bin/docker-entrypoint.sh").stat().st_mode & 0o777 == 0o755


def test_process_1_lies_beside_the_program(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/tini").write_bytes(b"tini")
    (tree / "usr/bin/tini").chmod(0o755)
    made = laid_out(tmp_path, "arm64", inits={"arm64": {"usr/bin/tini": tree / "usr/bin/tini"}})
    placed = made / "arm64/product/usr/bin/tini"
    assert (placed.read_bytes(), placed.stat().st_mode & 0o777) == (b"tini", 0o755)
    assert (made / "arm64/product/usr/bin/app").is_symlink()


def test_times_tell_contents_apart_and_nothing_else(tmp_path: Path) -> None:
    """BuildKit takes a file for the one that it had under the name before, when size and time are the same."""
    finished_build(tmp_path / "dist", "arm64")
    made = laid_out(tmp_path, "arm64")
    times = {path: path.lstat().st_mtime_ns for path in made.rglob("*")}
    assert {time // 10**9 for time in times.values()} == {315_532_800}
    by_content = {time: path.read_bytes() for path, time in times.items() if path.is_file() and not path.is_symlink()}
    contents = {path.read_bytes() for path in times if path.is_file() and not path.is_symlink()}
    assert sorted(by_content.values()) == sorted(contents)
    laid_out(tmp_path, "arm64")
    assert {path: path.lstat().st_mtime_ns for path in made.rglob("*")} == times


def test_a_context_is_replaced_and_a_failure_leaves_it(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    made = laid_out(tmp_path, "arm64")
    (made / "old").touch()
    laid_out(tmp_path, "arm64")
    assert not (made / "old").exists()
    finished_build(tmp_path / "dist", "arm64", program_for="amd64")
    with pytest.raises(ImageError, match="app is for 64-bit little-endian amd64, and not for linux/arm64"):
        laid_out(tmp_path, "arm64")
    assert (made / "arm64/product/usr/bin/app").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
