"""Trees of packages for npm, in both styles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PrebuildError
from pipeline.model.spec.prebuilds import Edit, NpmOutput, Style
from pipeline.prebuilding.layout import read_manifest
from pipeline.prebuilding.npm_packages import NpmInputs, merged, write_packages
from tests.unit.prebuilding.prebuilds import collected, manifest_of

SOURCE = {
    "name": "bcrypt",
    "version": "6.0.0",
    "license": "MIT",
    "files": ["lib"],
    "scripts": {"install": "node-gyp rebuild", "test": "jest"},
    "optionalDependencies": {"other": "1.0.0"},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in ("lib/index.js", "prebuilds/linux-arm64/old.node", "build/Release/x.o", "node_modules/a/index.js"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("require('old');")
    (root / "package.json").write_text(json.dumps(SOURCE))
    (root / "LICENSE").write_text("MIT")
    return root


def inputs(tmp_path: Path, source: Path | None, **output: Any) -> NpmInputs:  # noqa: ANN401
    part = collected(tmp_path, arm64="musl", x64="glibc", ia32="")
    settings = NpmOutput.model_validate({"name": "@us/bcrypt"} | output)
    return NpmInputs(output=settings, source=source, manifest=manifest_of(part), files=part.files)


def package_json(tree: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((tree / "package.json").read_text())
    return value


def files(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())


def test_one_package_with_everything(tmp_path: Path, source: Path) -> None:
    (tree,) = write_packages(inputs(tmp_path, source), "one", tmp_path / "out")
    assert files(tree) == [
        "LICENSE", "lib/index.js", "package.json", "prebuilds/darwin-ia32/bcrypt.node",
        "prebuilds/linux-arm64/bcrypt.musl.node", "prebuilds/linux-x64/bcrypt.glibc.node", "prebuilds/manifest.json",
    ]  # fmt: skip
    facts = package_json(tree)
    assert (facts["name"], facts["version"], facts["files"]) == ("@us/bcrypt", "6.0.0", ["lib", "prebuilds"])
    assert facts["optionalDependencies"] == {"other": "1.0.0"}


def test_one_package_for_each_platform(tmp_path: Path, source: Path) -> None:
    main, darwin, musl, glibc = write_packages(inputs(tmp_path, source, version="6.0.1"), "split", tmp_path / "out")
    assert "prebuilds/linux-x64/bcrypt.glibc.node" not in files(main)
    names = ["@us/bcrypt-darwin-ia32", "@us/bcrypt-linux-arm64-musl", "@us/bcrypt-linux-x64-glibc"]
    assert package_json(main)["optionalDependencies"] == {"other": "1.0.0"} | dict.fromkeys(names, "6.0.1")
    assert [package_json(tree)["name"] for tree in (darwin, musl, glibc)] == names
    assert files(musl) == [
        "LICENSE",
        "package.json",
        "prebuilds/linux-arm64/bcrypt.musl.node",
        "prebuilds/manifest.json",
    ]
    facts = package_json(musl)
    assert (facts["os"], facts["cpu"], facts["libc"], facts["license"]) == (["linux"], ["arm64"], ["musl"], "MIT")
    assert "libc" not in package_json(darwin)
    manifest = read_manifest(main / "prebuilds/manifest.json")
    assert sorted(prebuild.npm_package or "" for prebuild in manifest.prebuilds) == names
    (own,) = read_manifest(musl / "prebuilds/manifest.json").prebuilds
    assert own.npm_package is None


def test_a_package_without_sources(tmp_path: Path) -> None:
    (tree,) = write_packages(inputs(tmp_path, None), "one", tmp_path / "out")
    assert package_json(tree) == {"name": "@us/bcrypt", "version": "6.0.0"}


def test_the_loader_travels_in_the_main_package(tmp_path: Path, source: Path) -> None:
    loader = tmp_path / "loader"
    loader.mkdir()
    (loader / "index.cjs").write_text("x")
    made = inputs(tmp_path, source)
    trees = write_packages(
        NpmInputs(output=made.output, source=source, manifest=made.manifest, files=made.files, loader=loader),
        "split", tmp_path / "out",
    )  # fmt: skip
    assert [(tree / "prebuilds/loader/index.cjs").exists() for tree in trees] == [True, False, False, False]


@pytest.mark.parametrize(("style", "text"), [("one", "require('new');"), ("split", "require('old');")])
def test_edits_of_one_style(tmp_path: Path, source: Path, style: Style, text: str) -> None:
    edit = Edit(style="one", file="lib/index.js", old="'old'", new="'new'")
    main, *_ = write_packages(inputs(tmp_path, source, edits=(edit,)), style, tmp_path / "out")
    assert (main / "lib/index.js").read_text() == text
    assert (source / "lib/index.js").read_text() == "require('old');"


@pytest.mark.parametrize(
    ("file", "old", "what"),
    [
        ("lib/index.js", "r", "lib/index.js of the package holds the text of an edit 2 times, not once: 'r'"),
        ("lib/index.js", "new", "lib/index.js of the package holds the text of an edit 0 times, not once: 'new'"),
        ("lib/none.js", "x", "lib/none.js of the package cannot be edited: it cannot be read"),
    ],
)
def test_edits_that_do_not_fit(tmp_path: Path, source: Path, file: str, old: str, what: str) -> None:
    edit = Edit(file=file, old=old, new="x")
    with pytest.raises(PrebuildError) as caught:
        write_packages(inputs(tmp_path, source, edits=(edit,)), "one", tmp_path / "out")
    assert caught.value.what == what


def test_package_json_is_merged(tmp_path: Path, source: Path) -> None:
    change = {"scripts": {"install": "node-gyp-build", "test": {}}, "files": {}, "bin": {"x": "y"}}
    (tree,) = write_packages(inputs(tmp_path, source, package_json=change), "one", tmp_path / "out")
    facts = package_json(tree)
    assert (facts["scripts"], facts["bin"]) == ({"install": "node-gyp-build"}, {"x": "y"})
    assert "files" not in facts


def test_merging_replaces_what_is_no_table() -> None:
    assert merged({"a": 1, "b": [1]}, {"a": {"c": 2}, "b": [2]}) == {"a": {"c": 2}, "b": [2]}
