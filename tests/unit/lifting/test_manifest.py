"""Both forms of a manifest, text against text."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LiftError, WorkspaceError
from pipeline.lifting.manifest import (
    FeatureRestoration,
    GeneratorForm,
    ProductForm,
    generator_form,
    module_names,
    parse,
    product_form,
    takes_features_per_package,
)
from pipeline.model.analysis import PackageKey

FORM = GeneratorForm(binary="generator-p-1-0-0", library="empty_p_1_0_0", empty_library=Path("/w/empty.rs"))
STUB = ProductForm(stub=Path("/w/stub.rs"))

FULL = """\
[package]
name = "p"
version = "1.0.0"
edition = "2021"
build = "src/build/main.rs"
links = "p"
default-run = "tool"

[lib]
crate-type = ["cdylib"]
proc-macro = true

[[bin]]
name = "tool"

[[example]]
name = "shown"

[features]
default = ["fast"]
fast = ["dep:engine"]

[dependencies]
both = { version = "1", features = ["a"] }

[build-dependencies]
both = { version = "1", features = ["b"] }
engine = { package = "v8", version = "137", optional = true }

[dev-dependencies]
checked = "1"

[target.'cfg(unix)'.dependencies]
unix-only = "1"

[target.'cfg(unix)'.build-dependencies]
unix-build = "1"

[target.x86_64-pc-windows-msvc.dependencies]
windows-only = "1"

[lints]
workspace = true

