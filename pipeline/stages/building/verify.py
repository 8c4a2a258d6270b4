"""Check a product as its users get it: every ELF file, the snapshot inside, and what it does when it runs.

What is wrong with the product becomes a finding, never an exception; docs/verify.md explains each finding.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.canaries.ladder import Ladder, climb
from pipeline.context import Context
from pipeline.elf.policy import ElfPolicy, check_elf, is_base_library
from pipeline.elf.reader import is_elf, read_elf
from pipeline.elf.too_new import explained
from pipeline.errors import ArchiveError, ToolboxError
from pipeline.model.execution import Executor
from pipeline.model.findings import Finding, Severity
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.target import Target
from pipeline.packing import zips
from pipeline.proof.record_check import RecordOrder, check_record
from pipeline.v8.product import Surroundings, check_blobs, check_presence, expected_snapshots, scan_product


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifyInputs:
    """A product and what is known about it."""

    product: Path
    """The zip that will ship, a directory into which it was unpacked, or a program by itself."""
    target: Target
    program: str | None = None
    """The program to run, a path inside the product; None: no canaries."""
    glibc_floor: str | None = None
    """Newest glibc that the product may need, such as ``2.36``."""
    assumed_libraries: frozenset[str] = frozenset()
    """Names of libraries that users are known to have beside the C library."""
    snapshots: tuple[tuple[str, Path], ...] = ()
    """Name and path of every file that the generators left in their OUT_DIRs."""
    executor: Executor | None = None
    """Runs the canaries; None: static checks only."""
    canaries: tuple[Canary, ...] = ()
    canary_dir: Path | None = None
    """What lies in it lies in the working directory of every canary."""
    record: RecordOrder | None = None
    """The product's build record, and what else is there to hold it against."""


def run(inputs: VerifyInputs, context: Context) -> tuple[Finding, ...]:
    """Return every finding about the product, static ones first.

    Raises ArchiveError when the zip itself cannot be unpacked, ExecutorUnavailableError when the executor cannot
    start the product's program at all.
    """
    with _unpacked(inputs, context) as product_dir:
        static = tuple(_static_findings(inputs, product_dir))
        return (*static, *_record_findings(inputs, product_dir), *_canary_findings(inputs, product_dir))


def make_bare_root(
    sysroot: Path, target: Target, destination: Path, *, assumed: Mapping[str, Path] | None = None
) -> Path:
    """Copy the C library and its loader from *sysroot* to *destination*, and nothing else; return *destination*.

    *assumed* holds further libraries that every user has, by name: they are copied, too. An emulator that is given this
    root shows whether a product runs without the build's other libraries. Raises ToolboxError when the sysroot has no
    loader.
    """
    root = sysroot.resolve()
    with fs.atomic_directory(destination) as staging:
        loader = _inside(root, target.interpreter)
        if loader is None:
            raise ToolboxError(
                f"the {target.name} sysroot has no dynamic loader {target.interpreter}",
                cause="the sysroot was unpacked only in part, or is for another target",
                action="delete it from the cache directory and run the same command again",
            )
        _copy_library(loader, staging / target.interpreter.lstrip("/"))
        for directory in (f"lib/{target.gnu_triple}", f"usr/lib/{target.gnu_triple}"):
            for library in sorted((root / directory).glob("*.so*")):
                source = _inside(root, f"/{directory}/{library.name}")
                if source is not None and is_base_library(library.name, target):
                    _copy_library(source, staging / "lib" / target.gnu_triple / library.name)
        for name, library in (assumed or {}).items():
            _copy_library(library, staging / "lib" / target.gnu_triple / name)
    return destination


def _inside(root: Path, path: str) -> Path | None:
    """Return the file that *path* means inside *root*, None when there is none or a link leads outside."""
    found = (root / path.lstrip("/")).resolve()
    return found if found.is_relative_to(root) and found.is_file() else None


def _copy_library(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(0o755)


@contextlib.contextmanager
def _unpacked(inputs: VerifyInputs, context: Context) -> Iterator[Path]:
    product = inputs.product
    if product.is_dir():
        yield product
        return
    parent = fs.make_directory(context.cache_dir / "verify")
    with tempfile.TemporaryDirectory(prefix="product-", dir=parent) as directory:
        if is_elf(product):  # under whatever name it lies here
            program = Path(directory) / (inputs.program or product.name)
            program.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(product, program)
            program.chmod(0o755)
        else:
            zips.extract_zip(product, Path(directory))
        yield Path(directory)


def _files(product_dir: Path) -> tuple[tuple[str, Path], ...]:
    """Return name and path of every regular file of the product."""
    paths = sorted(path for path in product_dir.rglob("*") if path.is_file() and not path.is_symlink())
    named = ((path.relative_to(product_dir).as_posix(), path) for path in paths)
    return tuple((name, path) for name, path in named if name != fs.SENTINEL_NAME)


def _static_findings(inputs: VerifyInputs, product_dir: Path) -> Iterator[Finding]:
    files = _files(product_dir)
    elf_files = tuple((name, path) for name, path in files if is_elf(path))
    if not elf_files:
        yield Finding(
            id="product.files", severity=Severity.FAIL, subject=inputs.product.name, message="holds no program at all"
        )
        return
    policy = ElfPolicy(
        target=inputs.target,
        provided=frozenset(path.name for _name, path in elf_files),
        assumed=inputs.assumed_libraries,
        glibc_floor=_version(inputs.glibc_floor),
    )
    for name, path in elf_files:
        yield from _elf_findings(name, path, policy)
    expected = expected_snapshots(inputs.snapshots)
    yield from check_presence(files, expected)
    yield from check_blobs(scan_product(files, expected), Surroundings(programs=elf_files, target=inputs.target))


def _elf_findings(name: str, path: Path, policy: ElfPolicy) -> tuple[Finding, ...]:
    try:
        facts = read_elf(path)
        return tuple(explained(finding, facts, path, policy) for finding in check_elf(facts, policy, name))
    except ArchiveError as error:
        return (Finding(id="elf.readable", severity=Severity.FAIL, subject=name, message=error.what),)


def _version(text: str | None) -> tuple[int, ...] | None:
    return tuple(int(number) for number in re.findall(r"\d+", text)) if text else None


def _record_findings(inputs: VerifyInputs, product_dir: Path) -> tuple[Finding, ...]:
    if inputs.record is None:
        return ()
    return check_record(inputs.record, product_dir, None if inputs.product.is_dir() else inputs.product)


def _canary_findings(inputs: VerifyInputs, product_dir: Path) -> Iterator[Finding]:
    if inputs.executor is None or inputs.program is None:
        return
    yield from climb(
        Ladder(
            product_dir=product_dir,
            program=inputs.program,
            target=inputs.target,
            executor=inputs.executor,
            canaries=inputs.canaries,
            files_dir=inputs.canary_dir,
        )
    )
