"""Builds and indexes to make images from, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.images.design import Design, designs
from pipeline.model.image_spec import ImageSpec
from pipeline.model.target import find_target
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
