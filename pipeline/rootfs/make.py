"""Makes a root from packages: fetched, unpacked in place, and configured by their own scripts, emulated."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import shutil
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.errors import RootError
from pipeline.model.events import Where
from pipeline.model.package import Package, total_size_bytes
from pipeline.model.root import Emulator, NativeTools
from pipeline.processes import proc
from pipeline.rootfs import enter, native
from pipeline.rootfs.binfmt import handler
from pipeline.rootfs.fetched import fetch_packages
from pipeline.rootfs.order import Bind, Order

_INFO_DIR = "var/lib/dpkg/info"
_NO_SERVICES = "#!/bin/sh\n# Nothing is started in a root that has no init (invoke-rc.d(8)).\nexit 101\n"
_APT_SETTINGS = 'APT::Sandbox::User "root";\nAPT::Install-Recommends "false";\nAcquire::Languages "none";\n'
_APT_PATH = f'DPkg::Path "{native.path(enter.PATH)}";\n'
"""Scripts of packages that are installed later are helped, too. What is not there does not harm."""
_DPKG_SETTINGS = """\
force-unsafe-io
post-invoke=if [ -x /.native/refresh ]; then /.native/refresh; fi
"""
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*", "/usr/share/doc/*")
_KEPT = "/usr/share/doc/*/copyright"
_PACKAGES_INSIDE = PurePosixPath("/.packages")
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Packages of a root, and what making it takes."""

    base: tuple[Package, ...]
    packages: tuple[Package, ...]
    apt: PrivateApt
    apt_sources: str
    packages_dir: Path
    emulator: Emulator | None
    tracer: Path | None
    """``proot``, where it must do."""
    tools: NativeTools | None
    """Used by the packages' own scripts, where there are some: they are shell scripts, most of them."""
    context: Context


def make_rootfs(recipe: Recipe, rootfs: Path) -> None:
    """Fill the new directory *rootfs*.

    Raises RootError when a package cannot be configured, and what fetching and unpacking raise.
    """
    rootfs.mkdir()
    prepare_root(rootfs)
    files = _fetch_and_unpack(recipe, rootfs)
    for listed in (rootfs / _INFO_DIR).iterdir():
        listed.unlink()  # dpkg writes its own, and knows nothing of ours
    _settle(recipe, rootfs)
    with enter.run_directory(recipe.context) as directory:
        _unpack_for_dpkg(recipe, rootfs, files, directory)
        _configure(recipe, rootfs, directory)


def _fetch_and_unpack(recipe: Recipe, rootfs: Path) -> tuple[Path, ...]:
    """Fetch everything; unpack what scripts of packages take: a shell, libraries, dpkg."""
    reporter, packages = recipe.context.reporter, recipe.packages
    with reporter.step("root: fetch packages", where=Where.NETWORK) as step:
        step.detail(f"{len(packages)} packages, {total_size_bytes(packages) / 1e6:.0f} MB")
        files = fetch_packages(packages, recipe.apt, recipe.packages_dir, recipe.context)
    base = [recipe.packages_dir / package.file_name for package in recipe.base]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for _done in pool.map(lambda path: unpack(path, rootfs, recipe.context.environ), base):
            pass
    return files


def _settle(recipe: Recipe, rootfs: Path) -> None:
    """Write what the administrator of a system would: where packages come from, and that no service is started."""
    texts = {
        "etc/apt/sources.list.d/root.sources": recipe.apt_sources,
        "etc/apt/apt.conf.d/90root": _APT_SETTINGS + _APT_PATH,
        "etc/dpkg/dpkg.cfg.d/90root": _DPKG_SETTINGS,
        "etc/hostname": "localhost\n",
        "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "usr/sbin/policy-rc.d": _NO_SERVICES,
        "var/lib/dpkg/status": "",
    }
    for name, text in texts.items():
        fs.write_text(rootfs / name, text)
    (rootfs / "usr/sbin/policy-rc.d").chmod(0o755)
    for keyring in (recipe.apt.directory / "etc/apt/trusted.gpg.d").iterdir():
        target = fs.make_directory(rootfs / "etc/apt/trusted.gpg.d") / keyring.name
        shutil.copyfile(keyring, target)


