"""From GN to a mirror, with GN, ninja and compilers that are shell scripts."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import CompileError, UnsupportedError
from pipeline.model.events import NullReporter
from pipeline.model.execution import ExecutorIdentity
from pipeline.model.target import find_target
from pipeline.model.toolchain import Tool, Toolchain
from pipeline.stages import compile_v8
from pipeline.stages.compile_v8 import CompileV8Inputs, CrateSource, GnTools
from pipeline.v8.names import V8Build, mirror_files
from pipeline.v8.recipe import V8Order

ARM64 = find_target("arm64")
TRIPLE = ARM64.rust_triple
BINDING = f"src_binding_release_{TRIPLE}.rs"
GN = '#!/bin/sh\necho gn >> "$0.log"\nmkdir -p "$4"\nfor a in "$@"; do echo "$a"; done > "$4/args"\n'
NINJA = """\
#!/bin/sh
echo ninja >> "$0.log"
[ -e "$0.broken" ] && { echo '[7/9] CXX'; echo 'FAILED: x.o'; exit 1; }
mkdir -p "$2/obj"
echo '[9/9] AR obj/librusty_v8.a'
printf '!<arch>\\n' > "$2/obj/librusty_v8.a"
"""


class Warnings(NullReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> CompileV8Inputs:
    sysroot, crate = tmp_path / "sysroot", tmp_path / "crate"
    library = sysroot / "usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.builtins-aarch64.a"
    library.parent.mkdir(parents=True)
    library.touch()
    (crate / "gen").mkdir(parents=True)
    (crate / "gen" / BINDING).write_text("pub fn v8__V8__GetVersion();\n")
    toolchain = Toolchain(
        target=ARM64,
        cargo=tmp_path / "cargo",
        env={},
        path_dirs=(tmp_path / "bin",),
        sysroot=sysroot,
        qemu=tmp_path / "qemu",
        qemu_version="7.2.22",
        patchelf=tmp_path / "patchelf",
        strip=tmp_path / "strip",
        tools=(Tool(name="clang", version="19.1.7", origin="private"),),
        digest="t" * 64,
    )
    tools = GnTools(
        gn=script(tmp_path / "gn", GN),
        ninja=script(tmp_path / "ninja", NINJA),
        python=Path("/usr/bin/python3"),
        gn_version="20250430",
        ninja_version="1.12.1",
    )
    return CompileV8Inputs(
        order=V8Order(version="137.3.0", target=ARM64),
        source=CrateSource(path=crate, sha256="c" * 64),
        toolchain=toolchain,
        tools=tools,
        run_prefix=("/bin/qemu-aarch64", "-L", str(sysroot)),
        executor=ExecutorIdentity(name="qemu", version="7.2.22", cpu_model="cortex-a72", emulated=True),
    )


def context(tmp_path: Path, reporter: NullReporter | None = None, jobs: int = 1) -> Context:
    environ = {"PATH": "/usr/bin:/bin"}
    return Context(cache_dir=tmp_path / "cache", reporter=reporter or NullReporter(), environ=environ, jobs=jobs)


def calls(tmp_path: Path, program: str) -> int:
    log = tmp_path / f"{program}.log"
    return len(log.read_text().splitlines()) if log.is_file() else 0


def test_a_mirror_that_prebuilt_takes(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    mirror = compile_v8.run(inputs, context(tmp_path))
    wanted = [file.relative_path for file in mirror_files(V8Build(version="137.3.0", triple=TRIPLE))]
    assert wanted == [f"v137.3.0/librusty_v8_release_{TRIPLE}.a.gz", f"v137.3.0/{BINDING}"]
    assert gzip.decompress((mirror / wanted[0]).read_bytes()) == b"!<arch>\n"
    assert (mirror / wanted[1]).read_text() == "pub fn v8__V8__GetVersion();\n"


def test_the_record(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    mirror = compile_v8.run(inputs, context(tmp_path))
    record = json.loads((mirror / f"v137.3.0/librusty_v8_release_{TRIPLE}.json").read_text())
    assert record["crate_sha256"] == "c" * 64
    assert record["unpacked_bytes"] == 8
    assert (record["executor"], record["emulated"]) == ("qemu 7.2.22, cortex-a72", True)
    assert [(tool["name"], tool["version"]) for tool in record["tools"]] == [
        ("clang", "19.1.7"), ("gn", "20250430"), ("ninja", "1.12.1"),
    ]  # fmt: skip
    assert [(run["target"], run["steps"], run["finished"]) for run in record["runs"]] == [("rusty_v8", 9, True)]
    assert 'target_cpu="arm64"' in record["gn_arguments"]


def test_the_crate_is_only_read(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    for path in (inputs.source.path / "gen", inputs.source.path):
        path.chmod(0o555)
    before = sorted(inputs.source.path.rglob("*"))
    compile_v8.run(inputs, context(tmp_path))
    assert sorted(inputs.source.path.rglob("*")) == before


def test_the_second_time_nothing_is_done(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    first = compile_v8.run(inputs, context(tmp_path))
    assert compile_v8.run(inputs, context(tmp_path)) == first
    assert (calls(tmp_path, "gn"), calls(tmp_path, "ninja")) == (1, 1)


def test_a_damaged_archive_is_made_again(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    mirror = compile_v8.run(inputs, context(tmp_path))
    archive = mirror / f"v137.3.0/librusty_v8_release_{TRIPLE}.a.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:10])
    compile_v8.run(inputs, context(tmp_path))
    assert archive.read_bytes() == whole


def test_a_failed_build_leaves_no_mirror_and_goes_on_in_the_same_place(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    (tmp_path / "ninja.broken").touch()
    with pytest.raises(CompileError, match="V8 cannot be compiled"):
        compile_v8.run(inputs, context(tmp_path))
    assert [path.name for path in (tmp_path / "cache/v8-built").iterdir() if path.is_dir()] == []
    (tmp_path / "ninja.broken").unlink()
    mirror = compile_v8.run(inputs, context(tmp_path))
    record = json.loads((mirror / f"v137.3.0/librusty_v8_release_{TRIPLE}.json").read_text())
    assert [(run["steps"], run["finished"]) for run in record["runs"]] == [(7, False), (9, True)]
    assert len(list((tmp_path / "cache/work").iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"order": V8Order(version="137.3.0", target=ARM64, extra_arguments=("symbol_level=1",))},
        {"source": CrateSource(path=Path("/"), sha256="d" * 64)},
    ],
)
def test_another_order_is_another_place(inputs: CompileV8Inputs, change: dict[str, object]) -> None:
    assert dataclasses.replace(inputs, **change).digest() != inputs.digest()  # type: ignore[arg-type]


def with_tools(inputs: CompileV8Inputs, *tools: Tool) -> CompileV8Inputs:
    return dataclasses.replace(inputs, toolchain=dataclasses.replace(inputs.toolchain, tools=tools, digest="u" * 64))


def test_another_rust_or_emulator_does_not_compile_v8_again(inputs: CompileV8Inputs) -> None:
    clang = inputs.toolchain.tools[0]
    other = with_tools(inputs, clang, Tool(name="rustc", version="1.99.0", origin="host"))
    assert dataclasses.replace(other, run_prefix=("/bin/other",)).digest() == inputs.digest()


@pytest.mark.parametrize("name", ["clang", "lld", "libc6-dev:arm64", "libclang-rt-19-dev:arm64"])
def test_another_compiler_or_c_library_does(inputs: CompileV8Inputs, name: str) -> None:
    one, two = (with_tools(inputs, Tool(name=name, version=version, origin="private")) for version in ("1.0", "1.1"))
    assert one.digest() != two.digest()


def test_an_untried_version_is_warned_of(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    untried = dataclasses.replace(inputs, order=V8Order(version="138.0.0", target=ARM64))
    reporter = Warnings()
    compile_v8.run(untried, context(tmp_path, reporter))
    compile_v8.run(inputs, context(tmp_path, reporter))
    assert reporter.said == ["V8 138.0.0 for arm64 was never compiled whole with this recipe"]


def test_a_crate_without_the_targets_declarations(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    armhf = dataclasses.replace(inputs, order=V8Order(version="137.3.0", target=find_target("armhf")))
    with pytest.raises(UnsupportedError) as error:
        compile_v8.run(armhf, context(tmp_path))
    assert str(error.value) == (
        "error: the v8 crate 137.3.0 has no src_binding_release_armv7-unknown-linux-gnueabihf.rs\n"
        f"  usual cause: its declarations for Rust are generated for other targets only ({BINDING})\n"
        "  what to do:  use a target that the crate's gen directory has, or give it bindgen"
    )
    assert calls(tmp_path, "gn") == 0


def test_a_target_that_the_crate_itself_rules_out(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    """V8 takes an hour before the compiler says so."""
    bindgen = script(tmp_path / "bindgen-1/bin/bindgen", "#!/bin/sh\n")
    order = V8Order(version="137.3.0", target=find_target("armhf"))
    with pytest.raises(UnsupportedError) as error:
        compile_v8.run(dataclasses.replace(inputs, order=order, bindgen=bindgen), context(tmp_path))
    assert str(error.value) == (
        "error: the v8 crate 137.3.0 cannot be compiled for armhf\n"
        "  usual cause: its src/binding.cc aligns objects to 16 bytes, and a 32-bit V8 allows 8 at most\n"
        "  what to do:  use the provider `system`; docs/v8-from-source.md says how far it goes"
    )
    assert calls(tmp_path, "gn") == 0


def test_ninja_that_makes_no_archive(tmp_path: Path, inputs: CompileV8Inputs) -> None:
    script(tmp_path / "ninja", "#!/bin/sh\n")
    with pytest.raises(CompileError, match=r"ninja made no librusty_v8\.a"):
        compile_v8.run(inputs, context(tmp_path))
