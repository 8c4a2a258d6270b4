"""Put the V8 that a runtime links where the build script of the ``v8`` crate looks for it.

A prebuilt archive is taken from a mirror (a directory or an address, laid out like rusty_v8's releases), checked
(sound, V8's version, the architecture of every object *and* of V8's embedded builtins) and laid down in a directory
of the same layout, whose name is a digest of its content: Cargo reruns a build script when RUSTY_V8_MIRROR has
another value, never because a file behind it changed. RUSTY_V8_MIRROR is qualified by triple, so the host's own
units, if there are any, do not pick up the target's archive, as they would with RUSTY_V8_ARCHIVE.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from pipeline import fs, net
from pipeline.context import Context
from pipeline.errors import ArchiveError, IntegrityError, NetworkError, UnsupportedError, V8ArchiveError
from pipeline.model.events import Where
from pipeline.model.spec.origins import PrebuiltVm, SourceVm, SystemVm, VmProvider
from pipeline.model.target import Target
from pipeline.net.wording import without_credentials
from pipeline.v8.archive_check import ArchiveReport, Verdict, check_archive
from pipeline.v8.names import UPSTREAM_BASE, MirrorFile, Profile, V8Build, mirror_files, v8_major_minor

MAX_ARCHIVE_BYTES = 2 * 1024**3
_RECORD_NAME = "v8-archive.json"
_BINDING_MARK = b"v8__"
"""Every function that rusty_v8's binding declares has this prefix."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Inputs:
    """Which V8 is needed."""

    provider: VmProvider
    version: str
    """Version of the ``v8`` crate in the lock."""
    target: Target
    features: frozenset[str] = frozenset()
    """Features with which the ``v8`` crate is built."""
    profile: Profile = "release"


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8File:
    """A file that the crate's build script will take."""

    path: Path
    sha256: str
    size_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Provided:
    """Where V8 is."""

    env: Mapping[str, str]
    """Variables for Cargo; the same ones in both phases."""
    archive_sha256: str | None
    """Digest of the archive as it was fetched; None when V8 is the system's library."""
    files: tuple[V8File, ...]
    evidence: tuple[str, ...]
    """What the check of the archive found, for the build record."""


def run(inputs: V8Inputs, context: Context) -> V8Provided:
    """Provide V8.

    Raises V8ArchiveError when the mirror lacks a file or its archive is made for another version or architecture,
    ArchiveError when it is damaged, NetworkError, SpecError for crates that cannot read a mirror directory, and
    UnsupportedError for a V8 that is to be built from source.
    """
    match inputs.provider:
        case SystemVm():
            return V8Provided(env={}, archive_sha256=None, files=(), evidence=())
        case SourceVm():
            raise _not_here(inputs.version)
        case PrebuiltVm(mirror=mirror):
            with context.reporter.step(f"V8 {inputs.version} for {inputs.target.name}") as step:
                provided = _prebuilt(_Order.of(inputs, mirror or UPSTREAM_BASE), context)
                step.detail(f"sha256 {provided.archive_sha256}")
            return provided
        case _ as never:
            assert_never(never)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Order:
    """The files that are wanted, and from where."""

    build: V8Build
    target: Target
    mirror: str
    files: tuple[MirrorFile, ...]

    @classmethod
    def of(cls, inputs: V8Inputs, mirror: str) -> _Order:
        build = V8Build(
            version=inputs.version,
            triple=inputs.target.rust_triple,
            profile=inputs.profile,
            features=inputs.features,
        )
        return cls(build=build, target=inputs.target, mirror=mirror, files=mirror_files(build))


def _prebuilt(order: _Order, context: Context) -> V8Provided:
    is_address = order.mirror.startswith(("http://", "https://"))
    root = _fetched(order, context) if is_address else Path(order.mirror).expanduser()
    found = _found_in(root, order)
    digests = {file.relative_path: fs.sha256_file(path) for file, path in found.items()}
    key = fs.sha256_json({"files": digests, "target": order.target.name})[:24]
    final = context.cache_dir / "v8-mirror" / key
    with fs.locked_beside(final, hidden=True):
        evidence = _recorded(final, digests)
        if evidence is None:
            try:
                evidence = _checked(order, found, context)
            except (ArchiveError, V8ArchiveError):
                if is_address:  # or the next run would find the same bad file
                    for path in found.values():
                        path.unlink()
                raise
            _lay_down(final, found, digests, evidence)
    force_debug = {"V8_FORCE_DEBUG": "1"} if order.build.profile == "debug" else {}
    return V8Provided(
        env={"RUSTY_V8_MIRROR": str(final), **force_debug},
        archive_sha256=digests[order.files[0].relative_path],
        files=tuple(
            V8File(path=final / name, sha256=digest, size_bytes=(final / name).stat().st_size)
            for name, digest in digests.items()
        ),
        evidence=evidence,
    )


def _fetched(order: _Order, context: Context) -> Path:
    """Return a directory, laid out like the mirror, with the files that it has; fetch what is not there yet."""
    base = order.mirror.rstrip("/")
    root = context.cache_dir / "v8-downloads" / hashlib.sha256(base.encode()).hexdigest()[:16]
    missing = [file for file in order.files if not (root / file.relative_path).is_file()]
    if missing and context.offline:
        raise _offline(base, missing)
    if not missing:
        return root
    with (
        context.reporter.step(f"fetch V8 {order.build.version}", where=Where.NETWORK),
        net.Client(environ=context.environ, reporter=context.reporter) as client,
    ):
        absent = [file for file in missing if not _fetch(client, base, root, file)]
    if absent:
        raise _absent([f"{without_credentials(base)}/{file.relative_path}" for file in absent], order)
    return root


