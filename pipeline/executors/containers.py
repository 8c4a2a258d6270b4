"""What a request is in a container: what it sees, under which user, and the line that does the same by hand.

Everything lies where it lies outside, so that no path has to be translated. The image is empty by default: programs
start through the sysroot's own loader, so that nothing of an image is used.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.executors.jobs import FILE_LIMIT_BYTES
from pipeline.model.execution import ExecRequest

EMPTY_IMAGE = "snapstitch-empty:1"
"""Made on the spot; there is no registry that it could come from."""
IMAGE_VARIABLE = "SNAPSTITCH_DOCKER_IMAGE"
HOST_VARIABLE = "DOCKER_HOST"
DEFAULT_HOST = "unix:///var/run/docker.sock"
UNSET_VARIABLES = ("PATH", "HOSTNAME")
"""What the engine adds to every environment. A name without a value takes it out again."""

_PASSED_ON = (IMAGE_VARIABLE, HOST_VARIABLE, "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_KERNELS_OWN = (Path("/dev"), Path("/proc"), Path("/sys"))
_SYSTEM_LIBRARIES = (Path("/usr/lib"), Path("/lib"), Path("/lib64"))
_SCRATCH = Path("/tmp")  # noqa: S108 - inside the container: a memory file system of its own


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or directory of the machine that a container sees."""

    source: Path
    path: Path
    """Where it sees it: in the same place, but for programs that have a root of their own."""
    writable: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContainerRun:
    """One program in one container."""

    image: str
    platform: str | None
    """Such as ``linux/arm64``; None: the engine's own."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    workdir: Path
    mounts: tuple[Mount, ...]
    scratch: tuple[Path, ...]
    """Directories in memory that are gone with the container."""
    user: str
    """``uid:gid``: what the program writes belongs to the caller."""

    def environment(self) -> list[str]:
        """Return the environment as the engine wants it, without what the engine itself would add."""
        removed = [name for name in UNSET_VARIABLES if name not in self.env]
        return [*removed, *(f"{name}={value}" for name, value in sorted(self.env.items()))]

    def replay_line(self, host: str) -> str:
        """Return a shell line that runs the same with the engine's command line.

        It runs in an empty environment: ``--env NAME`` would otherwise take the caller's value.
        """
        options = ["--rm", "--init", "--network", "none", "--read-only", "--cap-drop", "ALL"]
        options += ["--security-opt", "no-new-privileges", "--user", self.user, "--workdir", str(self.workdir)]
        options += ["--ulimit", f"fsize={FILE_LIMIT_BYTES}"]
        options += ["--platform", self.platform] if self.platform else []
        for mount in self.mounts:
            options += ["--mount", _mount_option(mount)]
        for path in self.scratch:
            options += ["--tmpfs", f"{path}:exec"]
        for variable in self.environment():
            options += ["--env", variable]
        words = ["--host", host, "run", *options, "--entrypoint", self.argv[0], self.image, *self.argv[1:]]
        return f'env -i "$(command -v docker)" {shlex.join(words)}'


def container_run(
    request: ExecRequest, *, prefix: tuple[str, ...], tools: Iterable[Path], image: str, user: str
) -> ContainerRun:
    """Return how *request* runs behind *prefix*, which needs *tools* (files and directories) to be seen, too."""
    mounts = tuple(_mounts(request, tools) if request.root is None else _root_mounts(request, request.root, tools))
    wanted = {_SCRATCH, *(Path(request.env[name]) for name in ("TMPDIR",) if request.env.get(name))}
    return ContainerRun(
        image=image,
        platform=None,
        argv=(*prefix, *request.argv),
        env=request.env,
        workdir=request.workdir,
        mounts=mounts,
        scratch=tuple(sorted(path for path in wanted if not any(path == mount.path for mount in mounts))),
        user=user,
    )


def files_of_emulator(program: Path) -> tuple[Path, ...]:
    """Return what has to be seen for an emulator in ``<root>/usr/bin`` to start: its root, with the libraries in it."""
    root = program.parent.parent.parent
    if root != Path("/"):
        return (root,)
    return (program, *(path for path in _SYSTEM_LIBRARIES if path.is_dir()))


def user_for(*, uid: int, gid: int, security_options: Iterable[str]) -> str:
    """Return the user inside the container whose files belong to the caller outside.

    A rootless engine maps its own user, who is the caller, to root (https://docs.docker.com/engine/security/rootless/).
    """
    rootless = any("name=rootless" in option.split(",") for option in security_options)
    return "0:0" if rootless else f"{uid}:{gid}"


def engine_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *environ* that say where the engine is and which image is wanted."""
    return {name: environ[name] for name in _PASSED_ON if environ.get(name)}


def engine_words(error: BaseException) -> str:
    """Return the engine's own explanation, or the innermost reason of a connection that failed."""
    explanation = getattr(error, "explanation", None)
    if explanation:
        return str(explanation)
    reason = re.search(r"\((\d+|None), '([^']+)'\)|\[Errno \d+\] ([^'\")]+)", str(error))
    return next((group for group in reversed(reason.groups()) if group), str(error)) if reason else str(error)


def _mounts(request: ExecRequest, tools: Iterable[Path]) -> Iterator[Mount]:
    """Yield each path once, parents first; writable where any part of the request writes to it."""
    writable = {request.workdir, *request.outputs}
    readable = {Path(request.argv[0]), *request.inputs, *tools}
    for path in sorted(writable | readable):
        covered = any(parent in writable or parent in readable for parent in path.parents)
        # What lies below a mounted directory is seen already; only writable below read-only makes a difference.
        if path == Path("/") or (covered and path not in writable):
            continue
        yield Mount(source=path, path=path, writable=path in writable)


def _root_mounts(request: ExecRequest, root: Path, tools: Iterable[Path]) -> Iterator[Mount]:
    """Yield what lies in the root, at the top of the container, and the directory that OUT_DIR ends up in."""
    own = [
        *(Mount(source=path, path=path, writable=False) for path in tools),
        Mount(source=request.outputs[0], path=Path(request.env["OUT_DIR"]), writable=True),
    ]
    kept = (_SCRATCH, *_KERNELS_OWN, *(mount.path for mount in own))
    yield from _pieces(root, root, kept)
    yield from own


def _pieces(directory: Path, root: Path, kept: Iterable[Path]) -> Iterator[Mount]:
    """Yield the parts of *directory* that do not hold any of *kept*: nothing can be mounted into what is read-only."""
    for source in sorted(directory.iterdir()):
        path = Path("/", source.relative_to(root))
        if not any(place.is_relative_to(path) for place in kept):
            yield Mount(source=source, path=path, writable=False)
        elif source.is_dir() and path not in _KERNELS_OWN:
            yield from _pieces(source, root, kept)


def _mount_option(mount: Mount) -> str:
    # The option is a CSV record: a path with a comma or a quote needs quotes.
    parts = ["type=bind", f"source={mount.source}", f"target={mount.path}", *([] if mount.writable else ["readonly"])]
    return ",".join('"' + part.replace('"', '""') + '"' if {",", '"'} & set(part) else part for part in parts)
