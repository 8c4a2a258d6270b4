"""Which executors could be used on a machine, and why not the others: for the doctor, before there is a toolbox."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator, Mapping

from pipeline.errors import ExecutorUnavailableError, ProcessFailedError
from pipeline.executors.containers import engine_variables
from pipeline.executors.docker import engine_facts
from pipeline.executors.ssh import SshExecutor
from pipeline.model.build import ExecutorChoice
from pipeline.model.doctor import DoctorFinding, Health
from pipeline.model.ssh import SshHost, client_environment
from pipeline.model.target import Target, target_of_machine
from pipeline.processes import proc

_LOOK_TIMEOUT_S = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The targets of a build, and the executor that was asked for."""

    targets: tuple[Target, ...]
    executor: ExecutorChoice = "auto"
    host: SshHost | None = None


def survey(wanted: Wanted, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Yield a finding for each executor; one that is not there is a problem only where it was asked for.

    QEMU is among the tools, and looked for with them.
    """
    here = target_of_machine(platform.machine())
    for target in wanted.targets:
        own = target == here
        reason = f"this machine runs {target.name} programs" if own else f"this machine is no {target.name}"
        yield _finding(wanted, "native", reason if own else f"{reason} ({platform.machine()})", works=own)
    yield _docker(wanted, environ)
    yield from _ssh(wanted, environ)


def _docker(wanted: Wanted, environ: Mapping[str, str]) -> DoctorFinding:
    try:
        version, machine = engine_facts(engine_variables(environ))
    except ExecutorUnavailableError as error:
        return _finding(wanted, "docker", error.what, works=False, remedy=error.action)
    return _finding(wanted, "docker", f"engine {version} on {machine}", works=True)


def _ssh(wanted: Wanted, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    env = client_environment(environ)
    try:
        client = proc.run(proc.Command(argv=("ssh", "-V"), env=env, timeout_s=_LOOK_TIMEOUT_S))
    except ProcessFailedError as error:
        yield _finding(wanted, "ssh", error.what, works=False, remedy="install openssh-client")
        return
    version = client.stderr.decode(errors="replace").partition(",")[0].strip()
    if wanted.host is None:
        yield _finding(wanted, "ssh", f"{version}; a host is named with --executor ssh:[user@]host", works=True)
        return
    for target in wanted.targets:
        found = SshExecutor(host=wanted.host, environ=environ).probe(target)
        remedy = f"see that `ssh {wanted.host.address} true` works, or give --remote-run for a host of another CPU"
        reason = found.reason.removeprefix("ssh: ")
        yield _finding(wanted, "ssh", f"{version}; {reason}", works=found.available, remedy=remedy)


def _finding(wanted: Wanted, name: str, message: str, *, works: bool, remedy: str = "") -> DoctorFinding:
    subject = f"executor {name}"
    if works:
        return DoctorFinding(subject=subject, health=Health.OK, message=message)
    if wanted.executor != name:
        return DoctorFinding(subject=subject, health=Health.ABSENT, message=message)
    return DoctorFinding(
        subject=subject, health=Health.PROBLEM, message=message, remedy=remedy or "give --executor auto, or another one"
    )
