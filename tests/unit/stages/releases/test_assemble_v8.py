"""Releases of V8 from mirrors made here."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import ArchiveError, IntegrityError, PipelineError, ReleaseError, V8ArchiveError
from pipeline.fs import sha256_file
from pipeline.model.events import NullReporter
from pipeline.model.releases.manifest import V8Archive
from pipeline.model.target import find_target
from pipeline.stages.releases import assemble_v8
from tests.unit.v8.objects import archive, elf_object

SAMPLES = Path(__file__).parents[3] / "data" / "builtins"
ARCHIVE = "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz"
BINDING = "src_binding_release_aarch64-unknown-linux-gnu.rs"
RECORD = "librusty_v8_release_aarch64-unknown-linux-gnu.json"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    directory = tmp_path / "mirror" / "v137.2.1"
    directory.mkdir(parents=True)
    write_archive(directory / ARCHIVE)
    (directory / BINDING).write_text('extern "C" { pub fn v8__V8__Dispose() -> bool; }')
    return tmp_path / "mirror"


def write_archive(path: Path, *, builtins: str = "arm64", version: str = "13.7.152.14-rusty") -> None:
    target = find_target("arm64")
    content = archive(
        ("version.o", elf_object(target, version.encode() + b"\0", symbol="version")),
        ("embedded.o", elf_object(target, (SAMPLES / f"{builtins}.bin").read_bytes())),
    )
    path.write_bytes(gzip.compress(content, mtime=0))


def write_record(directory: Path, **digests: str) -> None:
    names = (ARCHIVE, BINDING)
    files = [{"name": n, "size_bytes": 1, "sha256": digests.get(n, sha256_file(directory / n))} for n in names]
    (directory / RECORD).write_text(
        json.dumps(
            {
                "crate_version": "137.2.1", "crate_sha256": "0", "target": "arm64",
                "rust_triple": "aarch64-unknown-linux-gnu", "features": [], "gn_arguments": [], "tools": [],
                "toolchain_digest": "0", "executor": "qemu", "emulated": True, "runs": [], "unpacked_bytes": 1,
                "files": files,
            }
        )
    )  # fmt: skip


def assembled(mirror: Path) -> tuple[V8Archive, ...]:
    release_dir = mirror.parent / "release"
    release_dir.mkdir(exist_ok=True)
    (source,) = assemble_v8.versions_in(mirror)
    context = Context(cache_dir=mirror.parent / "cache", reporter=NullReporter(), environ={})
    return assemble_v8.run(assemble_v8.AssembleV8Inputs(source=source, release_dir=release_dir), context)


def refused(kind: type[PipelineError], mirror: Path) -> str:
    with pytest.raises(kind) as caught:
        assembled(mirror)
    return caught.value.what


def test_archive_and_declarations(mirror: Path) -> None:
    (made,) = assembled(mirror)
    assert (made.crate_version, made.rust_triple) == ("137.2.1", "aarch64-unknown-linux-gnu")
    assert made.v8_version == "13.7.152.14-rusty"
    assert [(asset.name, asset.kind.value) for asset in made.assets] == [
        (ARCHIVE, "v8-archive"),
        (BINDING, "v8-binding"),
    ]
    for name in (ARCHIVE, BINDING):
        assert (mirror.parent / "release" / name).read_bytes() == (mirror / "v137.2.1" / name).read_bytes()


def test_the_record_travels(mirror: Path) -> None:
    write_record(mirror / "v137.2.1")
    (made,) = assembled(mirror)
    assert [asset.kind.value for asset in made.assets] == ["v8-archive", "v8-binding", "v8-record"]


def test_a_record_of_another_archive(mirror: Path) -> None:
    write_record(mirror / "v137.2.1", **{ARCHIVE: "0" * 64})
    assert refused(IntegrityError, mirror) == f"{mirror / 'v137.2.1' / ARCHIVE} is not what {RECORD} says"


def test_a_record_that_is_none(mirror: Path) -> None:
    (mirror / "v137.2.1" / RECORD).write_text("{}")
    assert refused(IntegrityError, mirror).startswith(f"{mirror / 'v137.2.1' / RECORD} is not the record of an archive")


def test_builtins_of_another_architecture(mirror: Path) -> None:
    write_archive(mirror / "v137.2.1" / ARCHIVE, builtins="amd64")
    assert refused(V8ArchiveError, mirror) == f"{mirror / 'v137.2.1' / ARCHIVE} is not V8 137.2.1 for arm64"


def test_another_version(mirror: Path) -> None:
    write_archive(mirror / "v137.2.1" / ARCHIVE, version="14.0.1.2")
    assert refused(V8ArchiveError, mirror) == f"{mirror / 'v137.2.1' / ARCHIVE} is not V8 137.2.1 for arm64"


def test_a_cut_archive(mirror: Path) -> None:
    path = mirror / "v137.2.1" / ARCHIVE
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveError):
        assembled(mirror)


def test_missing_declarations(mirror: Path) -> None:
    (mirror / "v137.2.1" / BINDING).unlink()
    assert refused(ReleaseError, mirror) == f"{mirror / 'v137.2.1'} lacks the declarations for Rust: {BINDING}"


def test_missing_archive(mirror: Path) -> None:
    (mirror / "v137.2.1" / ARCHIVE).unlink()
    assert refused(ReleaseError, mirror) == (
        f"{mirror / 'v137.2.1'} lacks an archive: librusty_v8_release_<triple>.a.gz"
    )


def test_another_system(mirror: Path) -> None:
    name = "librusty_v8_release_x86_64-apple-darwin.a.gz"
    write_archive(mirror / "v137.2.1" / name)
    assert refused(ReleaseError, mirror) == (
        f"{mirror / 'v137.2.1' / name} is for x86_64-apple-darwin, which is no target here"
    )


@pytest.mark.parametrize("name", ["mirror/v137.2.1", "nowhere"])
def test_a_directory_that_is_no_mirror(mirror: Path, name: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        assemble_v8.versions_in(mirror.parent / name)
    assert str(caught.value) == (
        f"error: {mirror.parent / name} holds no archives of V8\n"
        "  usual cause: the directory is no mirror, or a directory of one version in it\n"
        "  what to do:  give the directory in which v<version>/ lies, such as `python -m pipeline v8` fills"
    )
