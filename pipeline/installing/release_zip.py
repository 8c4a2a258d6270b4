"""A zip that a project publishes with its releases, and that no index describes: measured, and made one.

What an index would say is read from the zip itself: which files are programs for Linux, for which CPU, with which C
library and how new a one. The lock file pins the files by the name of the zip, which tells platforms apart.
"""

from __future__ import annotations

import re
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pipeline
from pipeline import fs, net
from pipeline.context import Context
from pipeline.elf.facts import ElfFacts
from pipeline.elf.policy import version_text
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import InstallError, IntegrityError
from pipeline.installing.choice import Machine
from pipeline.installing.fetching import MAX_ARCHIVE_BYTES, archive_path, download_first, must_be_fetched
from pipeline.installing.index import Index, is_address
from pipeline.model.asset import OS_NAME
from pipeline.model.events import Where
from pipeline.model.prebuilds.manifest import (
    Archive,
    ArchiveFormat,
    Libc,
    Prebuild,
    PrebuildFile,
    PrebuildKind,
    PrebuildManifest,
    Probe,
)
from pipeline.model.prebuilds.name import DIRECTORY, name_problem
from pipeline.model.target import TARGETS
from pipeline.packing import zips

SUFFIX = ".zip"
TRIPLE = "{triple}"
"""In an address: what Rust calls the machine, such as ``x86_64-unknown-linux-gnu``."""
UNKNOWN_VERSION = "0"
_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.]+)?)")


def is_zip(location: str) -> bool:
    """Tell whether *location* is a zip, and no index."""
    path = urllib.parse.urlsplit(location).path if is_address(location) else location
    return path.endswith(SUFFIX)


def for_machine(location: str, machine: Machine) -> str:
    """Return *location* with the machine's name in place of ``{triple}``; raises InstallError where none is known."""
    if TRIPLE not in location:
        return location
    target = next((one for one in TARGETS if one.node_arch == machine.arch and machine.platform == OS_NAME), None)
    if target is None:
        raise InstallError(
            f"it is not known what {TRIPLE} is for {machine}",
            cause="a machine that the table of targets lacks",
            action="write the whole address",
        )
    triple = target.rust_triple.replace("-gnu", "-musl") if machine.libc is Libc.MUSL else target.rust_triple
    return location.replace(TRIPLE, triple)


def fetch_zip(url: str, sha256: str | None, mirrors: tuple[str, ...], client: net.Client, context: Context) -> Path:
    """Return the zip at *url* as a file; *mirrors* are asked first.

    Without network, or with *sha256*, it is taken from the cache if it is there. Raises NetworkError, IntegrityError.
    """
    name = urllib.parse.urlsplit(url).path.rpartition("/")[2]
    note = context.cache_dir / "prebuilds" / "zips" / fs.sha256_json(url)
    known = sha256 or (note.read_text(encoding="ascii") if context.offline and note.is_file() else None)
    if known and (kept := archive_path(known, name, context)).is_file() and fs.sha256_file(kept) == known:
        return kept
    if context.offline:
        raise must_be_fetched(name)
    order = net.Download(
        url=url, destination=note.with_suffix(SUFFIX), title=name, max_bytes=MAX_ARCHIVE_BYTES, sha256=sha256
    )
    with context.reporter.step(f"fetch {name}", where=Where.NETWORK):
        downloaded = download_first([urllib.parse.urljoin(one, name) for one in mirrors], order, client)
    final = archive_path(downloaded.sha256, name, context)
    with fs.locked(final.parent.with_name(f".{downloaded.sha256}.lock")), fs.explained(final):
        fs.make_directory(final.parent)
        downloaded.path.replace(final)
    fs.write_text(note, downloaded.sha256)
    return final


def check_zip(path: Path, sha256: str | None) -> None:
    """Raise InstallError where no zip is, IntegrityError where one of another digest is."""
    if not path.is_file():
        raise InstallError(
            f"there is no {path}", cause="a misspelt name", action="name a zip, an index, or an address of one"
        )
    if sha256 and fs.sha256_file(path) != sha256:
        raise IntegrityError(
            f"{path} has the SHA-256 {fs.sha256_file(path)} instead of {sha256}",
            cause="another file, or one that was changed or cut off",
            action="get it again, or correct --sha256 if this one is to be trusted",
        )


