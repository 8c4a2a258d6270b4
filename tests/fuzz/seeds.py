"""Sound inputs to begin from: one of each kind and form."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import lzma
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from pipeline.model.target import TARGETS, find_target
from pipeline.v8.checksum import ChecksumKind
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.examine.inputs import program, snapshot, tar_bytes
from tests.unit.proof.products import make_product
from tests.unit.v8.blobs import BlobSpec, blob, code_objects, code_table


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield the reader's name and an input for it."""
    for target in TARGETS:
        sound = elf_file(ElfSpec(target=target, interpreter=target.interpreter, runpath="$ORIGIN/lib", soname="x"))
        yield from (("elf", sound), ("symbols", sound))
    with tempfile.TemporaryDirectory() as directory:
        yield "record", make_product(Path(directory)).record_path.read_bytes()
    small = BlobSpec(startup=b"s" * 40, read_only=b"r" * 40, context_0=b"c" * 40)
    for kind in ChecksumKind:
        yield "blob", blob(dataclasses.replace(small, layout="old", kind=kind)) * 2
        yield "blob", blob(dataclasses.replace(small, layout="new", kind=kind))
        yield "blob", blob(dataclasses.replace(small, layout="read-only first", kind=kind))
    yield "blob", snapshot(find_target("arm64")) + snapshot(find_target("arm64"), contexts=1)
    sizes = tuple(range(40, 1200, 4))
    yield "codes", code_objects(sizes, gap=0) + code_table(sizes)
    yield "text", json.dumps({"os": ["linux"], "cpu": ["arm64"], "libc": ["glibc"]}).encode()
    yield "text", b"app-1-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
    yield from (("file", content) for content in files())
    digest = "sha256:" + "0" * 64
    yield "layout", json.dumps({"manifests": [{"digest": digest, "platform": {"os": "linux"}}]}).encode()
    yield "layout", json.dumps({"layers": [{"digest": digest}], "config": {"digest": digest}}).encode()


def files() -> Iterator[bytes]:
    """Yield whole files of each kind that can be examined."""
    small = elf_file(ElfSpec(target=find_target("arm64")))
    yield program("arm64")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.writestr("bin/app", small)
            archive.writestr("x-1.dist-info/WHEEL", "Tag: py3-none-manylinux_2_17_aarch64")
        yield packed.getvalue()
    tar = tar_bytes({"package/package.json": b'{"os": ["linux"], "cpu": ["arm64"]}', "package/app": small}, {"l": "/x"})
    saved = tar_bytes({"manifest.json": b'[{"Config": "c.json", "Layers": ["l.tar"]}]', "c.json": b"{}", "l.tar": tar})
    yield from (tar, gzip.compress(tar), zstandard.compress(tar), lzma.compress(tar), saved)
