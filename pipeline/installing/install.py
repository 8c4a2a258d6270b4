"""Install addons and programs that others built: choose, fetch, compare, try, put in place; or build them here."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline import net
from pipeline.context import Context
from pipeline.errors import ArchiveError, InstallError, IntegrityError, NetworkError, PipelineError
from pipeline.installing import fallback, index, release_zip, trying
from pipeline.installing.candidate import Candidate
from pipeline.installing.choice import Machine, choose
from pipeline.installing.hosts import AllowedHosts
from pipeline.installing.machine import this_machine
from pipeline.installing.request import Installed, InstallRequest
from pipeline.installing.switches import Switches, read_switches
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildKind
from pipeline.model.prebuilds.name import name_problem
from pipeline.processes.proc import find_program


def install(request: InstallRequest, context: Context) -> tuple[Installed, ...]:
    """Install what *request* asks for; each file appears whole, and only after it was compared and tried.

    Raises InstallError when nothing fits or works, IntegrityError, ArchiveError, NetworkError, NotWritableError; what
    the build raises where one is given.
    """
    mirrors = tuple(_slashed(mirror) for mirror in request.mirrors)
    own = [request.location] if index.is_address(request.location) else []
    with _client(AllowedHosts.of([*mirrors, *own], request.hosts), context) as client:
        found = _index(request, mirrors, client, context)
    named = [read_switches(prebuild.name, context.environ).mirror for prebuild in found.manifest.prebuilds]
    hosts = AllowedHosts.of([*mirrors, *own, *filter(None, named)], request.hosts)
    with _client(hosts, context) as client:
        job = _Job(request=request, index=found, mirrors=mirrors, client=client, context=context)
        return tuple(job.provide(kind, name) for kind, name in job.wanted())


def _index(request: InstallRequest, mirrors: tuple[str, ...], client: net.Client, context: Context) -> index.Index:
    location = request.location
    if not release_zip.is_zip(location):
        if index.is_address(location):
            return index.fetch_index(location, mirrors, client, context)
        return index.read_local_index(Path(location))
    location = release_zip.for_machine(location, request.machine or this_machine(context.environ))
    if index.is_address(location):
        path = release_zip.fetch_zip(location, request.sha256, mirrors, client, context)
        return release_zip.index_of_zip(path, address=location, probe=request.zip_probe)
    release_zip.check_zip(Path(location), request.sha256)
    return release_zip.index_of_zip(Path(location), address=None, probe=request.zip_probe)


def _client(hosts: AllowedHosts, context: Context) -> net.Client:
    return net.Client(environ=context.environ, reporter=context.reporter, guard=hosts.check)


def _slashed(address: str) -> str:
    return address.rstrip("/") + "/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Job:
    request: InstallRequest
    index: index.Index
    mirrors: tuple[str, ...]
    client: net.Client
    context: Context

    def wanted(self) -> Iterator[tuple[PrebuildKind, str]]:
        manifest = self.index.manifest
        names = dict.fromkeys((prebuild.kind, prebuild.name) for prebuild in manifest.prebuilds)
        known = {name for _kind, name in names}
        if unknown := [name for name in self.request.names if name not in known]:
            raise InstallError(
                f"the index of {manifest.name} {manifest.version} has no {unknown[0]!r}",
                cause="a misspelt name, or another project's index",
                action=f"choose one of {', '.join(sorted(known)) or 'another index: this one is empty'}",
            )
        for kind, name in names:
            if problem := name_problem(name):
                raise InstallError(
                    f"the index of {manifest.name} has the name {name!r}, which {problem}",
                    cause="an index that was made by hand, or to do harm",
                    action="ask its owner for a correct one",
                )
            if not self.request.names or name in self.request.names:
                yield kind, name

    def provide(self, kind: PrebuildKind, name: str) -> Installed:
        started = time.monotonic()
        switches = read_switches(name, self.context.environ)
        done = self._named(name, switches) or self._prebuilt(kind, name, switches)
        return dataclasses.replace(done, duration_s=time.monotonic() - started)

    def _named(self, name: str, switches: Switches) -> Installed | None:
        if switches.binary is None:
            return None
        path = Path(switches.binary).absolute()
        if not path.is_file():
            raise InstallError(
                f"{path}, named by {switches.prefix}_BINARY, is not there",
                cause="a file that was moved, or a variable that was set for another machine",
                action=f"correct or unset {switches.prefix}_BINARY",
            )
        return self._done(name, path, how="named")

    def _prebuilt(self, kind: PrebuildKind, name: str, switches: Switches) -> Installed:
        node = self._node() if kind is PrebuildKind.NODE_ADDON else None
        environ = self.context.environ
        machine = self.request.machine or trying.with_node(this_machine(environ), node, environ)
        choice = choose(self.index.manifest.prebuilds, machine, kind=kind, name=name)
        reasons = [f"{refusal.prebuild.path} {refusal.text}" for refusal in choice.refused]
        errors: list[PipelineError] = []
        if switches.from_source:
            reasons.append(f"{switches.prefix}_BUILD_FROM_SOURCE asks for a build")
        for prebuild in () if switches.from_source else choice.fitting:
            try:
                taken = self._candidate(prebuild, machine, node, switches).take()
            except (ArchiveError, InstallError, IntegrityError, NetworkError) as error:
                errors.append(error)
                reasons.append(f"{prebuild.path}: {error.what}")
                continue
            if not taken.problem:
                done = self._done(name, taken.path, how=taken.how, reasons=reasons)
                return dataclasses.replace(done, prebuild=prebuild.path, probed=taken.probed)
            reasons.append(f"{prebuild.path} {taken.problem}")
        if self.request.build is None or self.request.machine is not None:
            # What stands in the way of the best candidate says more than that nothing is left.
            raise errors[0] if errors else _none_works(name, machine, reasons)
        why = f"no prebuild of {name} is used on {machine}: {'; '.join(reasons)}"
        self.context.reporter.warn(f"{why}; it is built here")
        return dataclasses.replace(self._built(kind, name, self.request.build, node), reasons=tuple(reasons))

    def _built(self, kind: PrebuildKind, name: str, build: fallback.Build, node: Path | None) -> Installed:
        final = fallback.build_here(build, self.request.into / name.rpartition("/")[2], self.context)
        like = next(one for one in self.index.manifest.prebuilds if (one.kind, one.name) == (kind, name))
        environ = self.context.environ
        trial = trying.try_here(like, final, node, environ) if self.request.probe else trying.Trial(ran=False)
        if trial.problem:
            final.unlink()
            raise InstallError(
                f"what was built of {name} {trial.problem}",
                cause="a build for another machine, or a broken one; no prebuild fits",
                action="correct the build command",
            )
        return dataclasses.replace(self._done(name, final, how="built"), probed=trial.ran)

    def _node(self) -> Path | None:
        if self.request.machine is not None or not self.request.probe:
            return None
        return self.request.node or find_program("node", self.context.environ)

    def _candidate(self, prebuild: Prebuild, machine: Machine, node: Path | None, switches: Switches) -> Candidate:
        return Candidate(
            prebuild=prebuild,
            request=self.request,
            index=self.index,
            client=self.client,
            context=self.context,
            machine=machine,
            node=node,
            mirrors=(*([_slashed(switches.mirror)] if switches.mirror else []), *self.mirrors),
            switches=switches,
        )

    def _done(self, name: str, path: Path, *, how: str, reasons: list[str] | None = None) -> Installed:
        return Installed(
            name=name, version=self.index.manifest.version, path=path, how=how, reasons=tuple(reasons or ())
        )


def _none_works(name: str, machine: Machine, reasons: list[str]) -> InstallError:
    return InstallError(
        f"there is no prebuild of {name} for {machine}",
        cause="; ".join(reasons) or "the index has no candidates",
        action="build it from source here (--build), or ask its project for a prebuild of this platform",
    )
