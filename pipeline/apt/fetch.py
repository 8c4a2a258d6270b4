"""Package files, fetched by apt's own downloader into a cache that every run shares."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.apt import failures
from pipeline.errors import IntegrityError, NetworkError
from pipeline.model.events import Progress, Reporter
from pipeline.model.package import Package, total_size_bytes
from pipeline.processes import proc

APT_HELPER = "/usr/lib/apt/apt-helper"
FETCH_TIMEOUT_S = 3600.0
POLL_INTERVAL_S = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """Packages to fetch and where to put them. Callers hold a lock on *packages_dir*."""

    packages: tuple[Package, ...]
    packages_dir: Path
    apt_config: Path
    """Configuration of a private apt: it names the proxies and certificates."""
    environ: Mapping[str, str]
    offline: bool
    reporter: Reporter


OnReady = Callable[[Package, Path], None]


def fetch(request: FetchRequest, on_ready: OnReady) -> None:
    """Call *on_ready* with each package's file, as soon as it is there and its digest is right.

    What an earlier run left, whole or in part, is used.

    Raises NetworkError, IntegrityError, DiskFullError, PackageGoneError.
    """
    fs.make_directory(request.packages_dir)
    wanted = {package.file_name: package for package in request.packages}
    missing: list[Package] = []
    for package in wanted.values():
        path = request.packages_dir / package.file_name
        if _promote(package, path):
            on_ready(package, path)
        else:
            missing.append(package)
    if not missing:
        return
    if request.offline:
        raise _offline(missing)
    title = f"fetching {len(missing)} packages"
    with request.reporter.progress(title, total=total_size_bytes(missing)) as progress:
        _download(request, tuple(missing), _Watcher(request, tuple(missing), on_ready, progress))


def _download(request: FetchRequest, missing: tuple[Package, ...], watcher: _Watcher) -> None:
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        watching = pool.submit(watcher.watch)
        try:
            completed = proc.run(_command(request, missing))
        finally:
            watcher.stop()
        watching.result()
    late = watcher.collect()
    _forget_leftovers(request, missing, late)
    if late:
        _forget_failed(request, late)
        raise _not_fetched(late, completed)


def _command(request: FetchRequest, missing: tuple[Package, ...]) -> proc.Command:
    env = proc.base_environment(request.environ)
    guard = ("setpriv", "--pdeathsig", "KILL") if proc.find_program("setpriv", env) else ()
    argv = [*guard, APT_HELPER, "-c", str(request.apt_config), "-qq", "download-file"]
    for package in missing:
        part = _part_path(request.packages_dir / package.file_name)
        argv += [package.uri, str(part), f"SHA256:{package.sha256}"]
    return proc.Command(argv=tuple(argv), env=env, cwd=request.packages_dir, timeout_s=FETCH_TIMEOUT_S)


def _part_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _promote(package: Package, path: Path) -> bool:
    """Tell whether the file is there; one that is complete under its temporary name gets its own."""
    if path.is_file() and path.stat().st_size == package.size_bytes:
        if fs.sha256_file(path) == package.sha256:
            return True
        path.unlink()
    part = _part_path(path)
    if not part.is_file() or part.stat().st_size < package.size_bytes:
        return False
    if fs.sha256_file(part) != package.sha256:
        return False
    part.replace(path)
    return True


def _forget_leftovers(request: FetchRequest, packages: tuple[Package, ...], late: list[Package]) -> None:
    """Remove what apt made once more of files that were handed over while it still looked at them."""
    for package in packages:
        if package not in late:
            part = _part_path(request.packages_dir / package.file_name)
            part.unlink(missing_ok=True)
            part.with_name(f"{part.name}.FAILED").unlink(missing_ok=True)


def _forget_failed(request: FetchRequest, packages: list[Package]) -> None:
    """Remove whole files with wrong content; parts of files stay, to go on from."""
    for package in packages:
        part = _part_path(request.packages_dir / package.file_name)
        part.with_name(f"{part.name}.FAILED").unlink(missing_ok=True)
        if part.is_file() and part.stat().st_size >= package.size_bytes:
            part.unlink()


def _not_fetched(packages: list[Package], completed: proc.Completed) -> Exception:
    names = ", ".join(package.file_name for package in packages[:3]) + (" …" if len(packages) > 3 else "")
    if failures.is_gone(completed):
        return failures.PackageGoneError(tuple(packages), details=completed.stderr.decode(errors="replace"))
    if completed.exit_code != 0:
        return failures.explain(completed, doing=f"fetch {names}")
    return IntegrityError(
        f"{names} is not what the archive's index says",
        cause="a mirror that is being updated or is broken, or a proxy that changes files",
        action="try again in a while, or choose another mirror (SNAPSTITCH_APT_MIRROR)",
    )


def _offline(missing: list[Package]) -> NetworkError:
    size_mb = total_size_bytes(missing) / 1e6
    return NetworkError(
        f"{len(missing)} packages ({size_mb:.0f} MB) must be fetched and --offline forbids it",
        cause="the toolbox for this target was never made here, or its cache was removed",
        action="run the same command once without --offline",
    )


class _Watcher:
    """Looks at files that grow: reports their bytes, and hands over those that are complete."""

    def __init__(
        self, request: FetchRequest, missing: tuple[Package, ...], on_ready: OnReady, progress: Progress
    ) -> None:
        self._dir = request.packages_dir
        self._waiting = {package.file_name: package for package in missing}
        self._on_ready = on_ready
        self._progress = progress
        self._seen_bytes = 0
        self._ready_bytes = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def watch(self) -> None:
        while not self._stopped.wait(POLL_INTERVAL_S):
            self.collect()

    def collect(self) -> list[Package]:
        """Hand over what is complete; return what is not."""
        for package, path in self._complete():
            self._waiting.pop(package.file_name)
            self._ready_bytes += package.size_bytes
            self._on_ready(package, path)
        self._report()
        return list(self._waiting.values())

    def _complete(self) -> Iterator[tuple[Package, Path]]:
        for package in list(self._waiting.values()):
            path = self._dir / package.file_name
            if _promote(package, path):
                yield package, path

    def _report(self) -> None:
        growing = sum(_size_bytes(_part_path(self._dir / name)) for name in self._waiting)
        now_bytes = self._ready_bytes + growing
        if now_bytes > self._seen_bytes:
            self._progress.advance(now_bytes - self._seen_bytes)
            self._seen_bytes = now_bytes


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
