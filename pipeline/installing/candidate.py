"""One candidate that fits, on its way to its place: locked, fetched, compared, measured, tried."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs, net
from pipeline.context import Context
from pipeline.errors import InstallError
from pipeline.installing import pins, placing, trying, unpacking
from pipeline.installing.choice import Machine
from pipeline.installing.fetching import obtain_archive
from pipeline.installing.index import Index
from pipeline.installing.request import InstallRequest
from pipeline.installing.switches import Switches
from pipeline.model.prebuilds.manifest import Prebuild


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taken:
    """What came of taking a candidate."""

    path: Path
    how: str
    """As ``Installed`` has it."""
    probed: bool
    problem: str = ""
    """Why it does not work; empty when it is in place."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One candidate that fits, on its way to its place."""

    prebuild: Prebuild
    request: InstallRequest
    index: Index
    client: net.Client
    context: Context
    machine: Machine
    node: Path | None
    mirrors: tuple[str, ...]
    switches: Switches

    def take(self) -> Taken:
        """Put it in place unless it does not work here.

        Raises IntegrityError, ArchiveError, NetworkError, InstallError for what may not be fetched, NotWritableError.
        """
        request, manifest = self.request, self.index.manifest
        is_known = False
        if request.lock and not request.update_lock:
            is_known = pins.check_pins(request.lock, manifest, self.prebuild, frozen=request.frozen)
        taken = self._present() or self._installed()
        # What is locked stays as it is: the index may have been changed for other platforms.
        if not taken.problem and request.lock and not is_known:
            pins.write_pins(request.lock, manifest)
        return taken

    def _present(self) -> Taken | None:
        if not placing.is_installed(self.prebuild, self.request.into):
            return None
        path = placing.installed_path(self.prebuild, self.request.into)
        trial = self._tried(path)
        return Taken(path=path, how="present", probed=trial.ran, problem=trial.problem)

    def _installed(self) -> Taken:
        request, prebuild = self.request, self.prebuild
        # Beside its place: a program may not be startable from a temporary directory (noexec).
        fs.make_directory(request.into)
        with fs.explained(request.into), tempfile.TemporaryDirectory(prefix=".install-", dir=request.into) as name:
            files = self._files(Path(name))
            path = files[prebuild.path]
            problem = trying.measured_problem(path, self.machine)
            trial = trying.Trial(ran=False, problem=problem) if problem else self._tried(path)
            if trial.problem:
                return Taken(path=path, how="installed", probed=trial.ran, problem=trial.problem)
            placed = placing.place_files(prebuild, files, request.into)
            return Taken(path=placed, how="installed", probed=trial.ran)

    def _files(self, work_dir: Path) -> dict[str, Path]:
        prebuild, layout = self.prebuild, self.index.layout
        if layout and (layout / prebuild.path).is_file():
            return unpacking.copy_prebuild(prebuild, layout, work_dir)
        if self.switches.skip_download and not isinstance(self.index.base, Path):
            raise InstallError(
                f"{prebuild.path} would have to be downloaded, and {self.switches.prefix}_SKIP_DOWNLOAD forbids it",
                cause="the variable is set for this machine or build",
                action="unset it, or install from a local copy of the release",
            )
        packed, path = obtain_archive(prebuild, self.index, self.mirrors, self.client, self.context)
        return unpacking.unpack_prebuild(prebuild, packed, path, work_dir)

    def _tried(self, path: Path) -> trying.Trial:
        request = self.request
        if request.machine is not None or not request.probe:
            return trying.Trial(ran=False)
        return trying.try_here(self.prebuild, path, self.node, self.context.environ)
