"""What an assembled release lacks: targets, runtimes, kinds, images and prebuilds that releases.toml implies."""

from __future__ import annotations

import tomllib

import pytest

from pipeline.errors import PublishError
from pipeline.model.images.released import ReleasedImage, ReleasedPlatform, ReleasedTag
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildFile, PrebuildKind
from pipeline.model.prebuilds.released import ReleasedPrebuilds
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.gate import PRODUCT_KINDS, check_whole
from pipeline.model.releases.manifest import Product, ReleaseManifest
from pipeline.model.spec.reader import parse_spec
from pipeline.model.spec.tables import Spec
from pipeline.model.target import find_target

SHA = "0" * 64
DIGEST = f"sha256:{SHA}"
PAIRS = [("app", "arm64"), ("app", "amd64")]
PLACES = ("ghcr.io/owner/app", "docker.io/owner/app")
SPEC = """
schema = 1
[runtimes.app]
source = { kind = "path", path = "." }
targets = ["arm64", "amd64"]
"""
IMAGE = """
[runtimes.app.image]
variants = ["debian", "scratch"]
"""
RECIPE = """
[prebuilds.addon]
kind = "node-addon"
targets = ["amd64", "arm64"]
source = { kind = "npm", package = "@scope/addon", version = "1.0.0" }
"""


def spec(*parts: str) -> Spec:
    return parse_spec(tomllib.loads("".join((SPEC, *parts))), file_name="releases.toml")


def product(target: str, kinds: tuple[AssetKind, ...] = PRODUCT_KINDS) -> Product:
    assets = tuple(
        Asset(name=f"app-1.0.0-linux-{target}.{kind.value}", kind=kind, size_bytes=1, sha256=SHA) for kind in kinds
    )
    return Product(
        name="app", version="1.0.0", target=target, rust_triple="t", vm_crate="v8", vm_crate_version="1",
        oci_platform=find_target(target).oci_platform, snapshots=(), subject_sha256=SHA, files=(), assets=assets,
    )  # fmt: skip


def image(variant: str, *places: str, targets: tuple[str, ...] = ("arm64", "amd64")) -> ReleasedImage:
    platforms = tuple(
        ReleasedPlatform(
            platform=find_target(name).oci_platform, target=name, digest=DIGEST, size_bytes=1, subject_sha256=SHA,
            place="/usr/bin",
        )
        for name in targets
    )  # fmt: skip
    tags = tuple(ReleasedTag(repository=place, tag=f"1.0.0-{variant}", digest=DIGEST) for place in places)
    return ReleasedImage(
        runtime="app", version="1.0.0", variant=variant, digest=DIGEST, platforms=platforms, tags=tags
    )  # fmt: skip


def prebuilds(*places: tuple[str, Libc], name: str = "@scope/addon") -> ReleasedPrebuilds:
    made = []
    for target, libc in places:
        path = f"prebuilds/linux-{find_target(target).node_arch}/addon.{libc.value}.node"
        made.append(
            Prebuild(
                kind=PrebuildKind.NODE_ADDON, name=name, platform="linux", arch=find_target(target).node_arch,
                libc=libc, node_api=8, path=path, target=target,
                files=(PrebuildFile(path=path, size_bytes=1, sha256=SHA),),
            )
        )  # fmt: skip
    return ReleasedPrebuilds(name=name, version="1.0.0", prebuilds=tuple(made), assets=())


def manifest(*products: Product, **parts: object) -> ReleaseManifest:
    empty = ReleaseManifest(schema_version=1, tag="v1", pipeline_version="1", source_date_epoch_s=0)
    return empty.model_copy(update={"products": products or (product("arm64"), product("amd64")), **parts})


def missing(made: ReleaseManifest, described: Spec) -> list[str]:
    try:
        check_whole(made, described, PAIRS)
    except PublishError as error:
        return error.details.splitlines()
    return []


def test_a_whole_release() -> None:
    assert missing(manifest(), spec()) == []


def test_every_target_and_kind_is_wanted() -> None:
    made = manifest(product("arm64", (AssetKind.ZIP, AssetKind.TAR, AssetKind.REPORT, AssetKind.SPDX)))
    with pytest.raises(PublishError) as caught:
        check_whole(made, spec(), PAIRS)
    assert str(caught.value) == (
        "app-[0-9]*-linux-amd64.zip: no such zip\n"
        "app for arm64: no build-info\n"
        "app for arm64: no cyclonedx\n\n"
        "error: the release is not whole (3 things missing)\n"
        "  usual cause: not everything was built, pushed to its registry, or given to `release assemble`\n"
        "  what to do:  build and push what is missing, and assemble the release again"
    )


def test_a_release_of_v8_alone_lacks_nothing() -> None:
    assert (
        missing(manifest(products=()), spec(IMAGE, f'repositories = ["{PLACES[0]}"]', RECIPE, "released = true")) == []
    )


def test_images_without_a_place_are_nobody_s_duty() -> None:
    assert missing(manifest(), spec(IMAGE)) == []


def test_images_with_a_place_belong_to_the_release() -> None:
    described = spec(IMAGE, f'repositories = ["{PLACES[0]}", "{PLACES[1]}"]')
    assert missing(manifest(), described) == ["app: no image debian", "app: no image scratch"]
    some = manifest(images=(image("debian", *PLACES), image("scratch", PLACES[1])))
    assert missing(some, described) == [f"app: the image scratch was not pushed to {PLACES[0]}"]
    assert missing(manifest(images=(image("debian", *PLACES), image("scratch", *PLACES))), described) == []


def test_one_variant_asks_for_the_others() -> None:
    assert missing(manifest(images=(image("debian", "127.0.0.1:5000/app"),)), spec(IMAGE)) == ["app: no image scratch"]


def test_an_image_must_have_been_pushed_and_have_every_platform() -> None:
    made = manifest(images=(image("debian"), image("scratch", "127.0.0.1:5000/app", targets=("arm64",))))
    assert missing(made, spec(IMAGE)) == [
        "app: the image debian was not pushed to a registry",
        "app: the image scratch is not for amd64",
    ]


def test_an_image_that_releases_toml_does_not_know() -> None:
    made = manifest(images=(image("debian"),))
    assert missing(made, spec()) == ["app: the image debian was not pushed to a registry"]


ALL = tuple((target, libc) for target in ("amd64", "arm64") for libc in Libc)


def test_a_recipe_that_belongs_to_every_release() -> None:
    described = spec(RECIPE, "released = true")
    assert missing(manifest(), described) == [
        f"addon: no prebuild for {target} with {libc.value}" for target, libc in ALL
    ]
    assert missing(manifest(prebuilds=(prebuilds(*ALL),)), described) == []


def test_prebuilds_are_whole_or_not_there() -> None:
    assert missing(manifest(), spec(RECIPE)) == []
    made = manifest(prebuilds=(prebuilds(*ALL[:3]),))
    assert missing(made, spec(RECIPE)) == ["addon: no prebuild for arm64 with musl"]


def test_the_index_of_a_product_is_no_recipe_s() -> None:
    described = spec(RECIPE.replace("prebuilds.addon", "prebuilds.app"))
    assert missing(manifest(prebuilds=(prebuilds(ALL[0], name="app"),)), described) == []
