"""Patch files: their headers, which are for a version, and that each is for a runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SpecError
from pipeline.model.build import BuildRequest
from pipeline.model.spec.origins import GitSource, RegistrySource, Source
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.sources.patches import planned_patches, read_patches, require_directory, require_runtimes

ROOT = Path(__file__).parents[3]
DIFF = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-Package: not a header\n+y\n"


def add(directory: Path, name: str, header: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Subject: x\n{header}\n---\n{DIFF}")
    return path


def request(patches_dir: Path | None, source: Source) -> BuildRequest:
    return BuildRequest(
        name="app",
        runtime=RuntimeSpec(source=source),
        workspace_dir=None,
        targets=(),
        out_dir=Path("/out"),
        patches_dir=patches_dir,
    )


def test_headers_are_read_and_the_rest_is_not(tmp_path: Path) -> None:
    add(tmp_path, "b.patch", "Applies-To: >=2")
    add(tmp_path, "a.patch", "Applies-To: >=1, <2\nPackage: inner")
    add(tmp_path, "notes.txt", "")
    found = [(one.name, one.versions, one.package) for one in read_patches(tmp_path)]
    assert found == [("a.patch", ">=1, <2", "inner"), ("b.patch", ">=2", None)]


@pytest.mark.parametrize("directory", [None, Path("/nonexistent/patches")])
def test_no_directory_means_no_patches(directory: Path | None) -> None:
    assert read_patches(directory) == ()


@pytest.mark.parametrize("header", ["Package:", "Package: a b", "Package: a\nPackage: b"])
def test_a_package_must_be_one_name(tmp_path: Path, header: str) -> None:
    path = add(tmp_path, "a.patch", f"Applies-To: >=1\n{header}")
    with pytest.raises(SpecError) as caught:
        read_patches(tmp_path)
    assert str(caught.value) == (
        f"error: {path} does not say for which package it is\n"
        "  usual cause: its header has more than one line `Package:`, or one without the name of a package\n"
        "  what to do:  write one line such as `Package: some-crate`, or none for the runtime's source as a whole"
    )


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    add(tmp_path, "a.patch", "Applies-To: >=1")
    with pytest.raises(SpecError) as caught:
        read_patches(tmp_path)[0].is_for("latest")
    assert str(caught.value) == (
        "error: a.patch is for a range of versions, and 'latest' is no version\n"
        "  usual cause: the version does not look like 2.4.5\n"
        "  what to do:  correct the version in releases.toml, or build with --no-patches"
    )


def test_a_directory_for_no_runtime_is_refused(tmp_path: Path) -> None:
    for name in ("app", "ap"):
        add(tmp_path / name, "a.patch", "Applies-To: >=1")
    (tmp_path / "README.md").write_text("not a directory")
    require_runtimes(tmp_path, {"app", "ap", "other"})
    with pytest.raises(SpecError) as caught:
        require_runtimes(tmp_path, {"app", "other"})
    assert str(caught.value) == (
        f"error: {tmp_path / 'ap'} is for a runtime that does not exist; did you mean 'app'?\n"
        "  usual cause: the directory is misspelt, or the runtime was renamed in releases.toml\n"
        "  what to do:  name it after one of app, other"
    )


def test_a_directory_that_a_runtime_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "deno").mkdir()
    require_directory(tmp_path / "deno")
    with pytest.raises(SpecError) as caught:
        require_directory(tmp_path / "dneo")
    assert str(caught.value) == (
        f"error: there is no directory {tmp_path / 'dneo'}; did you mean 'deno'?\n"
        "  usual cause: `patches` in releases.toml is misspelt, or the file was copied without its patches\n"
        "  what to do:  name a directory that holds the patches, or build with --no-patches"
    )


def test_a_plan_names_what_is_applied(tmp_path: Path) -> None:
    add(tmp_path, "1.patch", "Applies-To: >=2, <3")
    add(tmp_path, "2.patch", "Applies-To: >=3")
    add(tmp_path, "3.patch", "Applies-To: >=2\nPackage: app")
    add(tmp_path, "4.patch", "Applies-To: >=0.3\nPackage: inner")
    published = RegistrySource(kind="registry", package="app", version="2.1.0")
    assert planned_patches(request(tmp_path, published)) == ("1.patch", "3.patch", "4.patch (if inner >=0.3)")
    committed = GitSource(kind="git", url="https://example.org/app.git", rev="0" * 40)
    assert planned_patches(request(tmp_path, committed))[0] == "1.patch (if >=2, <3)"
    assert planned_patches(request(None, published)) == ()


def test_of_the_own_patches_each_version_has_one_for_each_purpose() -> None:
    """Ranges that overlap would apply two patches for one thing; a gap would leave a version without."""
    patches = read_patches(ROOT / "patches" / "deno")
    versions = ("2.3.0", "2.4.5", "2.6.4", "2.6.5", "2.6.8", "2.6.9", "2.7.0", "2.7.12", "2.7.13", "2.8.3", "2.9.8")
    for version in versions:
        named = [one.name for one in patches if one.is_for(version)]
        wanted = ["upgrade"] if version == "2.9.8" else ["help", "upgrade"]
        assert [name.partition("-")[0] for name in named] == wanted, version
