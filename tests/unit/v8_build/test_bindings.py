"""What the crate's build script asks of bindgen, read from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UnsupportedError
from pipeline.v8_build.bindings import bindgen_version, builder_options

SCRIPT = """
fn build_binding() {
  let args = args.split('\\0').collect::<Vec<_>>();
  let bindings = bindgen::Builder::default()
    .header("src/binding.hpp")
    .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
    .clang_args(["-x", "c++", "-std=c++20", "-Iv8/include", "-I."])
    .clang_args(args)
    .generate_cstr(true)
    .rustified_enum(".*UseCounterFeature")
    .bitfield_enum(".*(GCType)")
    .allowlist_item("v8__.*")
    .generate()
    .expect("Unable to generate bindings");
}
"""
LOCK = '[[package]]\nname = "{name}"\nversion = "{version}"\nsource = "registry+https://example.org/index"\n'


def test_the_builders_calls_become_options() -> None:
    options = builder_options(SCRIPT)
    assert options.header == "src/binding.hpp"
    assert options.flags == (
        *("--generate-cstr", "--rustified-enum", ".*UseCounterFeature"),
        *("--bitfield-enum", ".*(GCType)", "--allowlist-item", "v8__.*"),
    )
    assert options.clang_arguments == ("-x", "c++", "-std=c++20", "-Iv8/include", "-I.")


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("fn main() {}", "its build script does not use bindgen::Builder"),
        (SCRIPT.replace('"v8__.*"', "pattern"), "its build script gives bindgen `pattern`"),
        (SCRIPT.replace('.allowlist_item("v8__.*")', "// only these"), "its build script has `// only these`"),
        (SCRIPT.replace('"v8__.*"', '"a", "b"'), 'its build script gives bindgen `"a", "b"`'),
    ],
)
def test_what_is_not_understood_is_refused(script: str, cause: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        builder_options(script)
    assert str(error.value) == (
        "error: the declarations of V8 for Rust cannot be made for this target\n"
        f"  usual cause: {cause}\n"
        "  what to do:  use a target that the crate's gen directory has, or a version that was tried"
    )


def test_the_version_is_the_locks(tmp_path: Path) -> None:
    lock = tmp_path / "Cargo.lock"
    lock.write_text("version = 4\n" + LOCK.format(name="bindgen", version="0.71.1"))
    assert bindgen_version(tmp_path) == "0.71.1"
    lock.write_text("version = 4\n" + LOCK.format(name="bitflags", version="2.9.0"))
    with pytest.raises(UnsupportedError, match=r"its Cargo\.lock names no bindgen"):
        bindgen_version(tmp_path)
