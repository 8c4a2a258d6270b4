"""npm: packages with what they are compiled with, and packages that are packed.

npm runs on a Node of ours, but with the user's own settings: ``~/.npmrc``, the machine's ``/etc/npmrc`` and variables
such as ``npm_config_registry``. No script of any package is run. Compiling does not go through npm, so that a
``nodedir`` or the like in those settings cannot reach it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, NetworkError, PipelineError, PrebuildError, SourceError
from pipeline.model.events import Where
from pipeline.processes import proc

_TIMEOUT_S = 1800.0
_SETTINGS = re.compile(r"npm_config_", re.IGNORECASE)
_MACHINE_SETTINGS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
"""Where npm's that are installed look; ours would look beside its own Node."""
_MAX_OUTPUT_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Npm:
    """npm, and the Node that runs it."""

    node: Path
    cli: Path
    """``npm-cli.js``."""

    def command(self, context: Context, cwd: Path, *arguments: str) -> proc.Command:
        """Return the call with *arguments*, with the user's settings."""
        return proc.Command(
            argv=(str(self.node), str(self.cli), *arguments, *(("--offline",) if context.offline else ())),
            env=npm_environment(context.environ, self.node.parent),
            cwd=cwd,
            timeout_s=_TIMEOUT_S,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """A published package, and the exact packages that it is compiled with."""

    name: str
    version: str
    integrity: str | None = None
    """As ``package-lock.json`` has it (``sha512-…``); None: npm compares with what the registry says only."""
    dependencies: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A package as ``npm pack`` left it."""

    path: Path
    files: tuple[str, ...]
    """Paths inside the package."""
    size_bytes: int
    unpacked_bytes: int


def npm_environment(environ: Mapping[str, str], node_bin: Path) -> dict[str, str]:
    """Return the variables for npm: the user's own settings of it, and those that every child gets."""
    base = proc.base_environment(environ)
    own = {name: value for name, value in environ.items() if _SETTINGS.match(name) or name == "NODE_EXTRA_CA_CERTS"}
    settings = {
        "PATH": f"{node_bin}:{base.get('PATH', '')}",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
    }
    machine = next((place for place in _MACHINE_SETTINGS if Path(place).is_file()), None)
    if machine and not any(name.lower() == "npm_config_globalconfig" for name in own):
        settings["npm_config_globalconfig"] = machine
    return base | settings | own


def ensure_package(package: NpmPackage, npm: Npm, context: Context) -> Path:
    """Return a directory whose ``node_modules`` holds *package* and its dependencies, fetched the first time.

    Raises NetworkError, SourceError for a package or version that there is not, IntegrityError.
    """
    identity = fs.sha256_json([package.name, package.version, package.integrity, dict(package.dependencies)])
    final = context.cache_dir / "npm" / f"{package.name.replace('/', '+')}-{package.version}-{identity[:12]}"
    with fs.locked_beside(final, hidden=True):
        if not final.is_dir():
            with context.reporter.step(f"npm: {package.name} {package.version}", where=Where.NETWORK):
                _install(package, final, npm, context)
    return final


def _install(package: NpmPackage, final: Path, npm: Npm, context: Context) -> None:
    with fs.atomic_directory(final) as staging:
        fs.write_text(staging / "package.json", '{"name": "sources", "version": "0.0.0", "private": true}\n')
        wanted = {package.name: package.version, **package.dependencies}
        command = npm.command(
            context,
            staging,
            *("install", "--ignore-scripts", "--no-bin-links", "--omit=dev", "--omit=optional", "--save-exact"),
            *(f"{name}@{version}" for name, version in wanted.items()),
        )
        completed = proc.run(command)
        if completed.exit_code != 0:
            raise _install_error(package, command, completed)
        _compare(package, staging / "package-lock.json")


def _compare(package: NpmPackage, lock: Path) -> None:
    entry = json.loads(lock.read_text(encoding="utf-8"))["packages"][f"node_modules/{package.name}"]
    found = entry.get("integrity")
    if package.integrity and found != package.integrity:
        raise IntegrityError(
            f"{package.name} {package.version} is not the one that is described: {found}, not {package.integrity}",
            cause="the registry, or a proxy before it, has another package under this name and version",
            action="find out why; correct `integrity` in releases.toml only if the new one is to be trusted",
        )


def _install_error(package: NpmPackage, command: proc.Command, completed: proc.Completed) -> PipelineError:
    said = completed.stderr.decode(errors="replace")
    action = f"by hand:\n{command.replay_line()}"
    if re.search(r"npm error code (E404|ETARGET|ENOVERSIONS|EINVALIDPACKAGENAME)", said):
        return SourceError(
            f"npm finds no {package.name} {package.version}, or no package that it is compiled with",
            cause="a misspelt name, or a version that was withdrawn",
            action=action,
            details=said,
        )
    if "code EINTEGRITY" in said:
        return IntegrityError(
            f"what npm got for {package.name} {package.version} is not what the registry says",
            cause="a damaged download, or a cache of npm that is damaged",
            action=f"run `npm cache verify`, then {action}",
            details=said,
        )
    return NetworkError(
        f"npm cannot get {package.name} {package.version}",
        cause="no network, or settings of npm (registry, proxy, cafile) that do not fit",
        action=action,
        details=said,
    )


def pack(directory: Path, destination: Path, npm: Npm, context: Context) -> PackedFile:
    """Pack the package in *directory* into the directory *destination*.

    npm writes equal packages as equal bytes: it sorts, and leaves out times, owners and the umask. Raises PrebuildError
    with npm's words.
    """
    offline = dataclasses.replace(context, offline=True)
    fs.make_directory(destination)
    command = npm.command(
        offline, directory, "pack", "--json", "--ignore-scripts", "--pack-destination", str(destination)
    )
    completed = proc.run(command)
    if completed.exit_code != 0 or len(completed.stdout) > _MAX_OUTPUT_BYTES:
        raise PrebuildError(
            f"npm cannot pack {directory}",
            cause="a package.json that npm does not accept; see what it printed, above",
            action=f"by hand:\n{command.replay_line()}",
            details=completed.stderr.decode(errors="replace"),
        )
    (packed,) = json.loads(completed.stdout)
    return PackedFile(
        path=destination / packed["filename"],
        files=tuple(file["path"] for file in packed["files"]),
        size_bytes=packed["size"],
        unpacked_bytes=packed["unpackedSize"],
    )
