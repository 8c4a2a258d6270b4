"""Pushing to a real registry on bad days: what is cut, refused and full, deaths on either side."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .registry import RunningRegistry, running_registry
from .registry_project import ALL_TAGS, OWN_TAGS, PATH, Project
from .registry_proxy import Fault, Proxy, running_proxy

pytestmark = [pytest.mark.network]


@pytest.fixture
def registry(registry_program: Path, tmp_path: Path) -> Iterator[RunningRegistry]:
    with running_registry(registry_program, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def proxy(registry: RunningRegistry) -> Iterator[Proxy]:
    with running_proxy(registry) as running:
        yield running


@pytest.mark.parametrize(
    "fault",
    [
        Fault(pattern="^PATCH ", cut_after_bytes=200, skip=1),
        Fault(pattern="^PATCH ", status=500, times=2),
        Fault(pattern="^PUT .*/blobs/", status=502),
        Fault(pattern="^PUT .*/manifests/", status=503, times=2),
        Fault(pattern="^POST ", status=429, headers={"Retry-After": "1"}),
        Fault(pattern="^GET .*/blobs/", cut_after_bytes=0, times=2),
    ],
    ids=lambda fault: f"{fault.pattern} {fault.status or 'cut'}",
)
def test_what_passes(project: Project, registry: RunningRegistry, proxy: Proxy, fault: Fault) -> None:
    proxy.faults.append(dataclasses.replace(fault))
    pushed = project.push(proxy.host)
    assert pushed.exit_code == 0, pushed.stderr
    assert proxy.faults[0].times == 0, "the fault did not happen"
    assert sorted(registry.tags(PATH)) == ALL_TAGS


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(pattern="^PATCH ", status=403, times=99), "wants a login"),
        (Fault(pattern="^PATCH ", status=413, times=99, skip=2), "it answered 413"),
        (Fault(pattern="^PUT .*/manifests/sha256", status=400, times=99, skip=3), "it answered 400"),
        (Fault(pattern="^GET .*/blobs/", status=404, times=99), "does not give the blob"),
    ],
    ids=["refused", "too large", "manifest", "lost"],
)
def test_what_does_not_pass_moves_no_tag_of_any_repository(
    project: Project, proxy: Proxy, registry_program: Path, tmp_path: Path, fault: Fault, said: str
) -> None:
    proxy.faults.append(dataclasses.replace(fault))
    with running_registry(registry_program, tmp_path / "other") as other:
        failed = project.push(other.host, proxy.host)
        assert failed.exit_code == 35, failed.stderr
        assert said in failed.stderr
        assert (proxy.tags(PATH), other.tags(PATH)) == ({}, {})
        proxy.faults.clear()
        assert project.push_on(other.host, proxy.host).exit_code == 0
        assert sorted(proxy.tags(PATH)) == sorted(other.tags(PATH)) == ALL_TAGS


def killed_after(project: Project, proxy: Proxy, passed: int) -> bool:
    """Push, and kill the process when the registry has acted on one changing request more than *passed*.

    Return False when the push makes no such request.
    """
    fault = Fault(pattern="^(POST|PATCH|PUT) ", skip=passed)
    pid = 0
    fault.after = lambda: os.kill(pid, signal.SIGKILL)
    proxy.faults.append(fault)
    pid = project.cli.begin(*project.arguments(proxy.host), cwd=project.directory)
    code = project.cli.end(timeout_s=120)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def test_killed_all_over_and_run_again(project: Project, registry_program: Path, tmp_path: Path) -> None:
    """Each push is killed some changing requests further on, and another one ends it."""
    (project.directory / "app.push.json").unlink(missing_ok=True)
    for passed in itertools.count(1, 7):  # POST, PATCH and PUT of a blob are hit in turn
        with (
            running_registry(registry_program, tmp_path / f"registry-{passed}") as registry,
            running_proxy(registry) as proxy,
        ):
            if not killed_after(project, proxy, passed):
                break
            tags = registry.tags(PATH)
            assert set(OWN_TAGS) <= set(tags) or set(tags) <= set(OWN_TAGS), (
                "a tag moved before all versions were there"
            )
            finished = project.push_on(proxy.host)
            assert finished.exit_code == 0, finished.stderr
            assert sorted(registry.tags(PATH)) == ALL_TAGS
            journal = json.loads((project.directory / "app.push.json").read_text())
            assert all(move["moved"] and move["before"] is None for move in journal["moves"])
    assert passed > 30


def test_a_blob_goes_on_where_the_registry_says(project: Project, registry: RunningRegistry, proxy: Proxy) -> None:
    """It has 200 bytes of the second blob when the connection is cut."""
    proxy.uploads = {}
    proxy.faults.append(Fault(pattern="^PATCH ", cut_after_bytes=200, skip=1))
    pushed = project.push(proxy.host)
    assert pushed.exit_code == 0, pushed.stderr
    begun, gone_on = proxy.ranges[1:3]
    end = begun.removeprefix("0-")
    assert gone_on == f"200-{end}"
    assert [line for line in proxy.ranges[3:] if not line.startswith("0-")] == []
    assert sorted(registry.tags(PATH)) == ALL_TAGS
    assert project.cli.run("verify", f"{registry.host}/{PATH}:1.0.0").exit_code == 0


def test_a_registry_that_is_started_again(project: Project, registry_program: Path, tmp_path: Path) -> None:
    """It dies while it takes a blob; the next one has its disk, and knows nothing of what was under way."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_registry(registry_program, tmp_path / "first"))
        proxy = stack.enter_context(running_proxy(first))

        def die() -> None:
            os.kill(first.pid, signal.SIGKILL)
            again = running_registry(registry_program, tmp_path / "again", data_dir=first.data_dir)
            proxy.behind = stack.enter_context(again)

        proxy.faults.append(Fault(pattern="^PATCH ", skip=2, before=die))
        pushed = project.push(proxy.host)
        assert pushed.exit_code == 0, pushed.stderr
        assert proxy.behind is not first
        assert sorted(proxy.tags(PATH)) == ALL_TAGS


def test_a_registry_that_stays_dead(project: Project, registry_program: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with (
        running_registry(registry_program, tmp_path / "first", data_dir=data_dir) as first,
        running_proxy(first) as proxy,
    ):
        # The proxy drops the connections that it cannot pass on.
        proxy.faults.append(
            Fault(pattern="^PUT .*/manifests/", skip=2, before=lambda: os.kill(first.pid, signal.SIGKILL))
        )
        failed = project.push(proxy.host)
        assert failed.exit_code == 35, failed.stderr
        assert f"error: cannot talk to the registry {proxy.host} (tried 6 times): " in failed.stderr
        assert first.tags(PATH) == {}
    with running_registry(registry_program, tmp_path / "again", data_dir=data_dir) as again:
        assert project.push_on(again.host).exit_code == 0
        assert sorted(again.tags(PATH)) == ALL_TAGS


def test_a_disk_without_space(project: Project, registry_program: Path, tmp_path: Path) -> None:
    data = tmp_path / "small"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", data], check=True)
    try:
        with running_registry(registry_program, tmp_path / "registry", data_dir=data) as registry:
            full = project.push(registry.host)
            assert full.exit_code == 35, full.stderr
            assert "it answered 500" in full.stderr
            assert registry.tags(PATH) == {}
    finally:
        subprocess.run(["umount", data], check=True)
