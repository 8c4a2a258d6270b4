"""Cargo, typed: metadata, the unit graph, and builds with their messages."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from pipeline import proc
from pipeline.context import Context
from pipeline.errors import (
    CompileError,
    LockChangedError,
    LockfileMissingError,
    NetworkError,
    PipelineError,
    WorkspaceError,
)
from pipeline.lifting.noise import OverrideWarnings, without_override_warnings
from pipeline.model.analysis import PackageKey, Selection
from pipeline.model.cargo import Artifact, CargoMessage, Metadata, ScriptExecuted, UnitGraph
from pipeline.model.cargo import Goal as Goal  # noqa: PLC0414 - callers name it with the calls it is for
from pipeline.model.toolchain import Toolchain

Model = TypeVar("Model", bound=pydantic.BaseModel)
_CHATTER = re.compile(r"^\s*(Compiling|Fresh|Finished|Downloaded|Downloading|Blocking|Updating|Locking) ")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CargoCall:
    """Everything that one invocation of Cargo depends on, save what is to be built."""

    cargo: Path
    env: Mapping[str, str]
    """The whole environment."""
    cwd: Path
    """Cargo finds its configuration files from here upwards."""
    manifest_path: Path
    target_dir: Path
    selection: Selection
    config: tuple[str, ...] = ()
    """``KEY=VALUE`` settings that override those of configuration files and profiles."""
    jobs: int | None = None
    offline: bool = False
    keep_going: bool = False

    def common_arguments(self) -> tuple[str, ...]:
        """Return the arguments that every subcommand takes."""
        chosen = (*self.selection.settings, *self.config)
        settings = [argument for setting in chosen for argument in ("--config", setting)]
        offline = ("--offline",) if self.offline else ()
        return ("--locked", *offline, "--manifest-path", str(self.manifest_path), *settings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOutcome:
    """What a build made."""

    artifacts: tuple[Artifact, ...]
    scripts: tuple[ScriptExecuted, ...]
    duration_s: float
    cpu_s: float

    def executable(self, name: str) -> Path | None:
        """Return where Cargo put the program *name*."""
        for artifact in self.artifacts:
            if artifact.executable and artifact.target.is_binary and artifact.target.name == name:
                return artifact.executable
        return None


def environment(toolchain: Toolchain, context: Context, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of Cargo and of all that it starts."""
    env = proc.base_environment(context.environ) | dict(toolchain.env) | dict(extra or {})
    path = [*map(str, toolchain.path_dirs), env.get("PATH", os.defpath)]
    return env | {"PATH": os.pathsep.join(path), "CARGO_TERM_COLOR": "never", "GIT_OPTIONAL_LOCKS": "0"}


def host_triple(call: CargoCall) -> str:
    """Return the triple that Cargo was made for, which is what it compiles build scripts for."""
    text = _run(call, ("-vV",)).text
    for line in text.splitlines():
        if line.startswith("host: "):
            return line.removeprefix("host: ").strip()
    raise WorkspaceError(
        f"{call.cargo} does not say what machine it was made for",
        cause="the program is not Cargo",
        action="run `python -m pipeline doctor`",
        details=text,
    )


def members(call: CargoCall) -> Metadata:
    """Return the workspace's own packages only; neither a lock file nor a network is needed for that.

    Raises WorkspaceError with Cargo's words.
    """
    arguments = ("metadata", "--format-version", "1", "--no-deps", "--manifest-path", str(call.manifest_path))
    return _read(Metadata, _run(call, arguments).stdout)


def metadata(call: CargoCall, *, platforms: tuple[str, ...] = ()) -> Metadata:
    """Return what Cargo knows about the workspace, with the packages that *platforms* (or all) need.

    Raises WorkspaceError with Cargo's words, LockChangedError when ``Cargo.lock`` would have to change,
    NetworkError when packages cannot be fetched.
    """
    chosen = [argument for triple in platforms for argument in ("--filter-platform", triple)]
    if call.selection.features:
        chosen += ["--features", ",".join(call.selection.features)]
    arguments = ("metadata", "--format-version", "1", *call.common_arguments(), *chosen)
    return _read(Metadata, _run(call, arguments).stdout)


def unit_graph(call: CargoCall, goal: Goal) -> UnitGraph:
    """Return every compiler run that building *goal* takes, without building anything.

    The graph is behind a switch that stable Cargo takes only when told to act as an unstable one. What the
    compiler answers then must not be remembered for real builds, hence the directory apart.
    Raises what `metadata` raises.
    """
    apart = dataclasses.replace(
        call, env={**call.env, "RUSTC_BOOTSTRAP": "1"}, target_dir=call.target_dir.parent / "unit-graph"
    )
    arguments = (*_build_arguments(apart, goal), "-Z", "unstable-options", "--unit-graph")
    return _read(UnitGraph, _run(apart, arguments).stdout)


