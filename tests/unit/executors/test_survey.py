"""What the doctor says about executors."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from pipeline.executors.survey import Wanted, survey
from pipeline.model.doctor import DoctorFinding, Health
from pipeline.model.ssh import SshHost
from pipeline.model.target import find_target, target_of_machine


def look(directory: Path, wanted: Wanted) -> list[DoctorFinding]:
    """Return the findings on a machine whose client for SSH is a script, and that has no container engine."""
    client = directory / "ssh"
    version = "OpenSSH_9.2p1 Debian-2, OpenSSL 3.0"
    client.write_text(f'#!/bin/sh\n[ "$1" = -V ] && {{ echo "{version}" >&2; exit; }}\necho "no route" >&2; exit 255\n')
    client.chmod(0o755)
    environ = {"PATH": f"{directory}:/usr/bin:/bin", "DOCKER_HOST": f"unix://{directory}/none"}
    return list(survey(wanted, environ))


def other() -> str:
    here = target_of_machine(platform.machine())
    return "s390x" if here and here.name == "arm64" else "arm64"


def test_what_is_not_there_is_no_problem_unless_it_is_wanted(tmp_path: Path) -> None:
    found = look(tmp_path, Wanted(targets=(find_target(other()),)))
    assert [(item.subject, item.health, item.message) for item in found] == [
        ("executor native", Health.ABSENT, f"this machine is no {other()} ({platform.machine()})"),
        (
            "executor docker", Health.ABSENT,
            f"the container engine at unix://{tmp_path}/none cannot do this: No such file or directory",
        ),
        ("executor ssh", Health.OK, "OpenSSH_9.2p1 Debian-2; a host is named with --executor ssh:[user@]host"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("executor", "remedy"),
    [
        ("native", "give --executor auto, or another one"),
        ("docker", "start Docker, set DOCKER_HOST, join the group docker, or take another --executor"),
    ],
)
def test_what_was_asked_for_has_a_remedy(tmp_path: Path, executor: str, remedy: str) -> None:
    wanted = Wanted(targets=(find_target(other()),), executor=executor)  # type: ignore[arg-type]
    problem = next(item for item in look(tmp_path, wanted) if item.subject == f"executor {executor}")
    assert (problem.health, problem.remedy) == (Health.PROBLEM, remedy)


def test_a_host_is_tried(tmp_path: Path) -> None:
    wanted = Wanted(targets=(find_target("arm64"),), executor="ssh", host=SshHost(address="box"))
    (problem,) = (item for item in look(tmp_path, wanted) if item.subject == "executor ssh")
    assert (problem.health, problem.message) == (
        Health.PROBLEM, "OpenSSH_9.2p1 Debian-2; connecting to box failed: exit status 255 (no route)"
    )  # fmt: skip
    assert problem.remedy == "see that `ssh box true` works, or give --remote-run for a host of another CPU"


def test_this_machines_own_programs(tmp_path: Path) -> None:
    here = target_of_machine(platform.machine())
    assert here is not None
    found = look(tmp_path, Wanted(targets=(here,)))[0]
    assert (found.health, found.message) == (Health.OK, f"this machine runs {here.name} programs")
