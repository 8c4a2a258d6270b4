"""Tags: what a release moves, what a prerelease leaves alone, and what a newer release keeps."""

from __future__ import annotations

import pytest

from pipeline.errors import ImageError
from pipeline.images.tags import variant_tags, version_tags


@pytest.mark.parametrize(
    ("version", "published", "tags"),
    [
        ("1.2.3", (), ("1.2.3", "1.2", "1", "latest")),
        ("0.1.0", (), ("0.1.0", "0.1", "latest")),
        ("1.2.3-rc.1", (), ("1.2.3-rc.1",)),
        ("1.2.3+build.5", (), ("1.2.3_build.5",)),
        # An older line does not take what belongs to a newer one.
        ("1.2.3", ("1.2.2", "1.3.0"), ("1.2.3", "1.2", "latest")[:2]),
        ("1.2.3", ("2.0.0",), ("1.2.3", "1.2", "1")),
        ("1.2.3", ("1.2.4",), ("1.2.3",)),
        ("1.2.10", ("1.2.9",), ("1.2.10", "1.2", "1", "latest")),
        ("1.2.3", ("1.2.3",), ("1.2.3", "1.2", "1", "latest")),
        ("1.2.3", ("2.0.0-rc.1", "nightly"), ("1.2.3", "1.2", "1", "latest")),
    ],
)
def test_versions(version: str, published: tuple[str, ...], tags: tuple[str, ...]) -> None:
    assert version_tags(version, published) == tags


def test_variants() -> None:
    tags = version_tags("1.2.3")
    assert variant_tags(tags, "alpine", default="debian") == ("1.2.3-alpine", "1.2-alpine", "1-alpine", "alpine")
    assert variant_tags(tags, "debian", default="debian") == (
        "1.2.3", "1.2", "1", "latest", "1.2.3-debian", "1.2-debian", "1-debian", "debian",
    )  # fmt: skip


@pytest.mark.parametrize("version", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3 ", "1.2.3-", "1.2.3-" + "a" * 130])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(ImageError) as caught:
        version_tags(version)
    assert str(caught.value) == (
        f"error: {version!r} cannot be the version of an image\n"
        "  usual cause: it is not of the form 1.2.3 or 1.2.3-rc.1 (https://semver.org), or too long for a tag\n"
        "  what to do:  give the package such a version"
    )