[profile.release]
lto = true
"""


def generator(text: str, form: GeneratorForm = FORM) -> dict[str, Any]:
    return tomllib.loads(generator_form(text, form))


def product(text: str, form: ProductForm = STUB) -> dict[str, Any]:
    return tomllib.loads(product_form(text, form))


def test_generator_form_of_everything() -> None:
    assert generator(FULL) == {
        "package": {
            "name": "p",
            "version": "1.0.0",
            "edition": "2021",
            "build": False,
            "autobins": False,
            "autoexamples": False,
            "autotests": False,
            "autobenches": False,
        },
        "lib": {"name": "empty_p_1_0_0", "path": "/w/empty.rs", "test": False, "doctest": False},
        "bin": [{"name": "generator-p-1-0-0", "path": "src/build/main.rs", "test": False}],
        "features": {"default": ["fast"], "fast": ["dep:engine"]},
        "dependencies": {
            "both": {"version": "1", "features": ["b"]},
            "engine": {"package": "v8", "version": "137", "optional": True},
        },
        "dev-dependencies": {"checked": "1"},
        "target": {
            "cfg(any())": {"dependencies": {"both": {"version": "1", "features": ["a"]}}},
            "cfg(unix)": {"dependencies": {"unix-build": "1"}},
            "cfg(all(any(), unix))": {"dependencies": {"unix-only": "1"}},
            "x86_64-pc-windows-msvc": {},
            'cfg(all(any(), target = "x86_64-pc-windows-msvc"))': {"dependencies": {"windows-only": "1"}},
        },
        "profile": {"release": {"lto": True}},
    }


def test_product_form_changes_only_the_script_and_its_dependencies() -> None:
    expected = tomllib.loads(FULL)
    expected["package"]["build"] = "/w/stub.rs"
    both = expected.pop("build-dependencies")
    expected["target"]["cfg(any())"] = {"build-dependencies": both}
    unix = expected["target"]["cfg(unix)"].pop("build-dependencies")
    expected["target"]["cfg(all(any(), unix))"] = {"build-dependencies": unix}
    assert product(FULL) == expected


def test_a_script_without_a_word_in_the_manifest_is_build_rs() -> None:
    assert generator('[package]\nname = "p"\n')["bin"][0]["path"] == "build.rs"
    assert generator('[package]\nname = "p"\nbuild = true\n')["bin"][0]["path"] == "build.rs"


def test_old_spellings_are_understood() -> None:
    text = '[project]\nname = "p"\n[build_dependencies]\nv8 = "1"\n[dev_dependencies]\nd = "1"\n'
    form = generator(text)
    assert form["dependencies"] == {"v8": "1"}
    assert form["dev-dependencies"] == {"d": "1"}
    assert product(text)["target"] == {"cfg(any())": {"build-dependencies": {"v8": "1"}}}


def test_a_table_that_is_never_used_anyway_stays_apart() -> None:
    text = (
        '[package]\nname = "p"\n[dependencies]\na = "1"\n'
        '[target."cfg(any())".dependencies]\na = { version = "1", features = ["x"] }\n'
    )
    assert generator(text)["target"] == {
        "cfg(any())": {"dependencies": {"a": "1"}},
        "cfg(all(any(), any()))": {"dependencies": {"a": {"version": "1", "features": ["x"]}}},
    }


def test_features_are_restored_in_tables_that_are_in_force() -> None:
    restored = GeneratorForm(
        binary="b",
        library="l",
        empty_library=Path("/e.rs"),
        restorations=(
            FeatureRestoration(dependency="plain", features=("y", "x")),
            FeatureRestoration(dependency="table", features=("z",)),
            FeatureRestoration(dependency="inherited", features=("w",)),
        ),
    )
    text = (
        '[package]\nname = "p"\n[dependencies]\nplain = "0"\n[build-dependencies]\nplain = "1"\n'
        'inherited.workspace = true\n[target."cfg(unix)".build-dependencies]\n'
        'table = { path = "../t", features = ["a"] }\n'
    )
    form = generator(text, restored)
    assert form["dependencies"] == {
        "plain": {"version": "1", "features": ["x", "y"]},
        "inherited": {"workspace": True, "features": ["w"]},
    }
    assert form["target"]["cfg(unix)"]["dependencies"] == {"table": {"path": "../t", "features": ["a", "z"]}}
    assert form["target"]["cfg(any())"]["dependencies"] == {"plain": "0"}


def test_default_features_can_be_dropped() -> None:
    dropped = GeneratorForm(binary="b", library="l", empty_library=Path("/e.rs"), drop_default_feature=True)
    text = '[package]\nname = "p"\n[features]\ndefault = ["a"]\na = []\n'
    assert generator(text, dropped)["features"] == {"a": []}


def test_several_build_scripts_are_refused() -> None:
    with pytest.raises(LiftError) as caught:
        generator_form('[package]\nname = "p"\nbuild = ["a.rs", "b.rs"]\n', FORM)
    assert str(caught.value) == (
        "error: p does not have exactly one build script (build = ['a.rs', 'b.rs'])\n"
        "  usual cause: several build scripts in one package are an unstable feature of Cargo\n"
        "  what to do:  give the package one build script"
    )


def test_broken_toml_is_an_error_of_the_workspace() -> None:
    with pytest.raises(WorkspaceError) as caught:
        parse("[package\n")
    assert str(caught.value).startswith("error: a Cargo.toml is not valid TOML: ")
    assert str(caught.value).endswith(
        "\n  usual cause: a slip of the pen in the manifest"
        "\n  what to do:  correct the manifest until `cargo metadata` accepts it"
    )


def test_a_virtual_manifest_is_no_package() -> None:
    with pytest.raises(WorkspaceError) as caught:
        parse("[workspace]\n")
    assert str(caught.value) == (
        "error: a Cargo.toml has no [package] table\n"
        "  usual cause: it is the manifest of a virtual workspace\n"
        "  what to do:  name a package of the workspace"
    )


@pytest.mark.parametrize(
    ("text", "edition", "expected"),
    [
        ("[workspace]\n", None, False),
        ('[workspace]\nresolver = "1"\n', None, False),
        ('[workspace]\nresolver = "2"\n', None, True),
        ('[package]\nname = "p"\n', "2018", False),
        ('[package]\nname = "p"\n', "2021", True),
        ('[package]\nname = "p"\nresolver = "2"\n', "2018", True),
        ('[package]\nname = "p"\nresolver = "1"\n', "2021", False),
        ('[package]\nname = "p"\n[workspace]\nresolver = "3"\n', "2015", True),
    ],
)
def test_which_workspaces_take_features_per_package(text: str, edition: str | None, expected: bool) -> None:
    assert takes_features_per_package(text, edition) is expected


SHARING = """\
[package]
name = "p"
[dependencies]
plain = "1"
the-tool = "1"
same = { version = "1", features = ["a"] }
quiet = { version = "1", default-features = false }
optional = { version = "1", features = ["a"], optional = true }
other = { version = "1", package = "another", features = ["a"] }
[build-dependencies]
same = { version = "1", features = ["b"], default-features = false }
quiet = "1"
optional = "1"
other = "1"
[target.'cfg(unix)'.dependencies]
unix = "1"
[target.'cfg(unix)'.build-dependencies]
unix-script = "1"
"""


def test_a_generator_that_shares_crates_keeps_the_other_dependencies() -> None:
    form = dataclasses.replace(FORM, keep_dependencies=True, taken_names=frozenset({"the_tool"}))
    manifest = generator(SHARING, form)
    assert manifest["dependencies"] == {
        "plain": "1",
        "same": {"version": "1", "features": ["a", "b"]},
        "quiet": {"version": "1", "features": []},
        "optional": "1",
        "other": "1",
    }
    assert manifest["target"] == {
        "cfg(any())": {
            "dependencies": {
                "the-tool": "1",
                "same": {"version": "1", "features": ["a"]},
                "quiet": {"version": "1", "default-features": False},
                "optional": {"version": "1", "features": ["a"], "optional": True},
                "other": {"version": "1", "package": "another", "features": ["a"]},
            }
        },
        "cfg(unix)": {"dependencies": {"unix": "1", "unix-script": "1"}},
    }
    assert "build-dependencies" not in manifest


def test_modules_of_a_script() -> None:
    script = "mod shared;\npub(crate) mod r#type { mod inner; }\nfn main() { let modern = 1; }\n"
    assert module_names(script) == {"shared", "type", "inner"}


def test_a_restored_crate_is_added_where_the_manifest_has_none() -> None:
    crate = PackageKey(name="syn", version="2.0.87", source="registry+https://github.com/rust-lang/crates.io-index")
    restoration = FeatureRestoration(dependency="restored-syn-2-0-87", features=("fold",), added=crate)
    manifest = generator('[package]\nname = "p"\n', dataclasses.replace(FORM, restorations=(restoration,)))
    assert manifest["dependencies"] == {
        "restored-syn-2-0-87": {
            "package": "syn",
            "version": "=2.0.87",
            "default-features": False,
            "features": ["fold"],
        }
    }
