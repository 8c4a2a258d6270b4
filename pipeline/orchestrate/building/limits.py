"""What a build asks of the machine: a compiler that is new enough, and memory for as many as run at once."""

from __future__ import annotations

import dataclasses
import os

from packaging.version import Version

from pipeline.errors import ToolboxError
from pipeline.model.spec.profiles import chosen
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.job import Job
from pipeline.processes.memory import Need, available_memory_bytes, choose_jobs
from pipeline.rust.cargo import JOB_MEMORY_BYTES, CargoCall

_LOWER = "choose a profile without LTO and with more codegen units"


def within_memory(job: Job, call: CargoCall) -> CargoCall:
    """Return *call* with as many jobs as fit into memory, and with what is to be said when they do not fit after all.

    Where nothing is known about the profile's largest process, jobs that were asked for are given.
    Raises MemoryShortError when it is known that they do not fit.
    """
    need = need_of(job.request.runtime, job.request.name or "the product")
    available, cores = available_memory_bytes(), len(os.sched_getaffinity(0))
    if not need.largest_bytes:
        fitting = cores if available is None else max(1, need.fitting(available))
        jobs = job.context.jobs or min(cores, fitting)
    else:
        jobs = choose_jobs(need, wanted=job.context.jobs, cores=cores, available_bytes=available)
    if jobs < cores and job.context.jobs is None and available is not None:
        job.context.reporter.note(f"{jobs} of {cores} jobs: {available / 1e9:.1f} GB of memory are free")
    return dataclasses.replace(call, memory=need, jobs=jobs)


def require_rust(runtime: RuntimeSpec, name: str, toolchain: Toolchain) -> None:
    """Make sure that the compiler is new enough for the runtime.

    Raises ToolboxError.
    """
    here = next((tool.version for tool in toolchain.tools if tool.name == "rustc"), "")
    if runtime.rust is None or not here or Version(here) >= Version(runtime.rust):
        return
    raise ToolboxError(
        f"{name} wants Rust {runtime.rust} or newer, and the tools have {here}",
        cause="the distribution that the tools come from has no newer one yet, or --toolchain host chose an older one",
        action="choose an older version of it with --version, or install a newer Rust and give --toolchain host",
    )


def need_of(runtime: RuntimeSpec, name: str) -> Need:
    """Return what compiling a runtime with its profile takes."""
    largest_gb = runtime.peak_memory_gb.get(runtime.profile, 0.0)
    return Need(
        what=f"compiling {name} with profile {runtime.profile}",
        job_bytes=JOB_MEMORY_BYTES,
        largest_bytes=int(largest_gb * 1e9),
        lower=_LOWER if _is_heavy(runtime) else "",
    )


def _is_heavy(runtime: RuntimeSpec) -> bool:
    """Return whether the profile asks for what takes the most memory: LTO, or a crate in one piece."""
    described = chosen(runtime.profiles, runtime.profile).values()
    return any(settings.get("lto") or settings.get("codegen-units") == 1 for settings in described)
