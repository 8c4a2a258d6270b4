"""Builds and indexes to make images from, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.images.design import Design, designs
from pipeline.images.oci import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, LayoutWriter
from pipeline.model.spec.images import ImageSpec
from pipeline.model.target import find_target
from pipeline.packing.tarball import TarMember, write_tar
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.releasing.finished import Sketch, write_build

SPEC = ImageSpec(
    variants=("debian", "alpine", "scratch"),
    env={"APP_DIR": '/data/"$x"'},
    directories=("/data",),
    user="app",
    commands=("run", "test"),
    command=("run", "it's"),
)


def design(variant: str, spec: ImageSpec = SPEC) -> Design:
    return next(design for design in designs("app", "app", spec) if design.variant == variant)


def index_json(platforms: Iterable[str]) -> str:
    keys = ("os", "architecture", "variant")
    parts = [dict(zip(keys, name.split("/"), strict=False)) for name in platforms]
    return json.dumps({"schemaVersion": 2, "manifests": [{"digest": "sha256:", "platform": part} for part in parts]})


def program(target: str, *, needed: tuple[str, ...] = ("libc.so.6",)) -> bytes:
    found = find_target(target)
    return elf_file(ElfSpec(target=found, interpreter=found.interpreter, needed=needed))


def library(target: str, name: str, *, needed: tuple[str, ...] = ()) -> bytes:
    return elf_file(ElfSpec(target=find_target(target), soname=name, needed=needed, versions=()))


def finished_build(dist: Path, target: str, *, program_for: str | None = None) -> Path:
    """A build of ``app`` with a library of its own."""
    contents = {
        "app": program(program_for or target, needed=("libc.so.6", "libown.so.1")),
        "lib/libown.so.1": library(target, "libown.so.1"),
    }
    return write_build(dist, Sketch(target=target, files=tuple(contents), contents=contents))


def sysroot(place: Path, target: str) -> Path:
    """A root with a loader and the libraries of the C library."""
    found = find_target(target)
    loader = Path(found.interpreter).name
    files = {
        f"lib/{found.gnu_triple}/libc.so.6": library(target, "libc.so.6", needed=(loader,)),
        f"lib/{found.gnu_triple}/libnss_dns.so.2": library(target, "libnss_dns.so.2"),
        f"lib/{found.gnu_triple}/libunused.so.1": library(target, "libunused.so.1"),
        f"lib/{found.gnu_triple}/{loader}": library(target, loader),
        found.interpreter.lstrip("/"): library(target, loader),
        "usr/share/doc/libc6/copyright": b"LGPL\n",
    }
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return place


def base_layout(place: Path, platforms: Iterable[str], files: Mapping[str, bytes] | None = None) -> Path:
    """An OCI layout of a base image: two layers, the second of which has an own ``etc/group``."""
    return base_layout_of(place, {name: files or {} for name in platforms})


def base_layout_of(place: Path, platforms: Mapping[str, Mapping[str, bytes]]) -> Path:
    """The same, with files of its own for each platform."""
    place.mkdir()
    writer = LayoutWriter(place)
    manifests = [_base_manifest(writer, place, name, files) for name, files in platforms.items()]
    image = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
    writer.finish(writer.add_json(image, INDEX_TYPE), "base")
    return place


def _base_manifest(writer: LayoutWriter, place: Path, name: str, files: Mapping[str, bytes]) -> dict[str, object]:
    platform = dict(zip(("os", "architecture", "variant"), name.split("/"), strict=False))
    lower = {"etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "etc/group": b"gone:x:7:\n", "bin/sh": b"#!"} | dict(files)
    diff_ids, layers = [], []
    for number, contents in enumerate((lower, {"./etc/group": b"root:x:0:"})):
        packed = [place / f"{number}.tar", place / f"{number}.tar.gz"]
        for path in packed:
            write_tar(path, [TarMember(name=key, content=value) for key, value in contents.items()])
        diff_ids.append(f"sha256:{fs.sha256_file(packed[0])}")
        packed[0].unlink()
        layers.append(writer.add_file(packed[1], "application/vnd.docker.image.rootfs.diff.tar.gzip").to_json())
    config = {
        **platform,
        "config": {"Env": ["PATH=/bin", "LANG=C"], "Labels": {"of": "base"}, "WorkingDir": "/work"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": "base"}, {"created_by": "base"}],
    }
    described = writer.add_json(config, CONFIG_TYPE)
    manifest = {"schemaVersion": 2, "config": described.to_json(), "layers": layers}
    return writer.add_json(manifest, MANIFEST_TYPE).to_json(platform=platform)
