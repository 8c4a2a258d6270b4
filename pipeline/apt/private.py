"""A private apt: the machine's ``apt-get`` with a state directory, sources and an architecture of our own.

Nothing is installed: apt updates its lists, resolves packages against an empty system and checks signatures.
The machine's ``apt.conf`` (proxies, certificates) stays in force; its sources and preferences do not.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from pipeline import fs
from pipeline.apt import failures
from pipeline.apt.sources import Source
from pipeline.errors import ToolboxError
from pipeline.model.events import Reporter
from pipeline.model.package import Package
from pipeline.processes import proc

UPDATE_TIMEOUT_S = 600.0
RESOLVE_TIMEOUT_S = 120.0
RETRY_PAUSE_S = 1.0
LISTS_FRESH_S = 3600.0
"""For so long, package lists are not asked for again."""

# Hooks of the machine would act on its own directories: Docker's images delete /var/cache/apt/archives, for one.
_CONFIG = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
#clear APT::Architectures;
#clear APT::Default-Release;
Dir "{directory}";
Dir::State "var/lib/apt";
Dir::State::status "{directory}/var/lib/dpkg/status";
Dir::Cache "var/cache/apt";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Etc "etc/apt";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "sources.list.d";
Dir::Etc::preferences "preferences";
Dir::Etc::preferencesparts "preferences.d";
Dir::Etc::trusted "trusted.gpg";
Dir::Etc::trustedparts "trusted.gpg.d";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::ForceHash "SHA256";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::PDiffs "false";
Acquire::Retries "1";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "true";
"""
_DIRECTORIES = (
    "etc/apt/sources.list.d",
    "etc/apt/preferences.d",
    "etc/apt/trusted.gpg.d",
    "var/lib/apt/lists/partial",
    "var/lib/dpkg",
    "var/cache/apt/archives/partial",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrivateApt:
    """One private state: an architecture and the suites it is asked for. Callers hold a lock on *directory*."""

    directory: Path
    architecture: str
    sources: tuple[Source, ...]
    """The first one must work; the others may fail, with a warning."""
    keyrings: tuple[Path, ...]
    left_out: tuple[str, ...]
    """Packages to treat as installed."""
    environ: Mapping[str, str]
    reporter: Reporter

    @property
    def config_path(self) -> Path:
        """Return the configuration file that makes any apt program use this state."""
        return self.directory / "apt.conf"

    @property
    def _stamp_path(self) -> Path:
        return self.directory / "updated"

    def prepare(self) -> None:
        """Write the configuration, the sources and the status of the imagined system."""
        for name in _DIRECTORIES:
            fs.make_directory(self.directory / name)
        config = _CONFIG.format(directory=self.directory, architecture=self.architecture)
        fs.write_if_changed(self.config_path, config)
        for index, source in enumerate(self.sources):
            fs.write_if_changed(self._source_path(index), source.deb822())
        fs.write_if_changed(self.directory / "var/lib/dpkg/status", self._status())
        for keyring in self.keyrings:
            self._trust(keyring)

    def _source_path(self, index: int) -> Path:
        return self.directory / "etc/apt/sources.list.d" / f"{index}.sources"

    def _status(self) -> str:
        stanza = (
            "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 99:0\n"
            "Maintainer: nobody\nDescription: treated as installed, so that it is not fetched\n"
        )
        return "\n".join(stanza.format(name=n, architecture=self.architecture) for n in self.left_out)

    def _trust(self, keyring: Path) -> None:
        try:
            content = keyring.read_bytes()
        except OSError as error:
            raise ToolboxError(
                f"cannot read the keyring {keyring}: {error.strerror}",
                cause="the package with the archive's keys is not installed, or a setting names a wrong file",
                action="install the distribution's keyring package, or set SNAPSTITCH_APT_KEYRING",
            ) from error
        with fs.atomic_path(self.directory / "etc/apt/trusted.gpg.d" / keyring.name) as temporary:
            temporary.write_bytes(content)

    def refresh(self, *, again: bool = False, offline: bool = False) -> None:
        """Fetch the package lists when those that are there are older than LISTS_FRESH_S, or *again*.

        Others that use the same directory wait meanwhile. With *offline* only the configuration is written.
        Raises what `update` raises.
        """
        with fs.locked_beside(self.directory):
            self.prepare()
            if not offline and (again or not self.updated_within(LISTS_FRESH_S)):
                self.update()

    def updated_within(self, age_s: float) -> bool:
        """Tell whether the lists were updated in the last *age_s* seconds."""
        return self._stamp_path.is_file() and time.time() - self._stamp_path.stat().st_mtime < age_s

    def failed_suites(self) -> tuple[str, ...]:
        """Return the suites that the last update went on without."""
        return tuple(self._stamp_path.read_text(encoding="utf-8").split()) if self._stamp_path.is_file() else ()

    def update(self) -> tuple[str, ...]:
        """Fetch the package lists; return the suites that failed, after warning of each.

        Raises the error that describes it when the first suite cannot be had.
        """
        failed: tuple[str, ...] = ()
        if self._apt_get("update", timeout_s=UPDATE_TIMEOUT_S).exit_code != 0:
            failed = tuple(s.suite for i, s in enumerate(self.sources) if not self._update_one(i))
        fs.write_text(self._stamp_path, "\n".join(failed))
        return failed

    def _update_one(self, index: int) -> bool:
        source = self.sources[index]
        options = (
            f"Dir::Etc::sourcelist={self._source_path(index)}",
            "Dir::Etc::sourceparts=-",
            "APT::Get::List-Cleanup=false",
        )
        completed = self._apt_get("update", options=options, timeout_s=UPDATE_TIMEOUT_S)
        if completed.exit_code != 0 and not failures.is_unreachable(completed):
            time.sleep(RETRY_PAUSE_S)
            completed = self._apt_get("update", options=options, timeout_s=UPDATE_TIMEOUT_S)
        if completed.exit_code == 0:
            return True
        error = failures.explain(completed, doing=f"fetch the package lists of {source.suite}")
        if index == 0:
            raise error
        self.reporter.warn(
            f"going on without {source.suite} for {self.architecture}: its package lists cannot be had now "
            f"({failures.reason(completed)}); older versions are used where only it has newer ones"
        )
        return False

    def versions(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the versions that each package is offered in, the newest first; absent ones are left out."""
        argv = ("apt-cache", "-c", str(self.config_path), "madison", *names)
        completed = self._run(argv, timeout_s=RESOLVE_TIMEOUT_S)
        found: dict[str, tuple[str, ...]] = {}
        for line in completed.text.splitlines():
            name, version, *_rest = (part.strip() for part in line.split("|"))
            found[name] = (*found.get(name, ()), version)
        return found

    def resolve(self, packages: Iterable[str]) -> tuple[Package, ...]:
        """Return *packages* (``name`` or ``name=version``) and all they depend on, each exactly.

        Raises ToolboxError for unknown names and dependencies that cannot be met.
        """
        names = tuple(packages)
        completed = self._apt_get("install", "--print-uris", *names, timeout_s=RESOLVE_TIMEOUT_S)
        if completed.exit_code != 0:
            raise failures.explain(completed, doing=f"resolve packages for {self.architecture}")
        return parse_uris(completed.text)

    def locate(self, package: str) -> tuple[Package, ...]:
        """Return one package (``name`` or ``name=version``) without its dependencies."""
        completed = self._apt_get("download", "--print-uris", package, timeout_s=RESOLVE_TIMEOUT_S)
        if completed.exit_code != 0:
            raise failures.explain(completed, doing=f"find {package} for {self.architecture}")
        return parse_uris(completed.text)

    def trim(self) -> None:
        """Remove what apt can make again from the lists in a second: it is twice their size."""
        (self.directory / "var/cache/apt/pkgcache.bin").unlink(missing_ok=True)

    def _apt_get(self, *arguments: str, timeout_s: float, options: tuple[str, ...] = ()) -> proc.Completed:
        settings = [part for option in options for part in ("-o", option)]
        argv = ("apt-get", "-c", str(self.config_path), *settings, "-qq", "-y", *arguments)
        return self._run(argv, timeout_s=timeout_s)

    def _run(self, argv: tuple[str, ...], *, timeout_s: float) -> proc.Completed:
        env = proc.base_environment(self.environ)
        if proc.find_program(argv[0], env) is None:
            raise ToolboxError(
                f"there is no {argv[0]} on this machine",
                cause="the private toolbox is made with the machine's apt",
                action="use Debian or Ubuntu, build in the toolchain image (--toolchain docker), "
                "or use installed tools (--toolchain host)",
            )
        # Killed with us: an orphan would write to the state that the next run uses.
        guard = ("setpriv", "--pdeathsig", "KILL") if proc.find_program("setpriv", env) else ()
        return proc.run(proc.Command(argv=(*guard, *argv), env=env, cwd=self.directory, timeout_s=timeout_s))


def parse_uris(text: str) -> tuple[Package, ...]:
    """Return the packages of ``--print-uris`` output: ``'URI' FILE SIZE SHA256:DIGEST`` on each line."""
    packages: list[Package] = []
    for line in text.splitlines():
        if not line.startswith("'"):
            continue
        uri, file_name, size, digest = line.split()
        name, version, rest = unquote(file_name).split("_")
        packages.append(
            Package(
                name=name,
                version=version,
                architecture=rest.removesuffix(".deb"),
                uri=uri.strip("'"),
                file_name=file_name,
                size_bytes=int(size),
                sha256=digest.removeprefix("SHA256:"),
            )
        )
    return tuple(sorted(packages, key=lambda package: package.file_name))
