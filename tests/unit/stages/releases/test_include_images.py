"""Images as a release lists them: held against its products, and found in the journal of their push."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import ImageError, IntegrityError, RegistryError, ReleaseError
from pipeline.images.journal import Journal, TagMove, write_journal
from pipeline.model.events import NullReporter
from pipeline.model.images.released import ReleasedImage
from pipeline.model.releases.manifest import Product
from pipeline.packing.tarball import TarMember, write_tar
from pipeline.releasing.builds import find_builds
from pipeline.stages.releases import assemble, include_images
from pipeline.stages.releases.include_images import ImageInputs, NamedLayout
from tests.unit.images.made import base_layout, finished_build, program
from tests.unit.releasing.finished import Sketch, write_build
from tests.unit.stages.images.test_write_image import written

PLACES = ("127.0.0.1:5000/team/app", "127.0.0.1:5001/app")


def context(tmp_path: Path) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})


def products(tmp_path: Path, dist: str = "dist") -> tuple[Product, ...]:
    (tmp_path / f"release of {dist}").mkdir()
    return tuple(
        assemble.run(
            assemble.AssembleInputs(build=build, release_dir=tmp_path / f"release of {dist}"), context(tmp_path)
        )
        for build in find_builds([tmp_path / dist])
    )


def included(tmp_path: Path, *layouts: tuple[str, str], dist: str = "dist") -> tuple[ReleasedImage, ...]:
    """Include *layouts*, each a variant and the name of a file."""
    named = tuple(NamedLayout(runtime="app", variant=v, path=tmp_path / name) for v, name in layouts)  # type: ignore[arg-type]
    return include_images.run(ImageInputs(layouts=named, products=products(tmp_path, dist)), context(tmp_path))


def pushed(tmp_path: Path, digest: str, *, version: str = "1.0.0", moved: bool = True) -> None:
    """Write the journal of a push of the variant scratch to two registries."""
    moves = [
        TagMove(
            repository=place, tag=tag, immutable=tag.startswith("1.0.0"), before=None, after=after, moved=moved
        )
        for place in PLACES
        for tag, after in (
            ("1.0.0-scratch", digest), ("1.0.0", f"sha256:{'1' * 64}"), ("1.0-scratch", digest), ("scratch", digest),
        )
    ]  # fmt: skip
    write_journal(tmp_path / "app.push.json", Journal(schema=1, version=version, moves=tuple(moves)))


def test_an_image_is_listed_with_its_platforms_and_the_tags_of_its_version(tmp_path: Path) -> None:
    for target in ("arm64", "armhf"):
        finished_build(tmp_path / "dist", target)
    digest = written(tmp_path, "scratch")
    pushed(tmp_path, digest)
    (image,) = included(tmp_path, ("scratch", "layout"))
    assert (image.runtime, image.version, image.variant, image.digest) == ("app", "1.0.0", "scratch", digest)
    assert [(tag.repository, tag.tag, tag.digest) for tag in image.tags] == [
        (place, "1.0.0-scratch", digest) for place in PLACES
    ]
    (top,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    entries = json.loads((tmp_path / "layout/blobs/sha256" / top["digest"][7:]).read_text())["manifests"]
    assert [item.digest for item in image.platforms] == [entry["digest"] for entry in entries]
    arm64 = image.platforms[0]
    assert (arm64.platform, arm64.target, arm64.place) == ("linux/arm64", "arm64", "/usr/lib/app")
    manifest = json.loads((tmp_path / "layout/blobs/sha256" / arm64.digest[7:]).read_text())
    assert arm64.size_bytes == sum(part["size"] for part in (manifest["config"], *manifest["layers"]))


def test_a_tar_of_a_layout_with_a_base_before_any_push(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    written(tmp_path, "debian", base_layout(tmp_path / "base", ["linux/arm64"]))
    tree = tmp_path / "layout"
    names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
    write_tar(tmp_path / "app-debian.oci.tar", [TarMember(name=name, content=tree / name) for name in names])
    shutil.rmtree(tree)
    (image,) = included(tmp_path, ("debian", "app-debian.oci.tar"))
    assert (image.variant, image.tags) == ("debian", ())


def test_a_product_of_one_file_lies_in_usr_bin(tmp_path: Path) -> None:
    contents = {"app": program("arm64")}
    write_build(tmp_path / "dist", Sketch(files=("app",), contents=contents))
    written(tmp_path, "scratch")
    (image,) = included(tmp_path, ("scratch", "layout"))
    assert image.platforms[0].place == "/usr/bin"


def test_an_image_of_other_builds_is_refused(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    written(tmp_path, "scratch")
    contents = {"app": program("arm64"), "lib/libown.so.1": b"\x7fELF of another day"}
    write_build(tmp_path / "other", Sketch(files=tuple(contents), contents=contents))
    with pytest.raises(IntegrityError) as caught:
        included(tmp_path, ("scratch", "layout"), dist="other")
    assert str(caught.value) == (
        f"error: app:scratch={tmp_path}/layout does not hold the app of the release for arm64: "
        "usr/lib/app/app, usr/lib/app/lib/libown.so.1\n"
        "  usual cause: the image was made from other builds\n"
        "  what to do:  write it again from the builds of the release, and push that"
    )


def test_an_image_for_fewer_platforms_is_refused(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    written(tmp_path, "scratch")
    finished_build(tmp_path / "dist", "armhf")
    with pytest.raises(ReleaseError) as caught:
        included(tmp_path, ("scratch", "layout"))
    assert str(caught.value) == (
        f"error: app:scratch={tmp_path}/layout is no image of this release: it has linux/arm64, and the release has "
        "linux/arm/v7, linux/arm64\n"
        "  usual cause: another --dist than the image was made from, or a misspelt runtime\n"
        "  what to do:  give --image RUNTIME:VARIANT=LAYOUT with an image of these very builds"
    )


def test_a_runtime_that_the_release_has_not(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    layout = NamedLayout(runtime="other", variant="scratch", path=tmp_path / "layout")
    with pytest.raises(ReleaseError, match="is no image of this release: the release has no other\n"):
        include_images.run(ImageInputs(layouts=(layout,), products=products(tmp_path)), context(tmp_path))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"moved": False}, "it did not end"),
        ({"version": "0.9.0"}, "it is of app 0.9.0, and the release has 1.0.0"),
    ],
)
def test_a_push_of_something_else(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    finished_build(tmp_path / "dist", "arm64")
    pushed(tmp_path, written(tmp_path, "scratch"), **changes)  # type: ignore[arg-type]
    with pytest.raises(ReleaseError) as caught:
        included(tmp_path, ("scratch", "layout"))
    assert str(caught.value) == (
        f"error: the push of which {tmp_path}/app.push.json tells is not one of this release: {why}\n"
        "  usual cause: `image --push` was interrupted, or pushed an earlier version last\n"
        "  what to do:  run `image --push` again, and assemble then"
    )


def test_a_journal_that_is_none(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    written(tmp_path, "scratch")
    (tmp_path / "app.push.json").write_text("{}")
    with pytest.raises(RegistryError):
        included(tmp_path, ("scratch", "layout"))


def test_a_layout_that_was_changed(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    written(tmp_path, "scratch")
    largest = max((tmp_path / "layout/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    with pytest.raises(ImageError, match="has another content than its digest says"):
        included(tmp_path, ("scratch", "layout"))
