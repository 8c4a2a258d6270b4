"""From builds to releases and on to the next one, the way a person goes it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import zstandard

from pipeline.cli.main import main
from pipeline.model.releases.manifest import ReleaseManifest
from pipeline.releasing.directory import read_manifest
from tests.unit.releasing.finished import Sketch, content, write_build

OLD, NEW = Sketch(version="1.0.0"), Sketch(version="1.1.0")
SINGLE = ("app",)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assemble(tag: str, *options: str) -> ReleaseManifest:
    assert main(["release", "assemble", "--quiet", "--tag", tag, "--cache-dir", "cache", *options]) == 0
    return read_manifest(Path("release", tag, "release.json"))


def two_releases(files: tuple[str, ...]) -> ReleaseManifest:
    for sketch in (OLD, NEW):
        write_build(Path("dist", sketch.version).absolute(), Sketch(version=sketch.version, files=files))
    assemble("v1.0.0", "--dist", "dist/1.0.0")
    return assemble("v1.1.0", "--dist", "dist/1.1.0", "--previous", "release/v1.0.0")


def apply(*arguments: str) -> int:
    return main(["release", "apply-delta", "--quiet", "--cache-dir", "cache", *arguments])


def sums(directory: Path) -> str:
    ended = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=directory, capture_output=True, text=True, check=True
    )
    return ended.stdout


def test_a_release_is_whole(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_build(here / "dist")
    write_build(here / "dist", Sketch(target="amd64"))
    manifest = assemble("v1.2.3")
    names = [asset.name for asset in manifest.assets()]
    assert sorted([*names, "release.json", "SHA256SUMS"]) == sorted(
        path.name for path in Path("release/v1.2.3").iterdir()
    )
    assert sums(here / "release/v1.2.3").count(": OK\n") == len(names) + 1
    assert [(item.name, item.target) for item in manifest.products] == [("app", "amd64"), ("app", "arm64")]
    assert capsys.readouterr().out.splitlines()[0] == f"{here / 'release' / 'v1.2.3'}:"


def test_equal_builds_give_equal_releases(here: Path) -> None:
    write_build(here / "dist")
    assemble("v1.2.3")
    before = {path.name: path.read_bytes() for path in Path("release/v1.2.3").iterdir()}
    assemble("v1.2.3")
    assert {path.name: path.read_bytes() for path in Path("release/v1.2.3").iterdir()} == before


def test_notes_tell_what_there_is(here: Path) -> None:
    write_build(here / "dist")
    assemble("v1.2.3")
    text = Path("release/v1.2.3/RELEASE-NOTES.md").read_text()
    assert text.startswith("# v1.2.3\n\n")
    assert "| app 1.0.0 | arm64 | glibc 2.31 | 13.7.152.14 | 0.1 MB | 0.1 MB |\n" in text
    assert "$" not in text


def test_builds_that_do_not_fit_leave_no_release(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_build(here / "dist", OLD)
    write_build(here / "dist", NEW)
    assert main(["release", "assemble", "--quiet", "--tag", "v1", "--cache-dir", "cache"]) == 33
    assert capsys.readouterr().err == (
        "app for arm64 is there twice: version 1.0.0 and 1.1.0\n"
        "\n"
        "error: the builds are not of one release (1 differences)\n"
        "  usual cause: builds of several days or sources lie in the same directories\n"
        "  what to do:  build all targets from one source into an empty directory\n"
    )
    assert not Path("release").exists()


def test_a_failure_on_the_way_leaves_no_release(here: Path) -> None:
    files = {"files": ()}
    write_build(here / "dist", Sketch(changed=files))
    assert main(["release", "assemble", "--quiet", "--tag", "v1", "--cache-dir", "cache"]) == 12
    assert list(Path("release").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ([], "error: neither a tag nor a mirror is given"),
        (["--tag", "latest"], "error: 'latest' is not the tag of a release"),
        (["--tag", "v1", "--delta-limit", "3"], "error: invalid value for '--delta-limit'"),
        (["--tag", "v1"], "error: there is no finished build in "),
        (["--tag", "v1", "--previous", "nowhere"], "error: there is no "),
        (["--v8-mirror", "nowhere"], "error: "),
    ],
)
def test_mistakes(here: Path, capsys: pytest.CaptureFixture[str], options: list[str], what: str) -> None:
    if "--previous" in options:
        write_build(here / "dist")
    assert main(["release", "assemble", "--quiet", "--cache-dir", "cache", *options]) != 0
    assert capsys.readouterr().err.startswith(what)
    assert not Path("release").exists()


def test_a_delta_of_a_program_makes_the_new_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (delta,) = two_releases(SINGLE).products[0].deltas
    assert delta.asset.name.startswith("app-1.1.0-linux-arm64.from-1.0.0.")
    assert (delta.content.value, delta.old_tag, delta.old_version) == ("program", "v1.0.0", "1.0.0")
    assert delta.asset.size_bytes < 500
    (here / "old").write_bytes(content(Sketch(version="1.0.0"), "app"))
    (here / "old").chmod(0o755)
    capsys.readouterr()
    assert apply("old", f"release/v1.1.0/{delta.asset.name}", "new") == 0
    assert capsys.readouterr().out == f"{delta.new_sha256}  {here / 'new'}\n"
    assert (here / "new").read_bytes() == content(Sketch(version="1.1.0"), "app")
    assert os.access("new", os.X_OK)


def test_a_delta_of_several_files_leads_from_tar_to_tar(here: Path) -> None:
    (delta,) = two_releases(("app", "lib/libz.so.1")).products[0].deltas
    assert delta.content.value == "tar"
    assert apply("release/v1.0.0/app-1.0.0-linux-arm64.tar.zst", f"release/v1.1.0/{delta.asset.name}", "new.tar") == 0
    with zstandard.open("release/v1.1.0/app-1.1.0-linux-arm64.tar.zst") as packed:
        assert (here / "new.tar").read_bytes() == packed.read()


def test_no_delta_is_kept_that_does_not_pay(here: Path) -> None:
    for sketch in (OLD, NEW):
        write_build(here / "dist" / sketch.version, sketch)
    assemble("v1.0.0", "--dist", "dist/1.0.0")
    options = ("--dist", "dist/1.1.0", "--previous", "release/v1.0.0", "--delta-limit", "0.0001")
    assert assemble("v1.1.0", *options).products[0].deltas == ()
    assert not list(Path("release/v1.1.0").glob("*.from-*"))


def test_nothing_that_changed_gives_no_delta(here: Path) -> None:
    write_build(here / "dist")
    assemble("v1.0.0")
    assert assemble("v1.0.1", "--previous", "release/v1.0.0").products[0].deltas == ()


def test_a_changed_predecessor_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_releases(SINGLE)
    path = here / "release/v1.0.0/app-1.0.0-linux-arm64.tar.zst"
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    options = ["--tag", "v1.2.0", "--dist", "dist/1.1.0", "--previous", "release/v1.0.0", "--cache-dir", "cache"]
    assert main(["release", "assemble", "--quiet", *options]) == 12
    assert capsys.readouterr().err.startswith(f"error: {path} is not what the manifest says\n")
    assert not Path("release/v1.2.0").exists()


def test_a_manifest_cannot_lead_to_files_of_this_machine(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_releases(SINGLE)
    manifest = here / "release/v1.0.0/release.json"
    manifest.write_text(manifest.read_text().replace('"path": "app"', '"path": "/etc/hostname"'))
    options = ["--tag", "v1.2.0", "--dist", "dist/1.1.0", "--previous", "release/v1.0.0", "--cache-dir", "cache"]
    capsys.readouterr()
    assert main(["release", "assemble", "--quiet", *options]) == 0
    (delta,) = read_manifest(here / "release/v1.2.0/release.json").products[0].deltas
    assert delta.old_sha256 == hashlib.sha256(content(OLD, "app")).hexdigest()


def test_content_that_is_too_large_gets_no_delta(here: Path) -> None:
    two_releases(SINGLE)
    manifest = here / "release/v1.0.0/release.json"
    size = f'"size_bytes": {len(content(OLD, "app"))}'
    assert size in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(size, '"size_bytes": 2000000000'))
    options = ("--dist", "dist/1.1.0", "--previous", "release/v1.0.0")
    assert assemble("v1.2.0", *options).products[0].deltas == ()


def test_a_delta_is_applied_to_what_it_was_made_for_only(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (delta,) = two_releases(SINGLE).products[0].deltas
    (here / "old").write_bytes(content(Sketch(version="0.9.0"), "app"))
    capsys.readouterr()
    assert apply("old", f"release/v1.1.0/{delta.asset.name}", "new") == 12
    name = delta.asset.name
    assert capsys.readouterr().err == (
        f"error: {here / 'old'} is not the program of v1.0.0 (1.0.0)\n"
        f"  usual cause: {name} leads from exactly these bytes: another version, or a file that was changed\n"
        "  what to do:  take the delta from the version that you have, or the whole file of the release\n"
    )
    assert not Path("new").exists()


def test_a_delta_that_nobody_knows(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (delta,) = two_releases(SINGLE).products[0].deltas
    (here / "x.bsdiff").write_bytes(Path("release/v1.1.0", delta.asset.name).read_bytes())
    (here / "old").write_bytes(b"")
    capsys.readouterr()
    assert apply("old", "x.bsdiff", "new", "--manifest", "release/v1.1.0/release.json") == 33
    assert capsys.readouterr().err == (
        "error: the release v1.1.0 has no delta x.bsdiff\n"
        "  usual cause: the file was renamed, or is of another release\n"
        f"  what to do:  give one of those that it has: {delta.asset.name}\n"
    )


def test_releases_of_v8_have_tags_of_their_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_build(here / "dist")
    mirror = here / "mirror" / "v137.2.1"
    mirror.mkdir(parents=True)
    arguments = ["release", "assemble", "--quiet", "--v8-mirror", "mirror", "--tag", "v137.2.1"]
    assert main([*arguments, "--cache-dir", "cache"]) == 2
    assert capsys.readouterr().err.startswith("error: v137.2.1 is the tag of V8's own release\n")
    (mirror / "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz").write_bytes(gzip.compress(b"!<arch>\n"))
    (mirror / "src_binding_release_aarch64-unknown-linux-gnu.rs").write_text("v8__")
    assert main(["release", "assemble", "--json", "--v8-mirror", "mirror", "--cache-dir", "cache"]) == 0
    written = capsys.readouterr()
    (release,) = json.loads(written.out)["releases"]
    assert release["directory"] == str(here / "release" / "v137.2.1")
    assert sums(here / "release/v137.2.1").count(": OK\n") == 4
    # Nothing is in it that could be judged.
    assert "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz: the architecture is not certain: " in written.err
