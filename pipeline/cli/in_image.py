"""``--toolchain docker``: the whole command runs in the toolchain image, on the same files under the same names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import platformdirs

import pipeline
from pipeline import fs
from pipeline.cli.settings import CACHE_NAME
from pipeline.errors import ToolboxError
from pipeline.processes import proc

IMAGE_VARIABLE: Final = "SNAPSTITCH_TOOLCHAIN_IMAGE"
DEFAULT_IMAGE: Final = "snapstitch-toolchain"
_OPTION, _MODE = "--toolchain", "docker"
_ENGINE_VARIABLES = frozenset(
    {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "LD_LIBRARY_PATH"}
)
_ENGINE_FAILED = 125
"""Exit code of `docker run` when the engine, and not the program, failed."""
_ASK_TIMEOUT_S = 60.0


def wants_image(arguments: Sequence[str]) -> bool:
    """Tell whether a command line is to run in the image."""
    return tuple(_without_image(arguments)) != tuple(arguments)


def run_in_image(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command line in the image and return its exit code; what it says goes where it would have gone.

    Raises ToolboxError when there is no docker, no image, or the engine cannot run it.
    """
    env = proc.base_environment(environ)
    engine_env = env | {name: environ[name] for name in sorted(_ENGINE_VARIABLES & environ.keys())}
    docker = proc.find_program("docker", env)
    if docker is None:
        raise ToolboxError(
            "there is no docker on this machine",
            cause="--toolchain docker runs the command in a container",
            action="install Docker, or give --toolchain private (or auto) on Debian and Ubuntu",
        )
    image = environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
    _require_image(str(docker), image, engine_env)
    argv = (str(docker), "run", *_options(arguments, environ), image, *_inner(arguments))
    command = proc.Command(argv=argv, env=engine_env)
    done = proc.run(command, on_stdout=_pass_on(sys.stdout.fileno()), on_stderr=_pass_on(sys.stderr.fileno()))
    if done.exit_code == _ENGINE_FAILED:
        raise ToolboxError(
            f"the engine cannot run {image}",
            cause="it may not see a directory that is mounted, or is another CPU's",
            action="see what it says above",
            details=command.replay_line(),
        )
    return done.exit_code


def _require_image(docker: str, image: str, env: Mapping[str, str]) -> None:
    found = proc.run(
        proc.Command(argv=(docker, "image", "inspect", "--format", "{{.Id}}", image), env=env, timeout_s=_ASK_TIMEOUT_S)
    )
    if not found.exit_code:
        return
    said = found.stderr.decode("utf-8", "replace").strip()
    if "No such image" in said:
        raise ToolboxError(
            f"the engine has no image {image}",
            cause="it was not made or pulled yet",
            action=f"see docs/images.md for how it is made, or name another one ({IMAGE_VARIABLE})",
        )
    raise ToolboxError(
        f"the container engine does not answer: {said}",
        cause="it does not run, or this user may not use it",
        action="start it, or name another one (DOCKER_HOST)",
    )


def _options(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    # Mirrors and machines reached by SSH are reached as from outside.
    yield from ("--rm", "--init", "--network", "host", "--user", f"{os.getuid()}:{os.getgid()}")
    yield from ("--workdir", str(Path.cwd()), "--env", "HOME=/tmp", "--env", f"PYTHONPATH={_package_dir().parent}")
    yield from ("--env", f"CARGO_HOME={_cargo_home(environ)}")
    for name in sorted(environ):
        if name.startswith("SNAPSTITCH_") or name.lower().endswith("_proxy"):
            yield from ("--env", f"{name}={environ[name]}")
    for path in sorted({*_mounts(arguments), fs.make_directory(_cargo_home(environ))}):
        yield from ("--mount", f"type=bind,source={path},target={path}")


def _mounts(arguments: Sequence[str]) -> Iterator[Path]:
    """Yield the directories that the command may read or write: where it is called, its cache, and all it names."""
    yield from (Path.cwd(), _package_dir(), fs.make_directory(_default_cache()))
    for word in arguments:
        named = Path(word.partition("=")[2] or word)
        path = Path.cwd() / named
        if not named.is_absolute() and not path.exists():
            continue
        while not path.exists():
            path = path.parent
        path = path if path.is_dir() else path.parent
        if path != Path("/"):
            yield path


def _package_dir() -> Path:
    return Path(pipeline.__file__).resolve().parent


def _cargo_home(environ: Mapping[str, str]) -> Path:
    """Return where Cargo keeps what it fetched, and its settings (doc.rust-lang.org/cargo/guide/cargo-home.html)."""
    return Path(environ.get("CARGO_HOME") or Path(environ.get("HOME", "/tmp")) / ".cargo").absolute()  # noqa: S108


def _default_cache() -> Path:
    return platformdirs.user_cache_path(CACHE_NAME)


def _inner(arguments: Sequence[str]) -> tuple[str, ...]:
    # What the caller says of the cache comes later, and wins.
    fixed = ("python3", "-m", "pipeline", "--cache-dir", str(_default_cache()))
    return (*fixed, *_without_image(arguments))


def _without_image(arguments: Sequence[str]) -> Iterator[str]:
    before = ""
    for word in arguments:
        if word == f"{_OPTION}={_MODE}":
            yield f"{_OPTION}=private"
        else:
            yield "private" if (before, word) == (_OPTION, _MODE) else word
        before = word


def _pass_on(descriptor: int) -> proc.LineSink:
    def write(line: bytes) -> None:
        os.write(descriptor, line)

    return write