def _fetch(client: net.Client, base: str, root: Path, file: MirrorFile) -> bool:
    """Fetch one file; return whether the mirror has it."""
    download = net.Download(
        url=f"{base}/{file.relative_path}",
        destination=root / file.relative_path,
        title=Path(file.relative_path).name,
        max_bytes=MAX_ARCHIVE_BYTES,
    )
    try:
        client.download(download)
    except net.MissingFileError:
        return False
    return True


def _found_in(root: Path, order: _Order) -> dict[MirrorFile, Path]:
    """Return where each file lies. Raises V8ArchiveError that lists all places where a missing one was looked for."""
    found: dict[MirrorFile, Path] = {}
    tried: list[str] = []
    for file in order.files:
        # The crate unpacks by content, so an archive that was left unpacked serves under the name that it asks for.
        candidates = [root / file.relative_path]
        if file.relative_path.endswith(".gz"):
            candidates.append(root / file.relative_path.removesuffix(".gz"))
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            tried += [str(candidate) for candidate in candidates]
        else:
            found[file] = path
    if tried:
        raise _absent(tried, order)
    return found


def _checked(order: _Order, found: Mapping[MirrorFile, Path], context: Context) -> tuple[str, ...]:
    """Look into the files and return the evidence. Raises V8ArchiveError when they are not what is wanted."""
    evidence: tuple[str, ...] = ()
    for file, path in found.items():
        if file.kind == "binding":
            _check_binding(path)
            continue
        report = check_archive(path, order.target)
        _check_architecture(path, order.target, report)
        _check_version(path, order.build, report)
        if report.verdict is Verdict.UNKNOWN:
            context.reporter.warn(f"{path.name}: the architecture is not certain: {'; '.join(report.evidence)}")
        evidence += report.evidence
        if report.v8_version:
            evidence += (f"V8 {report.v8_version}",)
    return evidence


def _check_architecture(path: Path, target: Target, report: ArchiveReport) -> None:
    if report.verdict is Verdict.MISMATCH:
        raise V8ArchiveError(
            f"{path} is not V8 for {target.name}",
            cause="the archive was built for another architecture, or on one: V8's builtins can be the build host's "
            "although every object is the target's",
            action="take the archive from another mirror, or build it with the provider `source`",
            details="\n".join(report.evidence),
        )


def _check_version(path: Path, build: V8Build, report: ArchiveReport) -> None:
    wanted = v8_major_minor(build)
    if report.v8_version is None or wanted is None:
        return
    major, minor = wanted
    if not report.v8_version.startswith(f"{major}.{minor}."):
        raise V8ArchiveError(
            f"{path} is V8 {report.v8_version}, but the v8 crate {build.version} needs V8 {major}.{minor}",
            cause="the file was built from another version and stored under this name",
            action=f"take the archive of v{build.version} from its release, or build it with the provider `source`",
        )


def _check_binding(path: Path) -> None:
    if _BINDING_MARK not in path.read_bytes():
        raise V8ArchiveError(
            f"{path} declares no function of V8's binding",
            cause="the file was cut off, or is something else under this name",
            action="take it from the mirror again; it lies in the crate's `gen` directory too",
        )


def _recorded(final: Path, digests: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the evidence of an earlier check of a directory that is still whole, else None."""
    try:
        record = json.loads((final / _RECORD_NAME).read_text(encoding="utf-8"))
        evidence, files = tuple(map(str, record["evidence"])), record["files"]
        whole = all(fs.sha256_file(final / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return evidence if whole and files == digests else None


def _lay_down(
    final: Path, found: Mapping[MirrorFile, Path], digests: Mapping[str, str], evidence: tuple[str, ...]
) -> None:
    with fs.atomic_directory(final) as staging:
        for file, path in found.items():
            copy = staging / file.relative_path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            if fs.sha256_file(copy) != digests[file.relative_path]:
                raise IntegrityError(
                    f"{path} changed while it was copied",
                    cause="another program is writing it",
                    action="wait until that is done, and run the same command again",
                )
        record = {"files": dict(digests), "evidence": list(evidence)}
        (staging / _RECORD_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _absent(tried: list[str], order: _Order) -> V8ArchiveError:
    features = f" with {', '.join(sorted(order.build.features))}" if order.build.features else ""
    return V8ArchiveError(
        f"the mirror has no V8 for the v8 crate {order.build.version}, {order.build.triple}, "
        f"{order.build.profile}{features}; looked for\n" + "\n".join(f"    {place}" for place in tried),
        cause="nobody built this combination of version, target, profile and features, or the mirror is another one",
        action="name a mirror that has it (v8.mirror in releases.toml), or build V8 with the provider `source`",
    )


def _offline(base: str, missing: list[MirrorFile]) -> NetworkError:
    names = "\n".join(f"    {without_credentials(base)}/{file.relative_path}" for file in missing)
    return NetworkError(
        f"offline, and these files are not in the cache:\n{names}",
        cause="they were never fetched, or the cache is another one",
        action="run once without --offline, or name a directory as v8.mirror in releases.toml",
    )


def _not_here(version: str) -> UnsupportedError:
    return UnsupportedError(
        f"V8 for the v8 crate {version} is to be built from source, which is no part of this step",
        cause='the runtime has v8.kind = "source"',
        action="build the archive first, and name the directory as v8.mirror of the provider `prebuilt`",
    )
