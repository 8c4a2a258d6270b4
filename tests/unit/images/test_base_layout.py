"""Bases in OCI layouts: their platforms, their users, and layouts that are damaged or made to do harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ImageError
from pipeline.images.base_layout import base_image, open_base, with_user
from pipeline.images.oci import LAYER_TYPE
from tests.unit.images.made import base_layout

PASSWD, GROUP = "etc/passwd", "etc/group"


def test_what_an_image_begins_with(tmp_path: Path) -> None:
    base = open_base(base_layout(tmp_path / "base", ["linux/arm64/v8", "linux/arm/v7"]))
    assert sorted(base.manifests) == ["linux/arm/v7", "linux/arm64"]
    image = base_image(base, "linux/arm64")
    assert [layer.media_type for layer in image.layers] == [LAYER_TYPE, LAYER_TYPE]
    assert len(image.diff_ids) == 2
    assert image.settings["WorkingDir"] == "/work"
    index = json.loads((tmp_path / "base/index.json").read_text())
    assert base.digest == index["manifests"][0]["digest"]


def test_the_user_comes_beside_those_of_the_uppermost_layer(tmp_path: Path) -> None:
    image = base_image(open_base(base_layout(tmp_path / "base", ["linux/arm64"])), "linux/arm64")
    assert with_user(image, {PASSWD: "app:x:5:5::/:/bin/sh", GROUP: "app:x:5:"}) == {
        PASSWD: b"root:x:0:0::/root:/bin/sh\napp:x:5:5::/:/bin/sh\n",
        GROUP: b"root:x:0:\napp:x:5:\n",
    }


def test_a_file_that_a_layer_removes_is_gone(tmp_path: Path) -> None:
    files = {"etc/.wh.passwd": b""}
    image = base_image(open_base(base_layout(tmp_path / "base", ["linux/arm64"], files)), "linux/arm64")
    assert with_user(image, {PASSWD: "app:x:5:5::/:/bin/sh"}) == {PASSWD: b"app:x:5:5::/:/bin/sh\n"}


@pytest.mark.parametrize(("line", "known"), [("root:x:5:5::/:/bin/sh", "root"), ("app:x:0:0::/:/bin/sh", "root")])
def test_a_user_that_is_there_already(tmp_path: Path, line: str, known: str) -> None:
    image = base_image(open_base(base_layout(tmp_path / "base", ["linux/arm64"])), "linux/arm64")
    user, _, number = line.split(":")[:3]
    with pytest.raises(ImageError) as caught:
        with_user(image, {PASSWD: line})
    assert str(caught.value) == (
        f"error: the base's /etc/passwd has {known!r} with the number 0 already\n"
        f"  usual cause: the image is to have {user!r} with the number {number}\n"
        "  what to do:  choose another `user` or `user-id` in releases.toml"
    )


def test_a_platform_that_the_base_lacks(tmp_path: Path) -> None:
    base = open_base(base_layout(tmp_path / "base", ["linux/arm64"]))
    with pytest.raises(ImageError) as caught:
        base_image(base, "linux/s390x")
    assert str(caught.value) == (
        f"error: the base {tmp_path}/base has nothing for linux/s390x\n"
        "  usual cause: it is made for linux/arm64 only\n"
        "  what to do:  choose another base (`bases` in releases.toml), or leave the platform out with --target"
    )


def changed(place: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = place / "index.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda index: index.pop("manifests"), "manifests is not a list"),
        (lambda index: index["manifests"].append({}), "a descriptor without a SHA-256 digest: 'None'"),
        (
            lambda index: index["manifests"].append({"digest": "sha256:../../etc/passwd"}),
            "a descriptor without a SHA-256 digest: 'sha256:../../etc/passwd'",
        ),
        (
            lambda index: index["manifests"].append({"digest": f"sha256:{'0' * 64}"}),
            f"sha256:{'0' * 64} is missing",
        ),
    ],
)
def test_an_index_that_is_wrong(tmp_path: Path, change: Callable[[dict[str, Any]], object], why: str) -> None:
    place = base_layout(tmp_path / "base", ["linux/arm64"])
    changed(place, change)
    with pytest.raises(ImageError) as caught:
        open_base(place)
    assert str(caught.value) == (
        f"error: {place} is no base for an image: {why}\n"
        "  usual cause: it is no OCI layout, or was cut, altered, or written by something else than an image builder\n"
        "  what to do:  write it again, such as with `skopeo copy --all docker://IMAGE oci:DIR:base`"
    )


def test_a_blob_that_was_cut(tmp_path: Path) -> None:
    place = base_layout(tmp_path / "base", ["linux/arm64"])
    for path in (place / "blobs/sha256").iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(ImageError, match=f"sha256:{path.name} has another content than its digest says"):
            base_image(open_base(place), "linux/arm64")
        path.write_bytes(whole)
    base_image(open_base(place), "linux/arm64")


def test_what_is_no_layout(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"index.json cannot be read: No such file or directory"):
        open_base(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(ImageError, match=r"index.json cannot be read: Expecting property name"):
        open_base(tmp_path)
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(ImageError, match=r"index.json is not a JSON object"):
        open_base(tmp_path)