def index_of_zip(path: Path, *, address: str | None, probe: Probe | None) -> Index:
    """Return the index of the zip *path*, which came from *address*; None: it lies here.

    Raises ArchiveError when it is damaged or made to do harm, InstallError when there is no program for Linux in it.
    """
    prebuilds = measured(path, address=address, probe=probe)
    if not prebuilds:
        raise InstallError(
            f"there is no program for Linux in {path.name}",
            cause="the zip of another system, or one of sources",
            action=f"give the zip of this machine, or an address with {TRIPLE} in it",
        )
    manifest = manifest_of(path.name.removesuffix(SUFFIX), address or str(path), prebuilds)
    return Index(manifest=manifest, base=address or path.parent)


def manifest_of(name: str, location: str, prebuilds: tuple[Prebuild, ...]) -> PrebuildManifest:
    """Return the manifest of candidates that were measured, of the version that *location* says."""
    return PrebuildManifest(
        schema_version=1,
        name=name,
        version=version_in(location),
        source_date_epoch_s=0,
        pipeline_version=pipeline.__version__,
        prebuilds=prebuilds,
    )


def version_in(location: str) -> str:
    """Return the version that the last part of an address or path has which looks like one; ``0`` without any."""
    parts = location.removesuffix(SUFFIX).split("/")
    found = [match[1] for part in parts for match in _VERSION.finditer(part)]
    return found[-1] if found else UNKNOWN_VERSION


def measured(path: Path, *, address: str | None, probe: Probe | None) -> tuple[Prebuild, ...]:
    """Return a candidate for each program for Linux in the zip *path*; raises ArchiveError as ``index_of_zip`` does."""
    packed = Archive(
        name=path.name,
        url=address,
        format=ArchiveFormat.ZIP,
        size_bytes=path.stat().st_size,
        sha256=fs.sha256_file(path),
    )
    with tempfile.TemporaryDirectory(prefix="release-zip-") as name:
        root = Path(name)
        names = sorted(file.relative_to(root).as_posix() for file in zips.extract_zip(path, root))
        programs = {one: facts for one in names if (facts := _program(root / one))}
        others = [one for one in names if one not in programs]
        return tuple(_prebuild(root, (one, *others), programs[one], packed, probe) for one in programs)


def _program(path: Path) -> ElfFacts | None:
    if not is_elf(path):
        return None
    facts = read_elf(path)
    # A library has neither; a static program that can lie anywhere is "shared", too, and is told by its name.
    is_program = facts.elf_type == "executable" or bool(facts.interpreter) or ".so" not in path.name
    return facts if is_program and facts.target() and not name_problem(path.name) else None


def _prebuild(root: Path, names: tuple[str, ...], facts: ElfFacts, packed: Archive, probe: Probe | None) -> Prebuild:
    target = facts.target()
    if target is None:
        raise AssertionError("only called for known targets")
    libc = _libc(facts)
    # One index may have both, and a lock file tells files apart by their paths.
    prefix = f"{DIRECTORY}/{OS_NAME}-{target.node_arch}/bin/{'musl/' if libc is Libc.MUSL else ''}"
    newest = facts.newest_version("GLIBC") if libc is Libc.GLIBC else None
    return Prebuild(
        kind=PrebuildKind.EXECUTABLE,
        name=names[0].rpartition("/")[2],
        platform=OS_NAME,
        arch=target.node_arch,
        libc=libc,
        libc_floor=version_text(newest) if newest else None,
        arm_version=target.arm_version,
        path=prefix + names[0],
        files=tuple(_files(root, names, prefix)),
        probe=probe,
        target=target.name,
        archives=(packed.model_copy(update={"prefix": prefix}),),
    )


def _files(root: Path, names: tuple[str, ...], prefix: str) -> Iterator[PrebuildFile]:
    for name in names:
        path = root / name
        yield PrebuildFile(
            path=prefix + name,
            size_bytes=path.stat().st_size,
            sha256=fs.sha256_file(path),
            executable=name == names[0] or bool(path.stat().st_mode & 0o100),
        )


def _libc(facts: ElfFacts) -> Libc | None:
    if not facts.interpreter:
        return None  # static: it runs with any
    return Libc.MUSL if "/ld-musl-" in facts.interpreter else Libc.GLIBC
