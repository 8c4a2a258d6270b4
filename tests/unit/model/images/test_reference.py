"""Names of images in registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.model.images.reference import looks_like_reference, parse_reference, parse_repository

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "full", "version"),
    [
        ("debian", "docker.io/library/debian:latest", "latest"),
        ("team/app:1", "docker.io/team/app:1", "1"),
        ("index.docker.io/team/app", "docker.io/team/app:latest", "latest"),
        ("docker://a.example/app:1.2", "a.example/app:1.2", "1.2"),
        (str(Path("docker://a.example/app:1.2")), "a.example/app:1.2", "1.2"),
        ("localhost:5000/app", "localhost:5000/app:latest", "latest"),
        ("localhost/app:x", "localhost/app:x", "x"),
        (f"a.example:5/x/y@{DIGEST}", f"a.example:5/x/y@{DIGEST}", DIGEST),
        (f"a.example/x:1@{DIGEST}", f"a.example/x:1@{DIGEST}", DIGEST),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "latest"),
    ],
)
def test_a_reference(text: str, full: str, version: str) -> None:
    found = parse_reference(text)
    assert (str(found), found.version) == (full, version)


@pytest.mark.parametrize("text", ["", "A/B", "app:", "app@sha256:12", "a..b", "docker://", "x" * 600, "a/../b", "a b"])
def test_no_reference(text: str) -> None:
    with pytest.raises(UsageError, match="is not the name of an image"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("127.0.0.1:5000", True), ("[::1]:5000", True), ("a.example:80", False), ("10.0.0.1", False)],
)
def test_without_encryption_only_on_this_machine(host: str, is_here: bool) -> None:
    assert parse_reference(f"{host}/app").repository.is_here is is_here


def test_what_can_only_be_meant_as_one() -> None:
    assert [
        text
        for text in ("docker:/x", "app:1", f"a@{DIGEST}", "dist/app.zip", "app", "C:/x")
        if looks_like_reference(text)
    ] == ["docker:/x", "app:1", f"a@{DIGEST}"]


@pytest.mark.parametrize("text", ["a.example/app:1", "a.example/app:latest", f"a.example/app@{DIGEST}"])
def test_a_repository_has_no_tag(text: str) -> None:
    assert str(parse_repository("a.example/app")) == "a.example/app"
    with pytest.raises(UsageError, match="is an image, not a repository"):
        parse_repository(text)
