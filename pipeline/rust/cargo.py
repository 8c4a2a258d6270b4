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

from pipeline.context import Context
from pipeline.errors import (
    LockfileMissingError,
    WorkspaceError,
)
from pipeline.lifting.noise import OverrideWarnings
from pipeline.model.analysis import PackageKey, Selection
from pipeline.model.cargo import Artifact, CargoMessage, Metadata, ScriptExecuted, UnitGraph
from pipeline.model.cargo import Goal as Goal  # noqa: PLC0414 - callers name it with the calls it is for
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.processes.memory import Need
from pipeline.rust import cargo_failures as failures
from pipeline.rust.answers.store import Answers, Question

Model = TypeVar("Model", bound=pydantic.BaseModel)
JOB_MEMORY_BYTES = 1_200_000_000
"""What most runs of rustc stay below; the largest of a tree are told by its profile."""
COMPILING = Need(what="compiling", job_bytes=JOB_MEMORY_BYTES)
_MANIFEST_PATH = re.compile(rb'"manifest_path":"([^"\\]+)"')


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
    memory: Need = COMPILING
    """What a build with it takes."""
    answers: Answers | None = None
    """Where answers about the workspace are kept from run to run; None: Cargo is asked each time."""

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
    peak_memory_bytes: int = 0
    """Of the largest process."""

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
    text = _ask(call, ("-vV",)).decode(errors="replace")
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
    return _read(Metadata, _ask(call, arguments))


def metadata(call: CargoCall, *, platforms: tuple[str, ...] = ()) -> Metadata:
    """Return what Cargo knows about the workspace, with the packages that *platforms* (or all) need.

    Raises WorkspaceError with Cargo's words, LockChangedError when ``Cargo.lock`` would have to change,
    NetworkError when packages cannot be fetched.
    """
    chosen = [argument for triple in platforms for argument in ("--filter-platform", triple)]
    if call.selection.features:
        chosen += ["--features", ",".join(call.selection.features)]
    arguments = ("metadata", "--format-version", "1", *call.common_arguments(), *chosen)
    return _read(Metadata, _ask(call, arguments, fits=_is_unpacked))


def unit_graph(call: CargoCall, goal: Goal) -> UnitGraph:
    """Return every compiler run that building *goal* takes, without building anything.

    The graph is behind a switch that stable Cargo takes only when told to act as an unstable one. What the
    compiler answers then must not be remembered for real builds, hence the directory apart.
    Raises what `metadata` raises.
    """
    apart = dataclasses.replace(
        call, env={**call.env, "RUSTC_BOOTSTRAP": "1"}, target_dir=call.target_dir.parent / "unit-graph", jobs=None
    )
    arguments = (*_build_arguments(apart, goal), "-Z", "unstable-options", "--unit-graph")
    return _read(UnitGraph, _ask(apart, arguments))


def build(
    call: CargoCall,
    goal: Goal,
    *,
    on_message: Callable[[CargoMessage], None] | None = None,
    on_output: Callable[[str], None] | None = None,
    within: Callable[[proc.Command], proc.Command] | None = None,
) -> BuildOutcome:
    """Build *goal*; callbacks see Cargo's messages, and what it prints for people, as they come.

    *within* turns the command into one that runs it elsewhere, such as in a root.

    Raises CompileError with the compilers' diagnostics and the line that builds the same again, MemoryShortError when
    the system ended a compiler.
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
    completed = proc.run(within(command) if within else command, on_stdout=read_line, on_stderr=pass_on)
    if completed.exit_code != 0:
        raise failures.build_error(command, goal, completed, memory=call.memory, jobs=call.jobs)
    return BuildOutcome(
        artifacts=tuple(message for message in messages if isinstance(message, Artifact)),
        scripts=tuple(message for message in messages if isinstance(message, ScriptExecuted)),
        duration_s=completed.duration_s,
        cpu_s=completed.cpu_s,
        peak_memory_bytes=completed.peak_memory_bytes,
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
        raise failures.reading_error(command, completed)
    return completed


def _ask(call: CargoCall, arguments: tuple[str, ...], *, fits: Callable[[bytes], bool] = bool) -> bytes:
    """Return what Cargo answers to a call that changes nothing: now, or when it was asked the same before."""
    if call.answers is None:
        return _run(call, arguments).stdout
    compiler = call.env.get("RUSTC")
    question = Question(
        argv=(str(call.cargo), *arguments),
        env=call.env,
        cwd=call.cwd,
        manifest_path=call.manifest_path,
        settings=call.config,
        programs=(call.cargo, *((Path(compiler),) if compiler else ())),
        home=Path(call.env.get("CARGO_HOME") or Path(call.env.get("HOME", "/nonexistent"), ".cargo")),
    )
    return call.answers.ask(question, lambda: _run(call, arguments).stdout, fits=fits)


def _is_unpacked(answer: bytes) -> bool:
    """Return whether the packages still lie where an answer says: Cargo's home may have been cleared."""
    return all(os.path.exists(path) for path in _MANIFEST_PATH.findall(answer))  # noqa: PTH110 - a thousand of them


def _read(model: type[Model], answer: bytes) -> Model:
    return model.model_validate_json(answer)
