"""Everything of the verifier that reads what others wrote, as functions of bytes that must never crash or hang."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline import record as build_record
from pipeline.context import Context
from pipeline.elf.policy import ElfPolicy, check_elf
from pipeline.elf.reader import read_elf_stream
from pipeline.elf.versions import symbols_of
from pipeline.errors import PipelineError
from pipeline.examine.checks import Expectations
from pipeline.examine.declared import by_package_json, by_wheel_name, target_named
from pipeline.model.events import NullReporter
from pipeline.model.target import TARGETS
from pipeline.stages import examine
from pipeline.v8.belonging import machine_code
from pipeline.v8.code_sizes import code_sizes, find_table, has_table
from pipeline.v8.consistency import compare, core_of
from pipeline.v8.leaks import find_leaks, sidecar_end
from pipeline.v8.magic import has_other_magic
from pipeline.v8.scan import find_blobs


def elf(data: bytes) -> None:
    """Read *data* as an ELF file, and check it against each target."""
    try:
        facts = read_elf_stream(io.BytesIO(data), name="input")
    except PipelineError:
        return
    for target in TARGETS:
        for complete in (False, True):
            check_elf(facts, ElfPolicy(target=target, complete=complete), "input")


def blob(data: bytes) -> None:
    """Look for snapshots in *data*, and compare each with each."""
    blobs = find_blobs(data)
    cores = [core_of(data, found) for found in blobs]
    machine_code(b"\x7fELF" + data, cores)
    for found in blobs:
        find_leaks(data, found.offset, sidecar_end(data, found))
    sound = [core for core in cores if core is not None]
    for first in sound:
        for second in sound:
            compare(first, second)


def codes(data: bytes) -> None:
    """Look for sizes of builtins in *data*, for their table, and for the magic number in machine code."""
    sizes = code_sizes(data)
    find_table(data, sizes)
    has_table(data)
    for target in ("amd64", "arm64"):
        has_other_magic(data, target, 0xC0DE0580)


def text(data: bytes) -> None:
    """Read *data* as names and descriptions."""
    name = data.decode("utf-8", errors="replace")
    target_named(name)
    by_wheel_name(name)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "package.json")
        path.write_bytes(data)
        by_package_json(path)


def record(data: bytes) -> None:
    """Read *data* as a build record, with and without its digests."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "app.build-info.json")
        path.write_bytes(data)
        for read in (build_record.read, build_record.read_unsealed):
            with contextlib.suppress(PipelineError):
                read(path)


def symbols(data: bytes) -> None:
    """Read the symbols that *data*, an ELF file, asks of each version of its libraries."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "app")
        path.write_bytes(data)
        symbols_of(path, frozenset({"GLIBC_2.17", "GLIBC_2.34", "GLIBCXX_3.4.30"}))


def file(data: bytes) -> None:
    """Examine *data* as a user would a file: whatever it is packed in."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "input.whl")
        path.write_bytes(data)
        _examine(path)


def layout(data: bytes) -> None:
    """Examine an OCI layout whose index, and whose only blob, is *data*."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "layout")
        blobs = root / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        (root / "oci-layout").touch()
        (root / "index.json").write_bytes(data)
        for name in ("0" * 64, hashlib.sha256(data).hexdigest()):
            (blobs / name).write_bytes(data)
        _examine(root)


def _examine(path: Path) -> None:
    context = Context(cache_dir=path.parent / "cache", reporter=NullReporter(), environ={})
    try:
        examine.run(examine.ExamineInputs(path=path, shown="input", expected=Expectations()), context)
    except PipelineError:
        return


READERS: Mapping[str, Callable[[bytes], None]] = {
    "elf": elf, "symbols": symbols, "blob": blob, "codes": codes, "text": text, "record": record, "file": file,
    "layout": layout,
}  # fmt: skip
