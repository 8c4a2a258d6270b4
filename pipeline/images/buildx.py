"""Runs ``docker buildx``, by its command line: https://docs.docker.com/reference/cli/docker/buildx/bake/."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ImageError
from pipeline.images.builder import Builder, read_builder
from pipeline.processes import proc

_INSTALL = "install Docker with its buildx plugin, or write the images without an engine: --layout"
_PASSED_ON = frozenset(
    {
        "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "BUILDX_BUILDER",
        "BUILDX_CONFIG", "LD_LIBRARY_PATH",
    }
)  # fmt: skip
_ASK_TIMEOUT_S = 60.0
_START_TIMEOUT_S = 600.0
"""A builder in a container fetches its image first."""
_BAKE_TIMEOUT_S = 3600.0
_LAST_LINES = 30
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What buildx says, what it means, and what helps; the first that fits.
_CAUSES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"not supported for the docker driver"),
        "the engine keeps images in its old store, which knows one platform only",
        "turn its containerd image store on, or make another builder: docker buildx create --driver docker-container",
    ),
    (
        re.compile(r"no match for platform|does not provide the specified platform|no matching manifest"),
        "a base has nothing for one of the platforms",
        "choose another base (`bases` in releases.toml), or leave the platform out with --target",
    ),
    (
        re.compile(r"exec format error"),
        "a RUN is for another CPU than that of the machine that builds",
        "see `nox -s image -- --check`",
    ),
    (
        re.compile(r"network \S+ not found"),
        "the engine has no network for what runs in a build",
        "start it without --bridge none",
    ),
    (
        re.compile(r"failed to push .*(?:40[13]|unauthorized|denied)", re.IGNORECASE),
        "the registry does not let this login push there",
        "log in with `docker login` as somebody who may push; no tag was moved",
    ),
    (
        re.compile(r"failed to push "),
        "the registry is in trouble or out of space, or the builder reaches it by another name than this machine",
        "run the same command again, or let this machine push: --by-layout; no tag was moved",
    ),
    (
        re.compile(r"code = Unavailable|error reading from server|listing workers for Build"),
        "the builder ended, or its connection did",
        "start it (`docker buildx inspect --bootstrap`), and run the same command again; no tag was moved",
    ),
    (
        re.compile(r"401 Unauthorized|403 Forbidden|authorization failed|denied", re.IGNORECASE),
        "a registry refuses a base, or the image that writes bills of materials",
        "log in with `docker login`, or name other images",
    ),
    (
        re.compile(r"failed to resolve source metadata|failed to do request|connection refused|not found"),
        "a base, or the image that writes bills of materials, cannot be had",
        "see that the registry has it and can be reached",
    ),
)
_UNKNOWN_CAUSE = ("see what it says above the last lines", "run the same with --verbose; --print shows bake's file")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Buildx:
    """The command line of an engine that answers."""

    docker: Path
    env: Mapping[str, str]
    builder: str | None
    """Name of the builder; None: the one that is in use."""
    pushes_by_digest: bool = False
    """Whether that builder can."""

    def bake(self, file: Path, metadata: Path, *, cwd: Path, on_line: Callable[[str], None]) -> Mapping[str, str]:
        """Bake everything that *file* asks for and return the digest of each target's image.

        *cwd* is where the file's relative paths begin; *on_line* sees what buildx says. Raises ImageError.
        """
        options = ("--progress", "plain", "--metadata-file", str(metadata), "--file", str(file))
        command = self._command("bake", *self._named(), *options, timeout_s=_BAKE_TIMEOUT_S, cwd=cwd)
        done = proc.run(command, on_stderr=lambda line: on_line(line.decode("utf-8", "replace").rstrip()))
        if done.exit_code:
            raise _not_baked(done.stderr.decode("utf-8", "replace"), command)
        return {name: _digest(name, said) for name, said in _metadata(metadata).items()}

    def _named(self) -> tuple[str, ...]:
        return ("--builder", self.builder) if self.builder else ()

    def _command(self, *words: str, timeout_s: float = _ASK_TIMEOUT_S, cwd: Path | None = None) -> proc.Command:
        return proc.Command(argv=(str(self.docker), "buildx", *words), env=self.env, timeout_s=timeout_s, cwd=cwd)

    def ask(self, *words: str, timeout_s: float = _ASK_TIMEOUT_S) -> proc.Completed:
        """Run a question."""
        return proc.run(self._command(*words, timeout_s=timeout_s))

    def require(self) -> Builder:
        """Return the builder, which answers; it is started if need be. Raises ImageError."""
        if self.ask("version").exit_code:
            raise ImageError(f"{self.docker} has no buildx", cause="its plugin is not installed", action=_INSTALL)
        named = (self.builder,) if self.builder else ()
        found = self.ask("inspect", "--bootstrap", *named, timeout_s=_START_TIMEOUT_S)
        said = f"{found.stdout.decode('utf-8', 'replace')}\n{found.stderr.decode('utf-8', 'replace')}"
        wrong = re.search(r"(?im)^\s*error:\s*(.+)$", said)
        if not found.exit_code and not wrong:
            return read_builder(said)
        why = wrong[1].strip() if wrong else said.strip()
        if "no builder" in why:
            raise ImageError(
                f"there is no builder {self.builder or self.env.get('BUILDX_BUILDER', '')!r}".rstrip(),
                cause="it was removed, or never made for this user and this engine",
                action="choose one that `docker buildx ls` lists, or leave --builder out",
            )
        raise ImageError(
            f"the builder of images does not answer: {why}",
            cause="the engine does not run, or this user may not use it",
            action="start it, or name another one (DOCKER_HOST, --builder); --layout needs none",
        )


def find_buildx(environ: Mapping[str, str], builder: str | None) -> Buildx:
    """Return the machine's buildx, whose builder answers; raises ImageError."""
    env = proc.base_environment(environ) | {name: environ[name] for name in sorted(_PASSED_ON & environ.keys())}
    docker = proc.find_program("docker", env)
    if docker is None:
        raise ImageError("there is no docker on this machine", cause="it is not on the PATH", action=_INSTALL)
    buildx = Buildx(docker=docker, env=env, builder=builder)
    found = buildx.require()
    return dataclasses.replace(buildx, pushes_by_digest=found.pushes_by_digest)


def _metadata(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        described = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _odd_metadata(str(error)) from error
    if not isinstance(described, dict):
        raise _odd_metadata("it is not an object")
    return {name: said for name, said in described.items() if isinstance(said, dict)}


def _digest(name: str, said: Mapping[str, Any]) -> str:
    digest = said.get("containerimage.digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _odd_metadata(f"{name} has no digest")
    return digest


def _odd_metadata(why: str) -> ImageError:
    return ImageError(
        f"buildx does not say what it made: {why}",
        cause="it is of another version than 0.10 and later, or its disk is full",
        action="update buildx",
    )


def _not_baked(said: str, command: proc.Command) -> ImageError:
    errors = re.findall(r"(?m)^ERROR: (.+)$", said)
    known = (item[1:] for item in _CAUSES if item[0].search(said))
    cause, action = next(known, _UNKNOWN_CAUSE)
    return ImageError(
        f"docker buildx bake: {errors[-1] if errors else 'it failed'}",
        cause=cause,
        action=action,
        details="\n".join([*said.splitlines()[-_LAST_LINES:], command.replay_line()]),
    )
