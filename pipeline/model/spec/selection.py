"""From what a person asked for, and what ``releases.toml`` says, to the request for a build."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from pathlib import Path

from pipeline.errors import UnknownNameError, UsageError
from pipeline.model.build import BuildRequest, ExecutorChoice, TargetRequest, ToolchainMode
from pipeline.model.spec.origins import PathSource, PrebuiltVm, VmProvider
from pipeline.model.spec.tables import BuildStrategy, RuntimeSpec, Spec, TargetSpec
from pipeline.model.spec.versions import at_version
from pipeline.model.ssh import SCHEME, SshHost, parse_host
from pipeline.model.target import find_target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a person asked for. Names are as they were typed."""

    runtime: str | None = None
    """Name of a runtime of the specification, perhaps with ``@VERSION``; None: its default one."""
    version: str | None = None
    """Version of the runtime; None: the newest that can be built."""
    ad_hoc: RuntimeSpec | None = None
    """A runtime that is not in the specification, in place of one that is."""
    name: str | None = None
    """Name of what an ad-hoc runtime makes; None: its package's."""
    targets: tuple[str, ...] = ()
    """Target names; empty: all that the runtime is for."""
    suite: str | None = None
    """Release of the distribution for every sysroot, in place of what the specification says."""
    glibc: str | None = None
    """Newest glibc that the product may need, in place of what the specification says."""
    v8: VmProvider | None = None
    """Where the virtual machine comes from, in place of what the specification says."""
    profile: str | None = None
    """Cargo profile, in place of what the specification says."""
    strategy: BuildStrategy | None = None
    """How build scripts of the virtual machine run, in place of what the specification says."""
    out_dir: Path
    toolchain: ToolchainMode = "auto"
    executor: ExecutorChoice = "auto"
    patches_dir: Path | None = None
    """Directory with a directory of patches for each runtime; None: no patches."""
    host: SshHost | None = None
    """For the executor ``ssh``."""
    include: tuple[Path, ...] = ()
    """Directories that generators read besides their own."""


def resolve(spec: Spec, selection: Selection, *, base_dir: Path) -> BuildRequest:
    """Return the request that *selection* means; relative source paths begin at *base_dir*.

    Raises UnknownNameError, and UsageError for a choice that is not possible.
    """
    name, described = _runtime(spec, selection)
    changes: dict[str, object] = {"profile": selection.profile} if selection.profile else {}
    if selection.strategy:
        changes |= {"strategy": selection.strategy}
    if selection.v8:
        changes |= {"v8": selection.v8, "v8_for": {}}
    runtime = _placed(described.model_copy(update=changes), base_dir)
    return BuildRequest(
        name=name,
        runtime=runtime,
        workspace_dir=runtime.source.path if isinstance(runtime.source, PathSource) else None,
        targets=tuple(_target(spec, runtime, name, selection) for name in _target_names(runtime, selection)),
        out_dir=selection.out_dir,
        toolchain=selection.toolchain,
        executor=selection.executor,
        patches_dir=_patches_dir(selection, name, runtime),
        host=selection.host,
        include=selection.include,
    )


def parse_executor(
    text: str, remote_run: str = "", ssh_config: Path | None = None
) -> tuple[ExecutorChoice, SshHost | None]:
    """Return the executor that is meant, and its host where it is ``ssh:[user@]host[:port]``.

    Raises UsageError.
    """
    if text.startswith(SCHEME):
        config = ssh_config.absolute() if ssh_config else None
        return "ssh", parse_host(text.removeprefix(SCHEME), emulator=remote_run, config=config)
    names = tuple(name for name in typing.get_args(ExecutorChoice) if name != "ssh")
    if text not in names:
        raise UsageError(
            f"there is no executor {text!r}",
            cause="a misspelt executor",
            action=f"choose one of {', '.join(names)}, ssh:[user@]host[:port]",
        )
    return typing.cast("ExecutorChoice", text), None