def build(
    call: CargoCall,
    goal: Goal,
    *,
    on_message: Callable[[CargoMessage], None] | None = None,
    on_output: Callable[[str], None] | None = None,
) -> BuildOutcome:
    """Build *goal*; callbacks see Cargo's messages, and what it prints for people, as they come.

    Raises CompileError with the compilers' diagnostics and the line that builds the same again.
    """
    messages: list[CargoMessage] = []

    def read_line(line: bytes) -> None:
        message = parse_message(line)
        if message is not None:
            messages.append(message)
            if on_message:
                on_message(message)

    warnings = OverrideWarnings()

    def pass_on(line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\n")
        if on_output and not warnings.includes(text):
            on_output(text)

    arguments = (*_build_arguments(call, goal), "--message-format", "json-render-diagnostics")
    command = _command(call, arguments)
    completed = proc.run(command, on_stdout=read_line, on_stderr=pass_on)
    if completed.exit_code != 0:
        raise _build_error(command, goal, completed)
    return BuildOutcome(
        artifacts=tuple(message for message in messages if isinstance(message, Artifact)),
        scripts=tuple(message for message in messages if isinstance(message, ScriptExecuted)),
        duration_s=completed.duration_s,
        cpu_s=completed.cpu_s,
    )


def parse_message(line: bytes) -> CargoMessage | None:
    """Return the message in a line of output, None for other lines and for messages that nobody needs."""
    if not line.startswith(b"{"):
        return None
    try:
        value: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    match value.get("reason"):
        case "compiler-artifact":
            return Artifact.model_validate(value)
        case "build-script-executed":
            return ScriptExecuted.model_validate(value)
        case _:
            return None


def read_lock(path: Path) -> frozenset[PackageKey]:
    """Return every package that a ``Cargo.lock`` names.

    Raises LockfileMissingError when there is none, WorkspaceError when it cannot be read.
    """
    try:
        lock = tomllib.loads(path.read_text(encoding="utf-8"))
        return frozenset(
            PackageKey(name=entry["name"], version=entry["version"], source=entry.get("source", ""))
            for entry in lock.get("package", ())
        )
    except FileNotFoundError as error:
        raise LockfileMissingError(
            f"there is no {path}",
            cause="the workspace was never built, or Cargo.lock is not under version control",
            action="run `cargo generate-lockfile` in the workspace, look at the versions, and try again",
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, UnicodeDecodeError) as error:
        raise WorkspaceError(
            f"{path} is damaged: {error}",
            cause="a merge conflict that was left in the file",
            action="correct it until `cargo metadata --locked` accepts it",
        ) from error


def profile_directory(profile: str) -> str:
    """Return the name of the directory that a profile's results go to (Cargo Book, "Build cache")."""
    return {"dev": "debug", "test": "debug", "bench": "release"}.get(profile, profile)


def _build_arguments(call: CargoCall, goal: Goal) -> tuple[str, ...]:
    choices: list[str] = ["--target", call.selection.target_triple, "--profile", call.selection.profile]
    choices += ["--target-dir", str(call.target_dir)]
    for option, values in (("-p", goal.packages), ("--bin", goal.bins)):
        choices += [argument for value in values for argument in (option, value)]
    if not goal.default_features:
        choices.append("--no-default-features")
    if goal.features:
        choices += ["--features", ",".join(goal.features)]
    if call.keep_going:
        choices.append("--keep-going")
    if call.jobs:
        choices += ["--jobs", str(call.jobs)]
    return ("build", *call.common_arguments(), *choices)


def _command(call: CargoCall, arguments: tuple[str, ...]) -> proc.Command:
    return proc.Command(argv=(str(call.cargo), *arguments), env=call.env, cwd=call.cwd)


def _run(call: CargoCall, arguments: tuple[str, ...]) -> proc.Completed:
    command = _command(call, arguments)
    completed = proc.run(command)
    if completed.exit_code != 0:
        raise _reading_error(command, completed)
    return completed


def _read(model: type[Model], answer: bytes) -> Model:
    return model.model_validate_json(answer)


def _reading_error(command: proc.Command, completed: proc.Completed) -> PipelineError:
    words = completed.stderr.decode(errors="replace")
    common = _common_error(words)
    return common or WorkspaceError(
        "Cargo cannot read the workspace",
        cause="see what Cargo says, above",
        action=f"correct the manifest, and try by hand:\n{command.replay_line()}",
        details=words,
    )


def _common_error(words: str) -> PipelineError | None:
    """Return the error for what may happen to any call, told by Cargo's own words."""
    if "--locked was passed" in words:
        return LockChangedError(
            "Cargo.lock does not fit the manifests any more",
            cause="a manifest was edited and the lock file was not updated",
            action="run `cargo update --workspace` in the workspace, look at the change, and try again",
            details=words,
        )
    marks = (
        "--offline was specified",
        "offline mode",
        "Could not resolve host",
        "failed to download",
        "spurious network error",
    )
    if any(mark in words for mark in marks):
        return NetworkError(
            "Cargo needs packages that are not here",
            cause="no network, or --offline with packages that were never fetched",
            action="run the same command once with a network; packages are kept for the next time",
            details=words,
        )
    return None


def _build_error(command: proc.Command, goal: Goal, completed: proc.Completed) -> PipelineError:
    words = completed.stderr.decode(errors="replace")
    evidence = "\n".join(line for line in without_override_warnings(words.splitlines()) if not _CHATTER.match(line))
    return _common_error(words) or CompileError(
        f"cargo build of {', '.join(goal.bins)} ended with {proc.describe_exit(completed.exit_code)}",
        cause="see what Cargo and the compilers say, above",
        action=f"the tree is kept; the same again by hand:\n{command.replay_line()}",
        details=evidence,
    )
