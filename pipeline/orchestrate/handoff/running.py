"""The middle third of a build over several machines: generators of a bundle are run, wherever the target's CPU is."""

from __future__ import annotations

import dataclasses
import platform
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ExecutorUnavailableError, UsageError
from pipeline.executors.choose import Means, candidates, choose
from pipeline.executors.containers import engine_variables
from pipeline.executors.ssh import SshExecutor
from pipeline.model.bundle import SNAPSHOT_SUFFIX, BundleRequest, StepOutcome
from pipeline.model.events import Where
from pipeline.model.execution import Executor
from pipeline.model.spec.selection import parse_executor
from pipeline.model.target import Target, find_target, target_of_machine
from pipeline.orchestrate.handoff.exporting import bundle_path
from pipeline.orchestrate.job import means_of
from pipeline.orchestrate.ledger import Ledger
from pipeline.snapshots import bundles
from pipeline.stages.building import toolbox
from pipeline.stages.handoff import run_generators
from pipeline.v8.compare import Difference, compare_trees


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOrder:
    """A generator bundle, and where it is to be run."""

    bundle: Path
    out: Path
    """The snapshot bundle, or the directory for it."""
    executor: str = "auto"
    """``auto``, ``native``, ``qemu``, ``docker`` or ``ssh:[user@]host[:port]``."""
    cross_check: str | None = None
    """Another executor, whose snapshots are compared with those of the first."""
    target: str | None = None
    """Target that the bundle must be for; None: whichever it is."""
    remote_run: str = ""
    """Words before the program on the host of the ssh executor."""
    ssh_config: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What was run, where, and what it made."""

    path: Path
    size_bytes: int
    sha256: str
    target: str
    outcomes: tuple[tuple[str, StepOutcome], ...]
    others: tuple[tuple[str, StepOutcome], ...] = ()
    """Of the executor that was only compared with."""
    pending: tuple[str, ...] = ()
    """Generators that can be compiled with these snapshots only."""
    differences: tuple[Difference, ...] | None = None
    """None when there was nothing to compare with."""


def run_bundle(order: RunOrder, context: Context) -> RunReport:
    """Run the generators of a bundle and write the snapshot bundle.

    Raises UsageError, ArchiveError, IntegrityError, ExecutorUnavailableError, GeneratorFailedError,
    GeneratorTimeoutError.
    """
    ledger = Ledger(context.reporter)
    context = dataclasses.replace(context, reporter=ledger)
    with bundles.opened(order.bundle) as (directory, request), _private() as work:
        target = _target(order, request)
        outputs = _run(order, directory, request, Path(work) / "first", (order.executor, context))
        other = None
        if order.cross_check is not None:
            other = _run(order, directory, request, Path(work) / "second", (order.cross_check, context))
        bundles.check_sums(directory, order.bundle.name)
        name = order.bundle.name.partition(".")[0]
        path = run_generators.pack(outputs, bundle_path(order.out, name, SNAPSHOT_SUFFIX))
        return RunReport(
            path=path,
            size_bytes=path.stat().st_size,
            sha256=fs.sha256_file(path),
            target=target.name,
            outcomes=outputs.outcomes,
            others=other.outcomes if other else (),
            pending=request.pending,
            differences=_compare(outputs, other) if other else None,
        )


def _private() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="snapstitch-run-")


def _target(order: RunOrder, request: BundleRequest) -> Target:
    name = request.identity.target
    if order.target not in {None, name}:
        raise UsageError(
            f"{order.bundle.name} is for {name}, not for {order.target}",
            cause="the bundle of another target was named",
            action=f"name the bundle for {order.target}, or leave the target out",
        )
    return find_target(name)


def _run(
    order: RunOrder, directory: Path, request: BundleRequest, work: Path, how: tuple[str, Context]
) -> run_generators.RunOutputs:
    name, context = how
    executor = _executor(order, find_target(request.identity.target), name, context)
    work.mkdir()
    with context.reporter.step(f"run generators ({name})", where=Where.NATIVE) as step:
        inputs = run_generators.RunInputs(bundle_dir=directory, request=request, work_dir=work)
        outputs = run_generators.run(inputs, executor)
        ran = [outcome for _name, outcome in outputs.outcomes]
        step.where(Where.EMULATED if any(outcome.emulated for outcome in ran) else Where.NATIVE)
        step.detail(f"{len(ran)} on {ran[0].cpu_model}, {sum(outcome.duration_s for outcome in ran):.1f} s")
    return outputs


def _executor(order: RunOrder, target: Target, wanted: str, context: Context) -> Executor:
    """Return the executor, found by running a tiny program; a host is asked by the run itself.

    Raises ExecutorUnavailableError.
    """
    kind, host = parse_executor(wanted, order.remote_run, order.ssh_config)
    if host is not None:
        return SshExecutor(host=host, environ=context.environ)
    means, name, reasons = _chosen(target, kind, context)
    if kind == "auto":
        context.reporter.note(f"{name} runs programs of {target.name} ({'; '.join(reasons)})")
    return candidates(means)[name]


def _chosen(target: Target, kind: str, context: Context) -> tuple[Means, str, tuple[str, ...]]:
    """Return what runs the programs. Tools are fetched only where this machine's CPU is not the target's.

    A bundle's root has the loader and the libraries: where nothing is to be emulated, nothing is needed.
    """
    if kind == "native" or (kind != "qemu" and target_of_machine(platform.machine()) == target):
        means = Means(target=target, sysroot=Path("/"), engine_env=engine_variables(context.environ))
        try:
            return means, *choose(means, kind)
        except ExecutorUnavailableError:
            if kind != "auto":
                raise
    toolchain = toolbox.run(toolbox.ToolboxInputs(target=target), context)
    means = means_of(toolchain, context.environ)
    return means, *choose(means, kind)


def _compare(first: run_generators.RunOutputs, second: run_generators.RunOutputs) -> tuple[Difference, ...]:
    seen = {name: outcome.out_dir for name, outcome in second.outcomes}
    found: list[Difference] = []
    for name, outcome in first.outcomes:
        trees = (first.out_dirs()[name], second.out_dirs()[name])
        found += compare_trees(trees, (outcome.out_dir, seen[name]))
    return tuple(found)
