"""Providing V8 from mirrors made here: directories and a server on the loopback interface."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import ArchiveError, NetworkError, UnsupportedError, V8ArchiveError
from pipeline.fs import sha256_file
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import PrebuiltVm, SourceVm, SystemVm
from pipeline.model.target import Target, find_target
from pipeline.stages.building import provide_v8
from pipeline.stages.building.provide_v8 import V8Inputs
from tests.unit.v8.objects import archive, elf_object

SAMPLES = Path(__file__).parents[3] / "data" / "builtins"
ARM64 = find_target("arm64")
ARCHIVE = "v137.2.1/librusty_v8_release_aarch64-unknown-linux-gnu.a.gz"
BINDING = "v137.2.1/src_binding_release_aarch64-unknown-linux-gnu.rs"


class Warnings(NullReporter):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


def context(tmp_path: Path, *, offline: bool = False, reporter: NullReporter | None = None) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=reporter or NullReporter(), environ={}, offline=offline)


def v8(target: Target = ARM64, *, builtins: str = "arm64", version: str = "13.7.152.14-rusty") -> bytes:
    return archive(
        ("version.o", elf_object(target, version.encode() + b"\0", symbol="version")),
        ("embedded.o", elf_object(target, (SAMPLES / f"{builtins}.bin").read_bytes())),
    )


def make_mirror(root: Path, content: bytes, *, packed: bool = True) -> Path:
    (root / ARCHIVE).parent.mkdir(parents=True, exist_ok=True)
    (root / ARCHIVE).write_bytes(gzip.compress(content, mtime=0) if packed else content)
    (root / BINDING).write_text('extern "C" { pub fn v8__V8__Dispose() -> bool; }')
    return root


def inputs(mirror: Path | str) -> V8Inputs:
    return V8Inputs(provider=PrebuiltVm(kind="prebuilt", mirror=str(mirror)), version="137.2.1", target=ARM64)


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_directory_becomes_a_checked_copy_of_the_same_layout(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    provided = provide_v8.run(inputs(mirror), context(tmp_path))
    copy = Path(provided.env["RUSTY_V8_MIRROR"])
    assert set(provided.env) == {"RUSTY_V8_MIRROR"}
    assert copy.is_relative_to(tmp_path / "cache")
    assert [file.path.relative_to(copy).as_posix() for file in provided.files] == [ARCHIVE, BINDING]
    assert (copy / ARCHIVE).read_bytes() == (mirror / ARCHIVE).read_bytes()
    assert provided.archive_sha256 == sha256_file(mirror / ARCHIVE)
    assert provided.evidence[-1] == "V8 13.7.152.14-rusty"


def test_equal_content_has_one_place_and_other_content_another(tmp_path: Path) -> None:
    first = provide_v8.run(inputs(make_mirror(tmp_path / "a", v8())), context(tmp_path))
    again = provide_v8.run(inputs(make_mirror(tmp_path / "b", v8())), context(tmp_path))
    other = provide_v8.run(inputs(make_mirror(tmp_path / "a", v8(version="13.7.1.1"))), context(tmp_path))
    assert first.env == again.env
    assert first.evidence == again.evidence
    assert other.env != first.env


def test_a_copy_that_was_damaged_is_made_again(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    first = provide_v8.run(inputs(mirror), context(tmp_path))
    first.files[0].path.write_bytes(b"damaged")
    assert provide_v8.run(inputs(mirror), context(tmp_path)) == first
    assert first.files[0].path.read_bytes() == (mirror / ARCHIVE).read_bytes()


def test_an_unpacked_archive_serves_under_the_name_that_the_crate_asks_for(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8(), packed=False)
    (mirror / ARCHIVE).rename(mirror / ARCHIVE.removesuffix(".gz"))
    provided = provide_v8.run(inputs(mirror), context(tmp_path))
    assert provided.files[0].path.name.endswith(".a.gz")


def test_a_debug_build_is_asked_for_by_name_and_by_variable(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    for name in (ARCHIVE, BINDING):
        (mirror / name).rename(mirror / name.replace("_release_", "_debug_"))
    provided = provide_v8.run(dataclasses.replace(inputs(mirror), profile="debug"), context(tmp_path))
    assert provided.env["V8_FORCE_DEBUG"] == "1"
    assert provided.files[0].path.name.startswith("librusty_v8_debug_")


def test_a_mirror_without_the_files_lists_all_that_was_tried(tmp_path: Path) -> None:
    asked = dataclasses.replace(inputs(tmp_path), features=frozenset({"v8_enable_pointer_compression"}))
    with pytest.raises(V8ArchiveError) as caught:
        provide_v8.run(asked, context(tmp_path))
    prefix = f"    {tmp_path}/v137.2.1/"
    assert str(caught.value) == (
        "error: the mirror has no V8 for the v8 crate 137.2.1, aarch64-unknown-linux-gnu, release "
        "with v8_enable_pointer_compression; looked for\n"
        f"{prefix}librusty_v8_ptrcomp_release_aarch64-unknown-linux-gnu.a.gz\n"
        f"{prefix}librusty_v8_ptrcomp_release_aarch64-unknown-linux-gnu.a\n"
        f"{prefix}src_binding_ptrcomp_release_aarch64-unknown-linux-gnu.rs\n"
        "  usual cause: nobody built this combination of version, target, profile and features, "
        "or the mirror is another one\n"
        "  what to do:  name a mirror that has it (v8.mirror in releases.toml), "
        "or build V8 with the provider `source`"
    )


@pytest.mark.parametrize(
    ("content", "evidence"),
    [
        (v8(find_target("amd64"), builtins="amd64"), "0 of 2 object files are ELF64 little-endian machine 183 (arm64)"),
        (v8(builtins="amd64"), "2 of 2 object files are ELF64 little-endian machine 183 (arm64)"),
    ],
    ids=["objects", "builtins only"],
)
def test_another_architecture_is_refused_with_the_evidence(tmp_path: Path, content: bytes, evidence: str) -> None:
    mirror = make_mirror(tmp_path / "mirror", content)
    with pytest.raises(V8ArchiveError) as caught:
        provide_v8.run(inputs(mirror), context(tmp_path))
    assert caught.value.what == f"{mirror / ARCHIVE} is not V8 for arm64"
    assert caught.value.details.startswith(evidence)
    assert "the builtins in embedded.o, section .text are code of amd64" in caught.value.details
    assert not list((tmp_path / "cache" / "v8-mirror").glob("*/*"))


def test_another_version_is_refused(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8(version="14.0.365.3-rusty"))
    with pytest.raises(V8ArchiveError) as caught:
        provide_v8.run(inputs(mirror), context(tmp_path))
    assert str(caught.value) == (
        f"error: {mirror / ARCHIVE} is V8 14.0.365.3-rusty, but the v8 crate 137.2.1 needs V8 13.7\n"
        "  usual cause: the file was built from another version and stored under this name\n"
        "  what to do:  take the archive of v137.2.1 from its release, or build it with the provider `source`"
    )


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    os.truncate(mirror / ARCHIVE, 3000)
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        provide_v8.run(inputs(mirror), context(tmp_path))


def test_a_binding_that_is_none_is_refused(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    (mirror / BINDING).write_text("<html>")
    with pytest.raises(V8ArchiveError, match="declares no function of V8's binding"):
        provide_v8.run(inputs(mirror), context(tmp_path))


def test_an_archive_that_cannot_be_judged_is_taken_with_a_warning(tmp_path: Path) -> None:
    content = archive(("api.o", elf_object(ARM64, b"x", symbol="api")))
    reporter = Warnings()
    provide_v8.run(inputs(make_mirror(tmp_path / "mirror", content)), context(tmp_path, reporter=reporter))
    assert len(reporter.texts) == 1
    assert reporter.texts[0].endswith("no member holds V8's embedded builtins")


def test_a_mirror_behind_an_address_is_fetched_once(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    with served(mirror) as base:
        first = provide_v8.run(inputs(base), context(tmp_path))
    assert provide_v8.run(inputs(base), context(tmp_path, offline=True)) == first
    assert first.archive_sha256 == sha256_file(mirror / ARCHIVE)


def test_an_address_without_the_file_lists_what_was_tried(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8())
    (mirror / ARCHIVE).unlink()
    with served(mirror) as base, pytest.raises(V8ArchiveError) as caught:
        provide_v8.run(inputs(base), context(tmp_path))
    assert caught.value.what.endswith(f"looked for\n    {base}{ARCHIVE}")


def test_a_bad_archive_is_not_kept_for_the_next_run(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path / "mirror", v8(builtins="amd64"))
    with served(mirror) as base:
        with pytest.raises(V8ArchiveError):
            provide_v8.run(inputs(base), context(tmp_path))
        make_mirror(mirror, v8())
        assert provide_v8.run(inputs(base), context(tmp_path)).archive_sha256 == sha256_file(mirror / ARCHIVE)


def test_offline_and_not_there(tmp_path: Path) -> None:
    upstream = V8Inputs(provider=PrebuiltVm(kind="prebuilt"), version="0.93.0", target=ARM64)
    with pytest.raises(NetworkError) as caught:
        provide_v8.run(upstream, context(tmp_path, offline=True))
    assert str(caught.value) == (
        "error: offline, and these files are not in the cache:\n"
        "    https://github.com/denoland/rusty_v8/releases/download/v0.93.0/"
        "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz\n"
        "  usual cause: they were never fetched, or the cache is another one\n"
        "  what to do:  run once without --offline, or name a directory as v8.mirror in releases.toml"
    )


def test_the_systems_v8_needs_nothing(tmp_path: Path) -> None:
    provided = provide_v8.run(
        V8Inputs(provider=SystemVm(kind="system"), version="1.0.0", target=ARM64), context(tmp_path)
    )
    assert (provided.env, provided.archive_sha256, provided.files) == ({}, None, ())


def test_v8_from_source_is_another_step(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="is to be built from source"):
        provide_v8.run(V8Inputs(provider=SourceVm(kind="source"), version="137.2.1", target=ARM64), context(tmp_path))
