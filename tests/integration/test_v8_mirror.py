"""The check of V8 archives on a real one of 121 MB, and on that one with other builtins grafted in."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pipeline.context import Context
from pipeline.elf.ar import ArReader
from pipeline.errors import V8ArchiveError
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import PrebuiltVm
from pipeline.model.target import find_target
from pipeline.rust import cargo
from pipeline.stages.building import provide_v8, toolbox
from pipeline.v8.archive_check import Verdict, check_archive

from .command import Cli

MIRROR = Path(__file__).parents[3] / "shared" / "v8-mirror"
ARCHIVE = MIRROR / "v137.2.1" / "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz"
SHA256 = "60763497196ebc25e75002c2031699a493bf40f97533283dd05906ad9a92d561"
SAMPLES = Path(__file__).parents[1] / "data" / "builtins"

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason="there is no V8 archive beside the repository")


def provide(tmp_path: Path, mirror: Path, target: str = "arm64") -> provide_v8.V8Provided:
    inputs = provide_v8.V8Inputs(
        provider=PrebuiltVm(kind="prebuilt", mirror=str(mirror)), version="137.2.1", target=find_target(target)
    )
    return provide_v8.run(inputs, Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={}))


def test_the_real_archive_matches() -> None:
    report = check_archive(ARCHIVE, find_target("arm64"))
    assert (report.verdict, report.object_count) == (Verdict.MATCH, 1819)
    assert (report.builtins_target, report.v8_version) == ("arm64", "13.7.152.14-rusty")


def test_the_real_archive_is_provided(tmp_path: Path) -> None:
    provided = provide(tmp_path, MIRROR)
    assert provided.archive_sha256 == SHA256
    assert len(provided.files) == 2


def test_builtins_of_another_architecture_in_the_real_archive_are_refused(tmp_path: Path) -> None:
    unpacked = bytearray(gzip.decompress(ARCHIVE.read_bytes()))
    start, size = builtins_range(bytes(unpacked))
    foreign = (SAMPLES / "amd64.bin").read_bytes()
    unpacked[start : start + size] = (foreign * (size // len(foreign) + 1))[:size]
    hybrid = tmp_path / "mirror" / ARCHIVE.relative_to(MIRROR)
    hybrid.parent.mkdir(parents=True)
    hybrid.write_bytes(gzip.compress(unpacked, 1))
    binding = "src_binding_release_aarch64-unknown-linux-gnu.rs"
    (hybrid.parent / binding).write_bytes((ARCHIVE.parent / binding).read_bytes())
    with pytest.raises(V8ArchiveError) as caught:
        provide(tmp_path, tmp_path / "mirror")
    assert "1819 of 1819 object files are ELF64 little-endian machine 183 (arm64)" in caught.value.details
    assert "the builtins in embedded.o, section .text are code of amd64" in caught.value.details


def builtins_range(archive: bytes) -> tuple[int, int]:
    for member in ArReader(io.BytesIO(archive), label="x").members():
        if member.info.name == "embedded.o":
            content = member.read(1 << 30)
            section = ELFFile(io.BytesIO(content)).get_section_by_name(".text")
            assert section is not None
            return archive.index(content) + section["sh_offset"], section["sh_size"]
    raise AssertionError("no embedded.o")


PROGRAM = """
fn main() {
    let platform = v8::new_default_platform(0, false).make_shared();
    v8::V8::initialize_platform(platform);
    v8::V8::initialize();
    let isolate = &mut v8::Isolate::new(Default::default());
    let scope = &mut v8::HandleScope::new(isolate);
    let context = v8::Context::new(scope, Default::default());
    let scope = &mut v8::ContextScope::new(scope, context);
    let code = v8::String::new(scope, "6 * 7").unwrap();
    let answer = v8::Script::compile(scope, code, None).unwrap().run(scope).unwrap();
    println!("{} {}", v8::V8::get_version(), answer.to_rust_string_lossy(scope));
}
"""


@pytest.mark.toolbox
@pytest.mark.network
@pytest.mark.slow
def test_the_unchanged_v8_crate_links_what_was_provided_and_runs(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text(PROGRAM)
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "uses-v8"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nv8 = "=137.2.1"\n'
        "[profile.dev.package.v8]\nopt-level = 1\n"  # V8's own advice: it miscompiles at 0
    )
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    target = find_target("arm64")
    toolchain = toolbox.run(toolbox.ToolboxInputs(target=target, mode="private"), context)
    env = cargo.environment(toolchain, context, provide(tmp_path, MIRROR).env)
    build = [str(toolchain.cargo), "build", "--quiet", "--target", target.rust_triple]
    subprocess.run(build, cwd=tmp_path, env=env, check=True)
    program = tmp_path / "target" / target.rust_triple / "debug" / "uses-v8"
    emulated = [str(toolchain.qemu), "-cpu", target.qemu_cpu, "-L", str(toolchain.sysroot), str(program)]
    assert (
        subprocess.run(emulated, env={}, capture_output=True, text=True, check=True).stdout == "13.7.152.14-rusty 42\n"
    )
