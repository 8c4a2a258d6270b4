"""Credentials for single requests, as a registry wants them: Basic, or tokens that another server hands out.

https://distribution.github.io/distribution/spec/auth/token/ and, for identity tokens,
https://distribution.github.io/distribution/spec/auth/oauth/.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable

from pipeline.errors import RegistryError
from pipeline.net.exchange import Answer, Credential, Request, Secret, origin_of
from pipeline.oci_registry.challenge import Challenge, check_realm
from pipeline.oci_registry.logins import Login

_CLIENT = "snapstitch"
_MAX_TOKEN_LENGTH = 65536

Sender = Callable[[Request], Answer]


class Tokens:
    """What was handed out so far, by scopes (``repository:PATH:pull,push``)."""

    def __init__(self, *, host: str, origin: str, login: Login | None, send: Sender) -> None:
        """Know *login*, which only *origin* and the servers that it names may see."""
        self._host, self._origin, self._login, self._send = host, origin, login, send
        self._known: dict[str, Credential] = {}

    def known(self, scope: str) -> Credential | None:
        """Return the credential that was good for *scope* before."""
        return self._known.get(scope)

    def renewed(self, scope: str, challenge: Challenge) -> Credential:
        """Return a new credential; raises RegistryError where there is none."""
        if challenge.scheme == "basic":
            credential = self._basic()
        else:
            token = self._token(scope, challenge)
            credential = Credential(token=token, origins=frozenset({self._origin}))
        self._known[scope] = credential
        return credential

    def _basic(self) -> Credential:
        if self._login is None or self._login.is_identity_token:
            raise refused(self._host, has_login=self._login is not None)
        return Credential(token=self._login.basic(), origins=frozenset({self._origin}), scheme="Basic")

    def _token(self, scope: str, challenge: Challenge) -> Secret:
        check_realm(challenge, self._host)
        answer = self._send(self._question(scope, challenge))
        if answer.status in {400, 401, 403}:
            raise refused(self._host, has_login=self._login is not None)
        said = answer.json() if answer.status == 200 else None
        token = (said.get("token") or said.get("access_token")) if isinstance(said, dict) else None
        if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN_LENGTH or not token.isprintable():
            raise RegistryError(
                f"{self._host} gives no token: its token server answered {answer.status}",
                cause="the server is in trouble, or it is no token server",
                action="run the same command again later",
            )
        return Secret(token)

    def _question(self, scope: str, challenge: Challenge) -> Request:
        scopes = scope.split(" ")
        login = self._login
        if login and login.is_identity_token:
            form = {
                "grant_type": "refresh_token", "service": challenge.service, "client_id": _CLIENT,
                "scope": scope, "refresh_token": login.secret.reveal(),
            }  # fmt: skip
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            content = urllib.parse.urlencode(form).encode()
            return Request(method="POST", url=challenge.realm, headers=headers, content=content)
        query = [("service", challenge.service), *(("scope", item) for item in scopes)]
        joint = "&" if urllib.parse.urlsplit(challenge.realm).query else "?"
        url = challenge.realm + joint + urllib.parse.urlencode([item for item in query if item[1]])
        origins = frozenset({origin_of(challenge.realm)})
        credential = Credential(token=login.basic(), origins=origins, scheme="Basic") if login else None
        return Request(method="GET", url=url, credential=credential)


def refused(host: str, *, has_login: bool) -> RegistryError:
    """Return the error that says that the registry does not let us."""
    if has_login:
        return RegistryError(
            f"{host} does not accept the login",
            cause="the password or token is wrong or has ended, or may not do this in this repository",
            action=f"log in again with `docker login {host}`, as somebody who may",
        )
    return RegistryError(
        f"{host} wants a login",
        cause="there is none for it in the config.json of DOCKER_CONFIG (or ~/.docker), "
        "or the repository does not exist",
        action=f"log in with `docker login {host}`, or correct the repository's name",
    )
