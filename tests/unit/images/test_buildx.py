"""What buildx says when it fails, told so that people know what to do; the real one runs in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ImageError
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


@pytest.mark.parametrize("written", ["", "{", "[]"])
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