def _order(recipe: Recipe, rootfs: Path, directory: Path, argv: tuple[str, ...], *, outside: bool) -> Order:
    return Order(
        argv=argv,
        env={**enter.environment({}), **_QUIET},
        root=str(rootfs),
        mount_point=str(directory / "root"),
        handlers=(handler(recipe.emulator),) if recipe.emulator else (),
        network=False,
        outside=outside,
        durable=False,
        tracer=str(recipe.tracer or ""),
        emulator=str(recipe.emulator.path) if recipe.emulator else "",
    )


def _unpack_for_dpkg(recipe: Recipe, rootfs: Path, files: tuple[Path, ...], directory: Path) -> None:
    """Have this machine's dpkg unpack all packages: at full speed, and with their first scripts run in the root."""
    # It takes the root's architecture for a foreign one, and orders nothing: the root's own dpkg does, later.
    forced = "--force-architecture,depends,overwrite,confnew,unsafe-io,bad-path"
    left_out = [f"--path-exclude={pattern}" for pattern in _LEFT_OUT]
    # By ptrace nobody can change the root of a process: the root's own dpkg unpacks then, emulated.
    outside = recipe.tracer is None
    place = (f"--root={directory / 'root'}",) if outside else ()
    options = (*place, forced, *left_out, f"--path-include={_KEPT}")
    first = ("base-passwd", "base-files", "libc6", "dpkg")
    ordered = sorted(files, key=lambda path: (_place(path, first), path.name))
    seen = recipe.packages_dir if outside else _PACKAGES_INSIDE
    argv = ("dpkg", *options, "--unpack", *(str(seen / path.name) for path in ordered))
    reporter = recipe.context.reporter
    with (
        reporter.step("root: unpack packages") as step,
        reporter.progress("unpacking", total=len(files), unit="packages") as progress,
    ):
        order = _order(recipe, rootfs, directory, argv, outside=outside)
        if not outside:
            packages = Bind(source=str(recipe.packages_dir), inside=str(_PACKAGES_INSIDE))
            order = dataclasses.replace(order, binds=(packages,))

        def count(line: bytes) -> None:
            progress.advance(1 if line.startswith(b"Unpacking ") else 0)

        completed = enter.run_kept(order, directory, recipe.context, count)
        step.detail(f"{completed.cpu_s:.1f} s of CPU")
    if completed.exit_code != 0:
        raise _failed("unpack", completed)


def _place(path: Path, first: tuple[str, ...]) -> int:
    name = path.name.partition("_")[0]
    return first.index(name) if name in first else len(first)


def _configure(recipe: Recipe, rootfs: Path, directory: Path) -> None:
    reporter = recipe.context.reporter
    where = Where.EMULATED if recipe.emulator else Where.NATIVE
    with (
        reporter.step("root: configure packages", where=where) as step,
        reporter.progress("configuring", total=len(recipe.packages), unit="packages") as progress,
    ):
        order = _with_tools(recipe, rootfs, directory)

        def count(line: bytes) -> None:
            progress.advance(1 if line.startswith(b"Setting up ") else 0)

        completed = enter.run_kept(order, directory, recipe.context, count)
        step.detail(f"{completed.cpu_s:.1f} s of CPU")
    for place in (native.INSIDE, native.ORIGINALS, _PACKAGES_INSIDE):
        shutil.rmtree(rootfs / place.name, ignore_errors=True)  # what was mounted is seen by the run alone
    if completed.exit_code != 0:
        raise _failed("configure", completed)


def _with_tools(recipe: Recipe, rootfs: Path, directory: Path) -> Order:
    order = _order(recipe, rootfs, directory, ("dpkg", "--configure", "--pending"), outside=False)
    if recipe.tools is None:
        return order
    binds = tuple(native.binds(recipe.tools, (rootfs,), directory))
    return dataclasses.replace(order, binds=binds, env={**order.env, "PATH": native.path(enter.PATH)})


def _failed(what: str, completed: proc.Completed) -> RootError:
    return RootError(
        f"cannot {what} the packages of the root: dpkg ended with {proc.describe_exit(completed.exit_code)}",
        cause="a package's script does something that an ordinary user or an emulator cannot do; see what it printed, "
        "above",
        action="leave out the package that it names (--package), or use another suite (--suite)",
        details=(completed.stdout[-4000:] + completed.stderr[-4000:]).decode(errors="replace"),
    )
