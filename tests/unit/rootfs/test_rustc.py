"""``rustc`` of a root: command lines that are taken apart, changed and remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rootfs.rustc import Record, added_environment
from pipeline.rootfs.rustc_words import Invocation, Settings, as_told, for_the_root, native_library, native_words

HOST, TARGET = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
SETTINGS = Settings(
    "bin-dir=/.native/usr/bin\nsysroot=/.native/rust\nshown-sysroot=/usr\n"
    f"host={HOST}\ntarget={TARGET}\nhost-linker=/.native/rust/host-cc\n"
)


def library(deps: Path, name: str) -> str:
    """Write what is left of a library that was compiled for the root; return its path."""
    (deps / ".native").mkdir(parents=True, exist_ok=True)
    (deps / ".native" / f"{name}.record").write_bytes(b"")
    return str(deps / f"lib{name}.rlib")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-C", "opt-level=3", "-Copt-level=3"], [("-C", "opt-level=3"), ("-C", "opt-level=3")]),
        (["--crate-type", "lib", "--crate-type=rlib"], [("--crate-type", "lib"), ("--crate-type", "rlib")]),
        (["-Ldependency=/d", "-l", "static=z"], [("-L", "dependency=/d"), ("-l", "static=z")]),
        (["src/lib.rs", "-", "-vV", "--test"], [("src/lib.rs", None), ("-", None), ("-vV", None), ("--test", None)]),
        (["--cfg", 'feature="a=b"', "-W"], [("--cfg", 'feature="a=b"'), ("-W", "")]),
    ],
)
def test_command_lines_are_taken_apart(words: list[str], expected: list[tuple[str, str | None]]) -> None:
    assert Invocation(words).parts == expected


def test_words_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("--crate-name\nsyn\n-Cextra-filename=-1f\n--crate-type=lib\n")
    invocation = Invocation([f"@{tmp_path / 'words'}", "--out-dir", str(tmp_path)])
    assert (invocation.key, invocation.out_dir, invocation.crate_types) == ("syn-1f", str(tmp_path), {"lib"})
    assert Invocation(["--crate-name", "syn"]).key is None


def test_a_macro_is_compiled_for_this_machine_from_copies_of_what_it_uses(tmp_path: Path) -> None:
    syn = library(tmp_path, "syn-1f")
    words = [
        "--crate-name", "derive", "src/lib.rs", "--crate-type", "proc-macro", "--emit=dep-info,link",
        "-C", "prefer-dynamic", "-C", "linker=/usr/bin/cc", "-C", "target-cpu=neoverse-n1", "-C", "opt-level=1",
        "--out-dir", str(tmp_path), "-L", f"dependency={tmp_path}", "-L", "native=/build/out",
        "--extern", f"noprelude:syn={syn}", "--extern", f"other={tmp_path}/libother-2a.so", "--extern", "proc_macro",
    ]  # fmt: skip
    assert native_words(Invocation(words), SETTINGS, is_macro=True) == [
        "--crate-name=derive", "src/lib.rs", "--crate-type=proc-macro", "--emit=dep-info,link",
        "-C", "prefer-dynamic", "-C", "opt-level=1",
        f"--out-dir={tmp_path}", "-L", f"dependency={tmp_path}/.native", "-L", f"dependency={tmp_path}",
        f"--extern=noprelude:syn={tmp_path}/.native/libsyn-1f.rlib", f"--extern=other={tmp_path}/libother-2a.so",
        "--extern=proc_macro", "-C", "linker=/.native/rust/host-cc", "--sysroot=/.native/rust",
    ]  # fmt: skip


def test_a_copy_of_a_library_lies_beside_it(tmp_path: Path) -> None:
    library(tmp_path, "ident-3c")
    words = [
        "--crate-name=syn", "src/lib.rs", "--crate-type=lib", "--crate-type=cdylib", "--emit=dep-info,metadata,link",
        "--json=artifacts", "--cap-lints=warn", "-C", "incremental=/i", "-C", "extra-filename=-1f",
        f"--out-dir={tmp_path}", "--target", TARGET, f"--extern=ident={tmp_path}/libident-3c.rmeta",
    ]  # fmt: skip
    assert native_words(Invocation(words), SETTINGS, is_macro=False) == [
        "--crate-name=syn", "src/lib.rs", "-C", "extra-filename=-1f", f"--out-dir={tmp_path}/.native",
        f"--extern=ident={tmp_path}/.native/libident-3c.rlib",
        "--crate-type=rlib", "--emit=link", "--cap-lints=allow",
        "-C", "linker=/.native/rust/host-cc", "--sysroot=/.native/rust",
    ]  # fmt: skip


def test_what_was_not_written_down_has_no_copy(tmp_path: Path) -> None:
    known = library(tmp_path, "known-1")
    assert native_library(known) == f"{tmp_path}/.native/libknown-1.rlib"
    assert native_library(f"{tmp_path}/libunknown-1.rlib") is None
    assert native_library(f"{tmp_path}/libknown-1.so") is None


def test_what_names_no_target_is_for_the_root() -> None:
    for words in (["a.rs"], ["a.rs", "--sysroot", "/other"], ["a.rs", "--target=wasm32-wasip1"]):
        made = for_the_root(words, Invocation(words), SETTINGS)
        assert made[: len(words)] == words
        assert Invocation(made).values("--target") == [TARGET if "wasm" not in words[-1] else "wasm32-wasip1"]
        assert Invocation(made).values("--sysroot") == ["/other" if "/other" in words else "/.native/rust"]


def test_it_says_what_the_roots_own_compiler_says() -> None:
    assert as_told(f"rustc 1.96.0\nhost: {HOST}\nrelease: 1.96.0\n", SETTINGS) == (
        f"rustc 1.96.0\nhost: {TARGET}\nrelease: 1.96.0\n"
    )
    assert as_told("lib___.rlib\n/.native/rust\n", SETTINGS) == "lib___.rlib\n/usr\n"
    assert as_told(f"{HOST}\n", SETTINGS) == f"{TARGET}\n"
    assert as_told('target_arch="aarch64"\n', SETTINGS) == 'target_arch="aarch64"\n'


def test_records_keep_what_cargo_added_and_nothing_else() -> None:
    environ = {"OUT_DIR": "/out", "TOKEN": "secret", "PATH": "/bin:/more"}
    added = added_environment(environ, b"TOKEN=secret\0PATH=/bin\0")
    assert added == {"OUT_DIR": "/out", "PATH": "/bin:/more"}
    record = Record("/project", ["--cfg", "a\nb"], added)
    again = Record.from_bytes(record.to_bytes())
    assert (again.cwd, again.words, again.env) == ("/project", ["--cfg", "a\nb"], added)
    with pytest.raises(ValueError, match="0"):
        Record.from_bytes(b"0" + record.to_bytes()[1:])
