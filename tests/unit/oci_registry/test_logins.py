"""Logins as ``docker login`` stores them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pipeline.errors import RegistryError
from pipeline.oci_registry.logins import Login, find_login


def stored(directory: Path, config: object) -> dict[str, str]:
    (directory / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return {"DOCKER_CONFIG": str(directory), "PATH": f"{directory}:/usr/bin:/bin"}


def entry(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def shown(login: Login | None) -> tuple[str, str, bool] | None:
    return (login.user, login.secret.reveal(), login.is_identity_token) if login else None


def test_a_login_in_the_file(tmp_path: Path) -> None:
    environ = stored(tmp_path, {"auths": {"a.example:5000": entry("me", "pass:word"), "b.example": {}}})
    login = find_login("a.example:5000", environ)
    assert shown(login) == ("me", "pass:word", False)
    assert "pass" not in repr(login)
    assert find_login("b.example", environ) is None
    assert find_login("a.example", environ) is None


def test_the_default_registry_has_a_key_of_its_own(tmp_path: Path) -> None:
    environ = stored(tmp_path, {"auths": {"https://index.docker.io/v1/": entry("me", "x")}})
    assert shown(find_login("docker.io", environ)) == ("me", "x", False)


def test_an_identity_token(tmp_path: Path) -> None:
    environ = stored(tmp_path, {"auths": {"a.example": {"identitytoken": "abc"}}})
    assert shown(find_login("a.example", environ)) == ("<token>", "abc", True)


def helper(directory: Path, text: str) -> None:
    program = directory / "docker-credential-test"
    program.write_text(f"#!/bin/sh\nread host\n{text}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("config", [{"credsStore": "test"}, {"credHelpers": {"a.example": "test"}}])
def test_a_helper_is_asked(tmp_path: Path, config: object) -> None:
    helper(tmp_path, 'printf \'{"Username": "me", "Secret": "of %s"}\' "$host"')
    assert shown(find_login("a.example", stored(tmp_path, config))) == ("me", "of a.example", False)


def test_a_helper_that_knows_nothing(tmp_path: Path) -> None:
    helper(tmp_path, "echo credentials not found; exit 1")
    assert find_login("a.example", stored(tmp_path, {"credsStore": "test"})) is None


@pytest.mark.parametrize("name", ["absent", "../evil", "a b"])
def test_a_helper_that_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError) as caught:
        find_login("a.example", stored(tmp_path, {"credsStore": name}))
    assert caught.value.what == f"docker-credential-{name} is missing, which is to know the login for a.example"


@pytest.mark.parametrize("config", ["{", "\0", {"auths": {"a.example": {"auth": "*"}}}])
def test_a_file_that_cannot_be_read(tmp_path: Path, config: object) -> None:
    with pytest.raises(RegistryError) as caught:
        find_login("a.example", stored(tmp_path, config))
    assert caught.value.what == f"{tmp_path}/config.json cannot be read"


@pytest.mark.parametrize("config", ["[]", {"auths": []}, {"credHelpers": 1, "auths": {"a.example": 7}}])
def test_a_file_of_another_form_knows_nothing(tmp_path: Path, config: object) -> None:
    assert find_login("a.example", stored(tmp_path, config)) is None
