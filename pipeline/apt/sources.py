"""Which archives the private apt asks: the machine's own mirrors, narrowed to the distribution's suites."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from pipeline.errors import ToolboxError
from pipeline.model.distribution import Distribution, Ports, Release

MIRROR_VARIABLE = "SNAPSTITCH_APT_MIRROR"
SECURITY_MIRROR_VARIABLE = "SNAPSTITCH_APT_SECURITY_MIRROR"
PORTS_MIRROR_VARIABLE = "SNAPSTITCH_APT_PORTS_MIRROR"
KEYRING_VARIABLE = "SNAPSTITCH_APT_KEYRING"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AptSettings:
    """What the user says about archives; None means: as the machine's own apt has it."""

    mirror: str | None = None
    security_mirror: str | None = None
    ports_mirror: str | None = None
    keyring: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AptSettings:
        """Read the settings from variables called ``SNAPSTITCH_APT_…``."""
        keyring = environ.get(KEYRING_VARIABLE)
        return cls(
            mirror=environ.get(MIRROR_VARIABLE) or None,
            security_mirror=environ.get(SECURITY_MIRROR_VARIABLE) or None,
            ports_mirror=environ.get(PORTS_MIRROR_VARIABLE) or None,
            keyring=Path(keyring) if keyring else None,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineEntry:
    """One entry of the machine's sources: an archive and the suites that are taken from it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str | None
    check_valid_until: bool = True
    """False where the machine's owner takes lists that have expired, as those of old releases do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One suite of one archive, as the private apt asks for it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    check_valid_until: bool = True

    def deb822(self) -> str:
        """Return the entry in the format of sources.list(5); only package indexes are wanted."""
        components = " ".join(self.components)
        expiry = "" if self.check_valid_until else "Check-Valid-Until: no\n"
        return (
            f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\nComponents: {components}\nTargets: Packages\n{expiry}"
        )

    def identity(self) -> dict[str, object]:
        """Return what tells this apart from others."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceRequest:
    """Whose suites are wanted, for which architecture, and what the machine and the user say."""

    distribution: Distribution
    machine_release: Release
    """The machine's own release: its entries tell the mirrors."""
    release: Release
    """The release whose packages are wanted."""
    architecture: str
    entries: tuple[MachineEntry, ...]
    settings: AptSettings


def choose_sources(request: SourceRequest) -> tuple[Source, ...]:
    """Return the suites to ask, the one that must work first.

    Those of another release than the machine's are asked for where the machine's sources name them, else at the mirrors
    of its own.
    Raises ToolboxError when neither the machine nor the user names a mirror.
    """
    own = request.distribution.suites_of(request.machine_release)
    wanted = request.distribution.suites_of(request.release)
    found = [_source(request, suite, own_suite) for suite, own_suite in zip(wanted, own, strict=True)]
    if found[0] is None:
        raise _no_mirror(request)
    return tuple(source for source in found if source)


def _source(request: SourceRequest, suite: str, own_suite: str) -> Source | None:
    settings, components = request.settings, request.distribution.components
    chosen = settings.security_mirror if suite.endswith("-security") else settings.mirror
    if chosen:
        return Source(uri=_placed(request, chosen), suite=suite, components=components)
    own = [entry for entry in request.entries if is_own(entry, request.distribution)]
    for entry in (*(e for e in own if suite in e.suites), *(e for e in own if own_suite in e.suites)):
        return Source(
            uri=_placed(request, entry.uri),
            suite=suite,
            components=components,
            check_valid_until=entry.check_valid_until,
        )
    return None


def is_own(entry: MachineEntry, distribution: Distribution) -> bool:
    """Tell whether *entry* is the distribution's own archive; others may use the same suite names."""
    if not set(entry.components) & set(distribution.components):
        return False
    if entry.signed_by:
        directories = {str(PurePosixPath(keyring).parent) for keyring in distribution.keyrings}
        keyring = PurePosixPath(entry.signed_by)
        own_name = distribution.keyring_package.removesuffix("-keyring")
        return str(keyring.parent) in directories and keyring.name.startswith(own_name)
    segments = {PurePosixPath(part).stem for part in urlsplit(entry.uri).path.split("/")}
    return bool(segments & set(distribution.archive_names))


def _placed(request: SourceRequest, uri: str) -> str:
    """Return *uri*, or the archive of ports that belongs to it where the architecture lives there."""
    ports = request.distribution.ports
    if ports is None or request.architecture in ports.main_architectures:
        return uri
    if request.settings.ports_mirror:
        return request.settings.ports_mirror
    return _ports_uri(uri, ports) or _raise_no_ports(request, uri)


def _ports_uri(uri: str, ports: Ports) -> str | None:
    parts = urlsplit(uri)
    if parts.path.rstrip("/") == ports.ports_path:
        return uri
    labels = (parts.hostname or "").split(".")
    for index, label in enumerate(labels):
        if label in ports.main_labels:
            host = ".".join([ports.ports_label, *labels[index + 1 :]])
            return urlunsplit((parts.scheme, host, ports.ports_path, "", ""))
    return None


def _raise_no_ports(request: SourceRequest, uri: str) -> str:
    raise ToolboxError(
        f"no mirror is known for {request.distribution.name} packages of {request.architecture}",
        cause=f"{request.distribution.name} keeps this architecture in its archive of ports, "
        f"and {uri} does not tell where that is",
        action=f"set {PORTS_MIRROR_VARIABLE} to the URI of a ports mirror",
    )


def _no_mirror(request: SourceRequest) -> ToolboxError:
    return ToolboxError(
        f"no mirror of {request.distribution.name} is known",
        cause="the machine's apt sources (/etc/apt) have no entry for "
        f"{request.machine_release.codename} that is {request.distribution.name}'s own",
        action=f"set {MIRROR_VARIABLE} (and {SECURITY_MIRROR_VARIABLE}) to the URI of a mirror",
    )


def read_machine_entries(apt_dir: Path) -> tuple[MachineEntry, ...]:
    """Return the enabled binary entries of ``sources.list`` and ``sources.list.d`` below *apt_dir*."""
    parts_dir = apt_dir / "sources.list.d"
    entries: list[MachineEntry] = []
    for path in [apt_dir / "sources.list", *sorted(parts_dir.glob("*.list"))]:
        entries += parse_one_line(_read(path))
    for path in sorted(parts_dir.glob("*.sources")):
        entries += parse_deb822(_read(path))
    return tuple(entries)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Sources that hold passwords may be readable by root only; the others still serve.
        return ""


_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>.*)")