def _patches_dir(selection: Selection, name: str | None, runtime: RuntimeSpec) -> Path | None:
    if selection.patches_dir is None or selection.ad_hoc is not None or name is None:
        return None
    return selection.patches_dir / (runtime.patches or name)


def _runtime(spec: Spec, selection: Selection) -> tuple[str | None, RuntimeSpec]:
    if selection.ad_hoc is not None:
        return selection.name, selection.ad_hoc
    name, at, version = (selection.runtime or spec.default_runtime or _only(spec)).partition("@")
    if at and not version:
        raise UsageError(
            f"which version of {name} is meant?",
            cause="there is nothing behind the @",
            action=f"write {name}@VERSION, or leave the @ out",
        )
    if at and selection.version not in {None, version}:
        raise UsageError(
            f"which version of {name} is meant, {version} or {selection.version}?",
            cause="--runtime and --version name two",
            action="leave one of them out",
        )
    if name in spec.runtimes:
        return name, at_version(name, spec.runtimes[name], version or selection.version)
    near = difflib.get_close_matches(name, spec.runtimes, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(
        f"there is no runtime {name!r}{guess}",
        cause="a misspelt name, or a runtime that releases.toml does not describe",
        action=f"choose one of {', '.join(spec.runtimes) or '(none is described)'}, or name a directory with --path",
    )


def _only(spec: Spec) -> str:
    if len(spec.runtimes) == 1:
        return next(iter(spec.runtimes))
    known = ", ".join(spec.runtimes)
    raise UsageError(
        "which runtime is meant?" if known else "there is no runtime to build",
        cause="releases.toml names no default-runtime" if known else "there is no releases.toml here, or it is empty",
        action=f"choose one of {known} with --runtime" if known else "name a Cargo workspace with --path DIR",
    )


def _placed(runtime: RuntimeSpec, base_dir: Path) -> RuntimeSpec:
    """Return *runtime* with absolute paths."""
    changes: dict[str, object] = {}
    if isinstance(runtime.source, PathSource):
        changes["source"] = runtime.source.model_copy(update={"path": base_dir / runtime.source.path})
    changes["v8"] = _placed_vm(runtime.v8, base_dir)
    changes["v8_for"] = {name: _placed_vm(vm, base_dir) for name, vm in runtime.v8_for.items()}
    if runtime.canary_dir is not None:
        changes["canary_dir"] = base_dir / runtime.canary_dir
    return runtime.model_copy(update=changes)


def _placed_vm(vm: VmProvider, base_dir: Path) -> VmProvider:
    if isinstance(vm, PrebuiltVm) and vm.mirror and "://" not in vm.mirror:
        return vm.model_copy(update={"mirror": str(base_dir / Path(vm.mirror).expanduser())})
    return vm


def _target_names(runtime: RuntimeSpec, selection: Selection) -> tuple[str, ...]:
    names = selection.targets or runtime.targets
    return tuple(dict.fromkeys(find_target(name).name for name in names))


def _target(spec: Spec, runtime: RuntimeSpec, name: str, selection: Selection) -> TargetRequest:
    if name not in runtime.targets:
        raise UsageError(
            f"this runtime is not for {name}",
            cause=f"releases.toml names its targets: {', '.join(runtime.targets)}",
            action="choose one of them, or add the target there",
        )
    suite, glibc = _sysroot(spec.targets.get(name, TargetSpec()), runtime, selection)
    return TargetRequest(target=find_target(name), suite=suite, glibc=glibc)


def _sysroot(*levels: TargetSpec | RuntimeSpec | Selection) -> tuple[str | None, str | None]:
    """Return the suite and the newest glibc that *levels*, the general one first, agree on.

    The two belong together: a level that names another suite is not bound to the glibc of the levels before it.
    """
    suite: str | None = None
    glibc: str | None = None
    for level in levels:
        if level.suite:
            suite, glibc = level.suite, None
        glibc = level.glibc or glibc
    return suite, glibc
