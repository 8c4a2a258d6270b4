"""Compile with Cargo in an emulated root: compilers are native, build scripts run as programs of the target."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.model.cargo import CargoMessage
from pipeline.model.root import EmulatedRoot, RootRequest
from pipeline.model.target import Target
from pipeline.processes import proc
from pipeline.rootfs import enter, use
from pipeline.rootfs.order import Bind, Order
from pipeline.rootfs.plan import rust_packages
from pipeline.rootfs.ran import emulated_programs
from pipeline.rootfs.store import ensure_root
from pipeline.rust import cargo

_COMPILERS = ("gcc", "g++", "libc6-dev")
_CARGO_PARTS = ("registry", "git")
"""What Cargo has fetched; its settings and its credentials are not seen in the root."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RootInputs:
    """One call of Cargo in a root."""

    root: EmulatedRoot
    call: cargo.CargoCall
    """Its environment is not used: the root has one of its own."""
    goal: cargo.Goal
    env: Mapping[str, str]
    """Variables for build scripts, beside the root's own."""
    seen: tuple[Path, ...]
    """Directories and files that are seen at their own paths, to be read."""
    cargo_home: Path
    """Where the packages lie that the lock file names."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RootOutputs:
    """What Cargo made, and what ran emulated meanwhile."""

    outcome: cargo.BuildOutcome
    emulated_cpu_s: Mapping[str, float]
    """CPU seconds by the program's path, as it was started."""
    emulator_version: str
    """Empty where nothing was emulated."""


def prepare(target: Target, suite: str | None, packages: tuple[str, ...], context: Context) -> EmulatedRoot:
    """Return a root with compilers, Cargo and *packages*, made first where it is absent.

    Raises RootError, ToolboxError, NetworkError, IntegrityError, DiskFullError, NotWritableError.
    """
    plain = RootRequest(target=target, suite=suite)
    wanted = (*_COMPILERS, *rust_packages(plain, context), *packages)
    return ensure_root(dataclasses.replace(plain, packages=tuple(dict.fromkeys(wanted))), context)


def run(
    inputs: RootInputs,
    context: Context,
    *,
    on_message: Callable[[CargoMessage], None] | None = None,
    on_output: Callable[[str], None] | None = None,
) -> RootOutputs:
    """Build the goal; the sources cannot be written to, and there is no network.

    Raises CompileError, MemoryShortError.
    """
    call = dataclasses.replace(inputs.call, cargo=Path("cargo"), offline=True)
    with _order(inputs, context) as (order, directory):

        def within(command: proc.Command) -> proc.Command:
            entered = dataclasses.replace(order, argv=command.argv, cwd=str(call.cwd))
            return enter.command(entered, directory, context.environ)

        outcome = cargo.build(call, inputs.goal, on_message=on_message, on_output=on_output, within=within)
        emulator = inputs.root.emulator
        programs = emulated_programs(Path(order.accounts or ""), emulator.path) if emulator else {}
    return RootOutputs(
        outcome=outcome,
        emulated_cpu_s=programs,
        emulator_version=_version(emulator.path, context) if emulator else "",
    )


def _order(inputs: RootInputs, context: Context) -> contextlib.AbstractContextManager[tuple[Order, Path]]:
    target_dir = fs.make_directory(inputs.call.target_dir)
    binds = [Bind(source=str(path), inside=str(path), read_only=True) for path in inputs.seen]
    binds.append(Bind(source=str(target_dir), inside=str(target_dir)))
    for name in _CARGO_PARTS:
        if (inputs.cargo_home / name).is_dir():
            place = f"{use.CARGO_HOME_INSIDE}/{name}"
            binds.append(Bind(source=str(inputs.cargo_home / name), inside=place, read_only=True))
    options = use.RunOptions(argv=("cargo",), binds=tuple(binds), env=inputs.env, network=False, watched=True)
    return use.prepared(inputs.root, options, context)


def _version(emulator: Path, context: Context) -> str:
    command = proc.Command(argv=(str(emulator), "--version"), env=proc.base_environment(context.environ))
    words = proc.check(command).text.partition("\n")[0].split()
    return words[2] if len(words) > 2 else ""