def parse_one_line(text: str) -> Iterator[MachineEntry]:
    """Yield the entries of the one-line format, sources.list(5)."""
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.split("#", 1)[0].strip())
        if match:
            options = dict(o.split("=", 1) for o in (match["options"] or "").split() if "=" in o)
            yield MachineEntry(
                uri=match["uri"],
                suites=(match["suite"],),
                components=tuple(match["components"].split()),
                signed_by=options.get("signed-by"),
                check_valid_until=not _says_no(options.get("check-valid-until")),
            )


def parse_deb822(text: str) -> Iterator[MachineEntry]:
    """Yield the entries of the deb822 format, sources.list(5); one for each URI."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = _fields(stanza.splitlines())
        if "deb" not in fields.get("types", "").split() or _says_no(fields.get("enabled")):
            continue
        for uri in fields.get("uris", "").split():
            yield MachineEntry(
                uri=uri,
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                signed_by=fields.get("signed-by") or None,
                check_valid_until=not _says_no(fields.get("check-valid-until")),
            )


def _says_no(value: str | None) -> bool:
    """Tell whether *value* is one of the words that mean no, sources.list(5)."""
    return (value or "yes").lower() in {"no", "false", "without", "off", "disable"}


def _fields(lines: Iterable[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:
            fields[name] = f"{fields[name]} {line.strip()}".strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
