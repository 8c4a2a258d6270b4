"""Addresses of hosts, and what is told of a connection that fails. Real connections: tests/integration/test_handoff."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import DiskFullError, ExecutorUnavailableError, UsageError
from pipeline.executors.ssh import SshExecutor
from pipeline.model.execution import ExecRequest
from pipeline.model.ssh import SshHost, parse_address
from pipeline.model.target import find_target


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("box", ("box", None)), ("me@box", ("me@box", None)), ("me@box:2222", ("me@box", 2222)),
        ("10.0.0.7:22", ("10.0.0.7", 22)), ("[fe80::1%eth0]:22", ("fe80::1%eth0", 22)), ("me@[::1]", ("me@::1", None)),
    ],
)  # fmt: skip
def test_addresses(text: str, meant: tuple[str, int | None]) -> None:
    assert parse_address(text) == meant


@pytest.mark.parametrize(
    "text", ["", "-oProxyCommand=x", "me@-x", "box:", "box:0", "box:99999", "a b", "box:x", "@box"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert str(caught.value) == (
        f"error: {text!r} is not [user@]host[:port]\n"
        "  usual cause: a misspelt host for the ssh executor\n"
        "  what to do:  such as --executor ssh:build@arm-box:2222"
    )


@pytest.fixture
def request_(tmp_path: Path) -> ExecRequest:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x").write_text("")
    return ExecRequest(
        argv=("/x",), env={"OUT_DIR": "/out"}, workdir=Path("/"), outputs=(tmp_path / "out",),
        target=find_target("arm64"), timeout_s=5, root=tmp_path / "root",
    )  # fmt: skip


def executor_with(client: str, directory: Path) -> SshExecutor:
    """Return an executor whose client is a script."""
    program = directory / "ssh"
    program.write_text(f"#!/bin/sh\nenv >{directory}/env\n{client}\n")
    program.chmod(0o755)
    environ = {"PATH": f"{directory}:/usr/bin:/bin", "HOME": "/home/me", "SSH_AUTH_SOCK": "/agent", "TOKEN": "hunter2"}
    return SshExecutor(host=SshHost(address="box"), environ=environ)


def test_a_disk_that_is_full_there(tmp_path: Path, request_: ExecRequest) -> None:
    client = 'echo "@snapstitch connected" >&2; echo "tar: x: Cannot write: No space left on device" >&2; exit 72'
    with pytest.raises(DiskFullError) as caught:
        executor_with(client, tmp_path).run(request_)
    assert str(caught.value) == (
        "tar: x: Cannot write: No space left on device\n\n"
        "error: no space left on box\n"
        "  usual cause: the generator with its libraries and sources takes some 100 MB in TMPDIR there\n"
        "  what to do:  free some space there, or set TMPDIR for the user, and run the same command again"
    )


def test_the_client_sees_what_it_needs_only(tmp_path: Path, request_: ExecRequest) -> None:
    with pytest.raises(ExecutorUnavailableError, match="connecting to box failed: exit status 255"):
        executor_with("exit 255", tmp_path).run(request_)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "SSH_AUTH_SOCK", "LC_ALL"}


def test_a_host_that_says_nothing_more(tmp_path: Path, request_: ExecRequest) -> None:
    client = 'for step in connected received ran; do echo "@snapstitch $step" >&2; done; exit 255'
    with pytest.raises(ExecutorUnavailableError, match="bringing the result back from box failed: exit status 255"):
        executor_with(client, tmp_path).run(request_)
