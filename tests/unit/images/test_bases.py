"""Indexes of base images: platforms, digests, and files that are something else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.errors import ImageError
from pipeline.images.bases import check_platforms, read_index
from tests.unit.images.made import index_json

PLATFORMS = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8", "linux/s390x", "unknown/unknown")


def test_platforms_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(index_json(PLATFORMS))
    index = read_index(path, "debian")
    assert index.platforms == ("linux/amd64", "linux/arm/v7", "linux/arm64", "linux/s390x")
    assert index.digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    check_platforms(index, ["linux/arm64", "linux/arm/v7"])


def test_a_platform_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(index_json(("linux/amd64", "linux/arm/v5")))
    with pytest.raises(ImageError) as caught:
        check_platforms(read_index(path, "debian"), ["linux/amd64", "linux/arm/v7", "linux/arm64"])
    assert str(caught.value) == (
        "error: the base debian has nothing for linux/arm/v7, linux/arm64\n"
        "  usual cause: it is made for linux/amd64, linux/arm/v5 only\n"
        "  what to do:  choose another base (`bases` in releases.toml), or leave the platform out with --target"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[]", "it has no list of manifests"),
        ('{"schemaVersion": 2, "config": {}}', "it has no list of manifests"),
        ('{"manifests": {}}', "it has no list of manifests"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_what_is_no_index(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(ImageError) as caught:
        read_index(path, "debian")
    assert str(caught.value) == (
        f"error: {path} is not the index of an image: {why}\n"
        "  usual cause: an image for one platform has no index, or the file is something else\n"
        "  what to do:  write it with `docker buildx imagetools inspect --raw IMAGE > FILE`"
    )


def test_odd_descriptors_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"manifests": [7, {}, {"platform": []}, {"platform": {"os": 3}}]}))
    assert read_index(path, "debian").platforms == ("",)
