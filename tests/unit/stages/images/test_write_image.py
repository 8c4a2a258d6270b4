"""Images written without an engine, read back byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.images.base_layout import open_base
from pipeline.images.bases import platform_name
from pipeline.images.facts import make_facts
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import PathSource
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.releasing.builds import find_builds
from pipeline.stages.images import lay_out_image, write_image
from tests.unit.images.made import SPEC, base_layout, design, finished_build, sysroot


def written(tmp_path: Path, variant: str, base: Path | None = None, out: str = "layout") -> str:
    """Write an image of all builds in ``dist`` to *out*."""
    builds = find_builds([tmp_path / "dist"])
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})
    names = [build.subject.target for build in builds]
    context_dir = lay_out_image.run(
        lay_out_image.ContextInputs(
            designs=(design(variant),),
            builds=builds,
            sysroots={name: sysroot(tmp_path / f"sysroot-{name}", name) for name in names},
            context_dir=tmp_path / "context",
        ),
        context,
    )
    runtime = RuntimeSpec(source=PathSource(kind="path", path=tmp_path), image=SPEC)
    (tmp_path / out).mkdir()
    inputs = write_image.WriteInputs(
        design=design(variant),
        facts=make_facts(builds, runtime, revision="abc"),
        tag="1.0.0",
        context_dir=context_dir,
        base=open_base(base) if base else None,
        layout_dir=tmp_path / out,
    )
    return write_image.run(inputs, context)


def blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    """The content of a blob, whose size and digest are right."""
    content: bytes = (layout / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    assert (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") == (descriptor["size"], descriptor["digest"])
    return content


def images(layout: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Manifest and configuration of each platform."""
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    assert top["annotations"] == {"org.opencontainers.image.ref.name": "1.0.0"}
    found = {}
    for descriptor in json.loads(blob(layout, top))["manifests"]:
        manifest = json.loads(blob(layout, descriptor))
        config = json.loads(blob(layout, manifest["config"]))
        assert {key: config.get(key) for key in descriptor["platform"]} == descriptor["platform"]
        found[platform_name(descriptor["platform"])] = (manifest, config)
    return found


def layer(layout: Path, descriptor: dict[str, Any], diff_id: str) -> dict[str, tarfile.TarInfo]:
    raw = gzip.decompress(blob(layout, descriptor))
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == diff_id
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {info.name: info for info in archive}


def layers(layout: Path, manifest: dict[str, Any], config: dict[str, Any]) -> list[dict[str, tarfile.TarInfo]]:
    pairs = zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    return [layer(layout, *pair) for pair in pairs]


def test_an_image_without_a_base(tmp_path: Path) -> None:
    for name in ("arm64", "armhf"):
        finished_build(tmp_path / "dist", name)
    written(tmp_path, "scratch")
    found = images(tmp_path / "layout")
    assert sorted(found) == ["linux/arm/v7", "linux/arm64"]
    manifest, config = found["linux/arm64"]
    owned, around, libc, product = layers(tmp_path / "layout", manifest, config)
    assert [name for name, info in product.items() if not info.isdir()] == [
        "usr/bin/app", "usr/lib/app/app", "usr/lib/app/lib/libown.so.1", "usr/share/doc/app/app.spdx.json",
    ]  # fmt: skip
    assert (product["usr/bin/app"].issym(), product["usr/bin/app"].linkname) == (True, "../lib/app/app")
    assert product["usr/lib/app/app"].mode == 0o755
    assert list(around) == ["etc", "etc/group", "etc/nsswitch.conf", "etc/passwd", "home", "tmp"]
    assert [name for name, info in libc.items() if not info.isdir()] == [
        "lib/aarch64-linux-gnu/libc.so.6", "lib/aarch64-linux-gnu/libnss_dns.so.2", "lib/ld-linux-aarch64.so.1",
        "usr/share/doc/libc6/copyright",
    ]  # fmt: skip
    assert {(info.uid, info.gid, info.mtime) for info in product.values()} == {(0, 0, 315532800)}
    user = SPEC.user_id
    # Above another layer's directory stands the one of the uppermost: /home is root's.
    directories = {**owned, **around}
    assert {name: (info.uid, info.gid, info.mode) for name, info in directories.items() if info.isdir()} == {
        "data": (user, user, 0o755), "home": (0, 0, 0o755), "home/app": (user, user, 0o755), "etc": (0, 0, 0o755),
        "tmp": (0, 0, 0o1777),
    }  # fmt: skip
    assert config["created"] == "1980-01-01T00:00:00Z"
    assert config["config"]["Entrypoint"] == ["/usr/bin/app"]
    assert config["config"]["User"] == f"{user}:{user}"
    assert 'APP_DIR=/data/"$x"' in config["config"]["Env"]
    assert manifest["annotations"]["snapstitch.v8.version"] == "13.7.152.14"
    assert manifest["annotations"]["org.opencontainers.image.revision"] == "abc"


def test_an_image_on_a_base(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    base = base_layout(tmp_path / "base", ["linux/amd64", "linux/arm64/v8"])
    written(tmp_path, "debian", base)
    ((manifest, config),) = images(tmp_path / "layout").values()
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 6
    _base, _other, users, _owned, around, _product = layers(tmp_path / "layout", manifest, config)
    assert list(users) == ["etc", "etc/group", "etc/passwd"]
    # No C library.
    assert list(around) == ["home", "usr", "usr/local", "usr/local/bin", "usr/local/bin/docker-entrypoint.sh"]
    assert around["usr/local/bin/docker-entrypoint.sh"].mode == 0o755
    settings = config["config"]
    assert settings["Env"] == ["PATH=/bin", "LANG=C", 'APP_DIR=/data/"$x"']
    assert (settings["WorkingDir"], settings["Labels"]["of"]) == ("/work", "base")
    assert (settings["Entrypoint"], settings["Cmd"]) == (["docker-entrypoint.sh"], ["run", "it's"])


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    digests = [written(tmp_path, "scratch", out=out) for out in ("one", "two")]
    assert digests[0] == digests[1]
    assert fs.describe_tree(tmp_path / "one") == fs.describe_tree(tmp_path / "two")


def test_variants_share_the_product(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    base = base_layout(tmp_path / "base", ["linux/arm64"])
    written(tmp_path, "scratch", out="scratch")
    written(tmp_path, "alpine", base, out="alpine")
    last = [next(iter(images(tmp_path / out).values()))[0]["layers"][-1] for out in ("scratch", "alpine")]
    assert last[0] == last[1]


def test_a_variant_wants_its_base_or_none(tmp_path: Path) -> None:
    finished_build(tmp_path / "dist", "arm64")
    with pytest.raises(ImageError) as caught:
        written(tmp_path, "debian")
    assert str(caught.value) == (
        "error: the variant debian of app needs a base\n"
        "  usual cause: its images begin with debian:12-slim, which is in a registry\n"
        "  what to do:  give an OCI layout of it with --base-layout, or write the variant scratch"
    )
    with pytest.raises(ImageError) as caught:
        written(tmp_path, "scratch", base_layout(tmp_path / "base", ["linux/arm64"]), out="other")
    assert str(caught.value) == (
        "error: the variant scratch of app has no base\n"
        "  usual cause: that is what it means\n"
        "  what to do:  leave --base-layout out, or choose another --variant"
    )
