"""Hosts that are reached by SSH."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pydantic

from pipeline.errors import UsageError

SCHEME = "ssh:"
_ADDRESS = re.compile(
    r"(?P<host>(?:[^@\s-][^@\s]*@)?(?:\[[0-9A-Za-z:.%]+\]|[^:\s@\[\]-][^:\s@\[\]]*))(?::(?P<port>\d{1,5}))?"
)
_CLIENT_VARIABLES = ("HOME", "USER", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "TMPDIR")


class SshHost(pydantic.BaseModel):
    """Where to, and how."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    address: str
    """``[user@]host``, as the client takes it: names and options of its configuration file apply."""
    port: int | None = None
    config: Path | None = None
    """Another configuration file for the client."""
    emulator: tuple[str, ...] = ()
    """Words before the program, for hosts that have an emulator; ``@ROOT@`` becomes the program's root."""

    @property
    def emulated_cpu(self) -> str:
        """Return the CPU model that the emulator's ``-cpu`` names; empty where it names none."""
        words = iter(self.emulator)
        return next((next(words, "") for word in words if word == "-cpu"), "")


def parse_address(text: str) -> tuple[str, int | None]:
    """Return address and port that ``[user@]host[:port]`` means.

    Raises UsageError.
    """
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 0 < port < 65536):
        raise UsageError(
            f"{text!r} is not [user@]host[:port]",
            cause="a misspelt host for the ssh executor",
            action="such as --executor ssh:build@arm-box:2222",
        )
    return match["host"].replace("[", "").replace("]", ""), port


def parse_host(text: str, *, emulator: str = "", config: Path | None = None) -> SshHost:
    """Return the host that ``[user@]host[:port]`` means; *emulator* is split as a shell would.

    Raises UsageError.
    """
    address, port = parse_address(text)
    try:
        words = tuple(shlex.split(emulator))
    except ValueError as error:
        raise UsageError(
            f"--remote-run {emulator!r}: {error}",
            cause="the words are split like a shell's",
            action="close every quote",
        ) from error
    return SshHost(address=address, port=port, config=config, emulator=words)


def client_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *environ* that OpenSSH's client needs to find its keys, and no others."""
    return {name: environ[name] for name in _CLIENT_VARIABLES if name in environ} | {"LC_ALL": "C"}
