"""Logins that ``docker login`` stored: https://docs.docker.com/reference/cli/docker/login/#credential-stores."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import RegistryError
from pipeline.model.images.reference import DEFAULT_HOST
from pipeline.net.exchange import Secret
from pipeline.processes import proc

HELPER_TIMEOUT_S = 60.0
_MAX_CONFIG_BYTES = 1024 * 1024
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEFAULT_HOST_KEY = "https://index.docker.io/v1/"
_IDENTITY_USER = "<token>"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """Who we are for one registry."""

    user: str
    secret: Secret
    is_identity_token: bool = False
    """The secret is no password: it is exchanged for tokens, as OAuth 2's refresh tokens are."""

    def basic(self) -> Secret:
        """Return user and password as the scheme Basic sends them (RFC 7617)."""
        return Secret(base64.b64encode(f"{self.user}:{self.secret.reveal()}".encode()).decode())


def find_login(host: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login for *host*, None where there is none.

    Raises RegistryError for a configuration that cannot be read, or a helper that is missing.
    """
    path = _config_path(environ)
    config = _config(path)
    helper = _text(_object(config.get("credHelpers")).get(host)) or _text(config.get("credsStore"))
    if helper:
        return _from_helper(helper, host, environ)
    for key in _keys(host):
        entry = _object(_object(config.get("auths")).get(key))
        if token := _text(entry.get("identitytoken")):
            return Login(user=_IDENTITY_USER, secret=Secret(token), is_identity_token=True)
        if auth := _text(entry.get("auth")):
            return _decoded(auth, path)
    return None


def _config_path(environ: Mapping[str, str]) -> Path:
    directory = environ.get("DOCKER_CONFIG")
    return (Path(directory) if directory else Path(environ.get("HOME", "/nonexistent")) / ".docker") / "config.json"


def _config(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as stream:
            return _object(json.loads(stream.read(_MAX_CONFIG_BYTES)))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path) from error


def _keys(host: str) -> tuple[str, ...]:
    own = (_DEFAULT_HOST_KEY,) if host == DEFAULT_HOST else ()
    return (*own, host, f"https://{host}", f"https://{host}/", f"http://{host}")


def _decoded(auth: str, path: Path) -> Login:
    try:
        user, _colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unreadable(path) from None
    # Docker pads with NUL.
    return Login(user=user, secret=Secret(password.rstrip("\0")))


def _from_helper(helper: str, host: str, environ: Mapping[str, str]) -> Login | None:
    """Ask ``docker-credential-NAME get``: https://github.com/docker/docker-credential-helpers."""
    env = {**proc.base_environment(environ), "DOCKER_CONFIG": str(_config_path(environ).parent)}
    name = f"docker-credential-{helper}"
    program = proc.find_program(name, env) if _HELPER.fullmatch(helper) else None
    if program is None:
        raise RegistryError(
            f"{name[:100]} is missing, which is to know the login for {host}",
            cause=f"{_config_path(environ)} names it under credHelpers or credsStore",
            action="install it, or correct that file",
        )
    question = _DEFAULT_HOST_KEY if host == DEFAULT_HOST else host
    command = proc.Command(
        argv=(str(program), "get"), env=env, timeout_s=HELPER_TIMEOUT_S, stdin=f"{question}\n".encode()
    )
    completed = proc.run(command)
    if completed.exit_code != 0:
        return None
    try:
        answer = _object(json.loads(completed.stdout))
    except (ValueError, RecursionError):
        answer = {}
    user, secret = _text(answer.get("Username")), _text(answer.get("Secret"))
    if not secret:
        return None
    return Login(user=user, secret=Secret(secret), is_identity_token=user == _IDENTITY_USER)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _unreadable(path: Path) -> RegistryError:
    return RegistryError(
        f"{path} cannot be read",
        cause="it is no JSON as `docker login` writes it, or it may not be read",
        action="correct it, log in again, or name another directory with DOCKER_CONFIG",
    )
