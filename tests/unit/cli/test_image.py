"""``image``: Dockerfiles that are kept as they should be, and the plan of bake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.cli.main import main
from pipeline.model.target import find_target
from tests.unit.images.made import base_layout, finished_build, index_json, library

SPEC = """\
schema = 1
default-runtime = "app"
[runtimes.app]
source = { kind = "git", url = "https://example.org/app.git", rev = "0123456789012345678901234567890123456789" }
package = "app"
binaries = ["app"]
targets = ["arm64", "armhf"]
[runtimes.app.image]
repositories = ["registry.example.org/app"]
variants = ["debian", "scratch"]
licenses = "MIT"
[runtimes.none]
source = { kind = "path", path = "none" }
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "releases.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_dockerfiles_are_written_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [project / f"dockerfiles/app/{variant}.Dockerfile" for variant in ("debian", "scratch")]
    assert main(["image", "--write"]) == 0
    assert capsys.readouterr().out == "".join(f"{place}: written\n" for place in places)
    assert main(["image", "--write"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["image", "--check"]) == 0
    assert capsys.readouterr().out == "in order: 2 Dockerfiles, 0 bases\n"


def test_old_ones_of_ours_go_and_those_of_others_stay(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", "--write"])
    ours = project / "dockerfiles/app/alpine.Dockerfile"
    ours.write_text((project / "dockerfiles/app/scratch.Dockerfile").read_text())
    theirs = project / "dockerfiles/theirs.Dockerfile"
    theirs.write_text("FROM debian\n")
    capsys.readouterr()
    assert main(["image", "--write"]) == 0
    assert capsys.readouterr().out == f"{ours}: removed\n"
    assert (ours.exists(), theirs.exists()) == (False, True)


def test_a_stale_dockerfile(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", "--write"])
    (project / "dockerfiles/app/debian.Dockerfile").write_text("FROM debian\n")
    capsys.readouterr()
    assert main(["image", "--check"]) == 31
    assert capsys.readouterr().err == (
        "error: Dockerfiles are not what releases.toml asks for: app/debian.Dockerfile\n"
        f"  usual cause: releases.toml was changed, or a generated file in {project}/dockerfiles\n"
        "  what to do:  run `nox -s image -- --write` and commit what it writes\n"
    )


def test_a_run_on_the_targets_platform(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", "--write"])
    (project / "dockerfiles/mine.Dockerfile").write_text("FROM debian\nCOPY a /a\nRUN apt-get update\n")
    capsys.readouterr()
    assert main(["image", "--check"]) == 34
    assert capsys.readouterr().err == (
        "dockerfiles/mine.Dockerfile: line 3: RUN in stage '0', which is of the target's platform\n\n"
        "error: Dockerfiles run programs of the target once\n"
        "  usual cause: each RUN in such a stage is emulated: many times slower, and impossible without an emulator\n"
        "  what to do:  move it to a stage with --platform=${BUILDPLATFORM}, and copy what it makes\n"
    )


def test_a_base_that_lacks_a_platform(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", "--write"])
    (project / "debian.json").write_text(index_json(["linux/amd64", "linux/arm64/v8"]))
    capsys.readouterr()
    assert main(["image", "--check", "--base-index", "debian=debian.json"]) == 34
    assert "the base debian has nothing for linux/arm/v7\n" in capsys.readouterr().err
    assert main(["image", "--check", "--base-index", "debian=debian.json", "--target", "arm64"]) == 0
    assert capsys.readouterr().out == "in order: 2 Dockerfiles, 1 bases\n"


def baked(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert main(["image", "--print", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["group"] == {"default": {"targets": list(document["target"])}}
    targets: dict[str, dict[str, object]] = document["target"]
    return targets


def test_the_plan_of_bake(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("arm64", "armhf"):
        finished_build(project / "dist", target)
    (project / "debian.json").write_text(index_json(["linux/arm64/v8", "linux/arm/v7"]))
    targets = baked(capsys, "--base-index", "debian=debian.json", "--sbom-generator", "example.org/sbom:1")
    assert list(targets) == ["app-debian", "app-scratch"]
    debian, scratch = targets.values()
    digest = "sha256:" + fs.sha256_file(project / "debian.json")
    assert debian["platforms"] == ["linux/arm64", "linux/arm/v7"]
    assert debian["args"] == {"BASE": f"debian:12-slim@{digest}", "SOURCE_DATE_EPOCH": "315532800"}
    assert scratch["args"] == {"SOURCE_DATE_EPOCH": "315532800"}
    assert debian["tags"] == [
        f"registry.example.org/app:{tag}"
        for tag in ("1.0.0", "1.0", "1", "latest", "1.0.0-debian", "1.0-debian", "1-debian", "debian")
    ]
    assert scratch["tags"] == [
        f"registry.example.org/app:{tag}" for tag in ("1.0.0-scratch", "1.0-scratch", "1-scratch", "scratch")
    ]
    assert debian["labels"] == {
        "org.opencontainers.image.base.digest": digest,
        "org.opencontainers.image.base.name": "debian:12-slim",
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.revision": "0123456789012345678901234567890123456789",
        "org.opencontainers.image.source": "https://example.org/app.git",
        "org.opencontainers.image.title": "app",
        "org.opencontainers.image.version": "1.0.0",
    }
    annotations = debian["annotations"]
    assert isinstance(annotations, list)
    for place in ("index", "manifest"):
        assert f"{place}:org.opencontainers.image.version=1.0.0" in annotations
    assert f"manifest[linux/arm/v7]:snapstitch.snapshots=snap/snap.bin@sha256:{'a' * 64}" in annotations
    assert "manifest[linux/arm64]:snapstitch.glibc.floor=2.31" in annotations
    assert debian["attest"] == ["type=provenance,mode=max", "type=sbom,generator=example.org/sbom:1"]
    assert scratch["output"] == ["type=oci,dest=image/app-scratch.oci.tar"]
    assert debian["dockerfile"] == str(project / "dockerfiles/app/debian.Dockerfile")
    assert debian["context"] == "image/app"


def test_an_older_line_leaves_the_tags_of_the_newer_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_build(project / "dist", "arm64")
    targets = baked(capsys, "--target", "arm64", "--published", "1.1.0")
    assert targets["app-scratch"]["tags"] == [f"registry.example.org/app:{t}-scratch" for t in ("1.0.0", "1.0")]


def test_a_platform_without_a_build(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_build(project / "dist", "arm64")
    assert main(["image", "--print"]) == 34
    assert capsys.readouterr().err.endswith(
        "error: there is no finished build of app for armhf\n"
        "  usual cause: an image has all platforms of its runtime, or those that --target names\n"
        "  what to do:  build for them, too, or give --target for each one that is there\n"
    )


def test_a_runtime_without_images(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.is_dir()
    assert main(["image", "--print", "--runtime", "none"]) == 34
    assert capsys.readouterr().err == (
        "error: releases.toml describes no images of none\n"
        "  usual cause: it has no table for them\n"
        "  what to do:  add [runtimes.none.image]; docs/images.md describes it\n"
    )


def libc(target: str) -> dict[str, bytes]:
    """What a base has for programs of *target*."""
    loader = find_target(target).interpreter.lstrip("/")
    names = ("lib/libc.so.6", loader)
    return {name: library(target, Path(name).name) for name in names}


def test_a_layout_is_written_and_verified(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_build(project / "dist", "arm64")
    base_layout(project / "base", ["linux/arm64/v8"], libc("arm64"))
    options = ["--variant", "debian", "--base-layout", "base", "--target", "arm64"]
    assert main(["image", "--layout", "out", *options, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["tags"][:4] == ["1.0.0", "1.0", "1", "latest"]
    top = json.loads((project / "out/index.json").read_text())["manifests"]
    assert [item["digest"] for item in top] == [made["digest"]]
    base = json.loads((project / "base/index.json").read_text())["manifests"][0]["digest"]
    index = json.loads((project / "out/blobs/sha256" / made["digest"].removeprefix("sha256:")).read_text())
    assert index["annotations"]["org.opencontainers.image.base.digest"] == base
    assert main(["verify", "out"]) == 0
    # The same again: an image of ours is replaced.
    assert main(["image", "--layout", "out", *options]) == 0
    assert capsys.readouterr().out == f"{made['digest']}  {project}/out\n"


def test_an_image_that_lacks_a_library_is_not_kept(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_build(project / "dist", "arm64")
    base_layout(project / "base", ["linux/arm64"])
    options = ["--variant", "debian", "--base-layout", "base", "--target", "arm64"]
    assert main(["image", "--layout", "out", *options]) == 21
    assert capsys.readouterr().err.endswith(
        "  usual cause: a program in it is for another platform, or lacks a library that the base does not have\n"
        "  what to do:  see docs/verify.md for each check; the image was not kept\n"
    )
    assert sorted(path.name for path in project.iterdir() if "out" in path.name) == []


def test_a_variant_that_the_runtime_lacks(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.is_dir()
    assert main(["image", "--layout", "out", "--variant", "alpine"]) == 2
    assert capsys.readouterr().err == (
        "error: images of app have no variant 'alpine'\n"
        "  usual cause: releases.toml gives them these: debian, scratch\n"
        "  what to do:  choose one of them with --variant\n"
    )


@pytest.mark.parametrize(
    "arguments", [[], ["--check", "--write"], ["--check", "--print"], ["--write", "--context", "x"]]
)
def test_what_is_to_be_done(project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert project.is_dir()
    assert main(["image", *arguments]) == 2
    assert capsys.readouterr().err == (
        "error: what is to be done with images?\n"
        "  usual cause: --check, --write, --layout, --bake, --publish, --push, --toolchain-context, "
        "--print, --context: one is needed, and only the last two go together\n"
        "  what to do:  see `python -m pipeline image --help`\n"
    )


@pytest.mark.parametrize("value", ["debian", "scratch=debian.json", "ubuntu=debian.json", "=x"])
def test_a_base_of_no_variant(project: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    main(["image", "--write"])
    (project / "debian.json").write_text(index_json(["linux/arm64"]))
    capsys.readouterr()
    assert main(["image", "--check", "--base-index", value]) == 2
    assert "names no variant that has a base\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--check", "--resolve-bases"],
            (
                "error: bases cannot be looked up with --offline\n"
                "  usual cause: --offline was given\n"
                "  what to do:  give the index of each base with --base-index, or leave --resolve-bases out\n"
            ),
        ),
        (
            ["--layout", "out", "--variant", "debian", "--base-layout", "docker://registry.example.org/base:1"],
            (
                "error: registry.example.org/base:1 cannot be fetched with --offline\n"
                "  usual cause: --offline was given\n"
                "  what to do:  give --base-layout an OCI layout on disk, or leave --offline out\n"
            ),
        ),
    ],
)
def test_bases_without_a_network(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    finished_build(project / "dist", "arm64")
    main(["image", "--write"])
    capsys.readouterr()
    assert main(["--offline", "image", *arguments, "--target", "arm64"]) == 11
    assert capsys.readouterr().err == said


def test_bases_that_are_known_are_not_looked_up(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", "--write"])
    (project / "debian.json").write_text(index_json(["linux/arm64", "linux/arm/v7"]))
    capsys.readouterr()
    assert main(["--offline", "image", "--check", "--resolve-bases", "--base-index", "debian=debian.json"]) == 0
    assert capsys.readouterr().out == "in order: 2 Dockerfiles, 1 bases\n"


def test_an_executor_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "image").mkdir()
    words = ["--push", "debian=image", "--repository", "localhost/app", "--executor", "quemu"]
    assert main(["image", *words]) == 2
    assert "error: there is no executor 'quemu'\n" in capsys.readouterr().err


def test_the_dockerfiles_of_the_project_are_as_they_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    assert main(["image", "--check"]) == 0
