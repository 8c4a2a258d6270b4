"""What buildx says when it fails, told so that people know what to do; the real one runs in tests/integration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ImageError
from pipeline.images.builder import Builder, read_builder
from pipeline.images.buildx import find_buildx


def program(directory: Path, text: str) -> dict[str, str]:
    path = directory / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("OCI exporter is not supported for the docker driver.", "the engine keeps images in its old store"),
        ("base:1: no match for platform in manifest: not found", "a base has nothing for one of the platforms"),
        ("exec /bin/sh: exec format error", "a RUN is for another CPU"),
        ("pull access denied, repository does not exist", "a registry refuses a base"),
        ("failed to resolve source metadata for base:1", "a base, or the image that writes bills of materials, cannot"),
        (
            "failed to solve: failed to push r.example/app: unexpected status: 401 Unauthorized",
            "the registry does not let",
        ),
        ("failed to solve: failed to push r.example/app: failed to do request: Head", "the registry is in trouble"),
        ("failed to receive status: rpc error: code = Unavailable desc = closing", "the builder ended"),
        ("something else", "see what it says above"),
    ],
)
def test_why_it_was_not_baked(tmp_path: Path, said: str, cause: str) -> None:
    env = program(tmp_path, f'case "$2" in bake) echo "ERROR: {said}" >&2; exit 1 ;; esac')
    lines: list[str] = []
    with pytest.raises(ImageError) as caught:
        find_buildx(env, None).bake(tmp_path / "x", tmp_path / "y", cwd=tmp_path, on_line=lines.append)
    assert caught.value.what == f"docker buildx bake: {said}"
    assert caught.value.cause.startswith(cause)
    assert lines == [f"ERROR: {said}"]


@pytest.mark.parametrize("written", ["", "{", "[]", '{"app-debian": {}}', '{"app": {"containerimage.digest": "1"}}'])
def test_metadata_that_is_none(tmp_path: Path, written: str) -> None:
    buildx = find_buildx(program(tmp_path, "exit 0"), None)
    if written:
        (tmp_path / "metadata").write_text(written)
    with pytest.raises(ImageError, match="buildx does not say what it made"):
        buildx.bake(tmp_path / "x", tmp_path / "metadata", cwd=tmp_path, on_line=print)


def test_an_engine_that_does_not_answer_is_told_from_a_builder_that_is_not_there(tmp_path: Path) -> None:
    env = program(tmp_path, 'case "$2" in inspect) echo "Error: Cannot connect to the Docker daemon"; exit 0 ;; esac')
    with pytest.raises(ImageError, match="the builder of images does not answer: Cannot connect"):
        find_buildx(env, None)


def test_metadata_of_what_a_builder_pushed(tmp_path: Path) -> None:
    """As BuildKit 0.17.3 wrote it after it had pushed by digest."""
    digest = "sha256:d6440c8b78b9395030de2bfd6706019372cbbde210068c6679e5ae545853ca92"
    metadata = {
        "pico-scratch": {
            "buildx.build.ref": "bk/bk0/qnv9jjxzffe01adnee3vuy72v",
            "containerimage.descriptor": {
                "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 974,
            },
            "containerimage.digest": digest,
            "image.name": "127.0.0.1:50727/two/pico",
        },
        "buildx.build.warnings": [],
    }  # fmt: skip
    (tmp_path / "metadata").write_text(json.dumps(metadata))
    buildx = find_buildx(program(tmp_path, "exit 0"), None)
    made = buildx.bake(tmp_path / "x", tmp_path / "metadata", cwd=tmp_path, on_line=print)
    assert made == {"pico-scratch": digest}


INSPECTED = """\
Name:          {name}
Driver:        {driver}
Last Activity: 2026-11-27 10:28:16 +0000 UTC

Nodes:
Name:             {name}0
Endpoint:         unix:///run/buildkit/buildkitd.sock
Status:           running
BuildKit version: v0.17.3
Platforms:        linux/amd64, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor: oci
"""


@pytest.mark.parametrize(
    ("driver", "pushes"), [("docker", False), ("remote", True), ("docker-container", True), ("kubernetes", True)]
)
def test_which_builders_push_by_digest(tmp_path: Path, driver: str, pushes: bool) -> None:
    """Told by what `docker buildx inspect` says of the builder that is named, once it runs."""
    said = tmp_path / "said"
    said.write_text(INSPECTED.format(name="own", driver=driver))
    env = program(tmp_path, f'echo "$@" >> {tmp_path}/asked; case "$2" in inspect) cat {said} ;; esac')
    assert find_buildx(env, "own").pushes_by_digest is pushes
    assert (tmp_path / "asked").read_text().splitlines() == ["buildx version", "buildx inspect --bootstrap own"]
    assert read_builder(said.read_text()) == Builder(name="own", driver=driver)


def test_a_builder_that_says_nothing_pushes_nothing() -> None:
    assert not read_builder("").pushes_by_digest
