"""Where the token comes from, who sees it, and where it may be sent."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.errors import PublishError, UsageError
from pipeline.github.access import Access, find_token, make_access, needed
from pipeline.net.exchange import Secret

API = "https://api.github.com"
PATH = "/usr/bin:/bin"


def revealed(environ: dict[str, str]) -> str | None:
    token = find_token(API, environ)
    return token.reveal() if token else None


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A user whose credential helper knows github.com, and writes down its environment."""
    helper = tmp_path / "helper"
    helper.write_text(
        f"#!/bin/sh\nenv > {tmp_path}/environment\ncat > {tmp_path}/question\n"
        'test "$1" = get && printf "username=me\\npassword=ghp_stored\\n"\n'
    )
    helper.chmod(0o755)
    settings = tmp_path / ".gitconfig"
    key = "credential.https://github.com.helper"
    subprocess.run(["git", "config", "--file", settings, key, str(helper)], check=True, timeout=20)
    return {"HOME": str(tmp_path), "PATH": PATH}


def test_the_environment_comes_first(home: dict[str, str]) -> None:
    assert revealed({**home, "GITHUB_TOKEN": "ghs_one\n", "GH_TOKEN": "ghs_two"}) == "ghs_one"
    assert revealed({**home, "GH_TOKEN": "ghs_two"}) == "ghs_two"
    assert not Path(home["HOME"], "environment").exists()


def test_the_credential_helper_is_asked(home: dict[str, str]) -> None:
    assert revealed({**home, "AWS_SECRET": "x", "GITHUB_TOKEN": ""}) == "ghp_stored"
    place = Path(home["HOME"])
    assert "host=github.com" in (place / "question").read_text()
    seen = (place / "environment").read_text()
    assert "GIT_TERMINAL_PROMPT=0" in seen
    assert "AWS_SECRET" not in seen


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert revealed({"HOME": str(tmp_path), "PATH": PATH}) is None
    assert revealed({"HOME": str(tmp_path), "PATH": str(tmp_path)}) is None
    access = Access(repository="o/r", api_url=API, token=None)
    assert access.credential() is None
    with pytest.raises(PublishError) as caught:
        needed(access)
    assert str(caught.value) == (
        "error: there is no token\n"
        "  usual cause: GITHUB_TOKEN and GH_TOKEN are not set, and git's credential helper has none for this host\n"
        "  what to do:  set GITHUB_TOKEN (in a workflow: ${{ github.token }} with `permissions: contents: write`), "
        "or log in with `gh auth login`"
    )


def test_what_is_no_token_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(PublishError) as caught:
        find_token(API, {"GITHUB_TOKEN": "two words", "HOME": str(tmp_path)})
    assert caught.value.what == "GITHUB_TOKEN holds no token"
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize(
    ("api_url", "origins"),
    [
        (API, {"https://api.github.com:443", "https://uploads.github.com:443"}),
        ("https://api.corp.ghe.com", {"https://api.corp.ghe.com:443", "https://uploads.corp.ghe.com:443"}),
        ("https://host/api/v3", {"https://host:443"}),
        ("http://127.0.0.1:8080", {"http://127.0.0.1:8080"}),
    ],
)
def test_the_token_belongs_to_the_interface_and_its_upload_host(api_url: str, origins: set[str]) -> None:
    credential = Access(repository="o/r", api_url=api_url, token=Secret("t")).credential()
    assert credential is not None
    assert credential.origins == origins


@pytest.mark.parametrize(
    "api_url",
    ["http://api.github.com", "ftp://host", "api.github.com", "https://me@host", "http://localhost", "https:"],
)
def test_addresses_that_get_no_token(api_url: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_access("o/r", api_url, {"GITHUB_TOKEN": "t"})
    assert caught.value.what == f"{api_url!r} is no address that a token may be sent to"


@pytest.mark.parametrize("repository", ["", "owner", "owner/", "/name", "a/b/c", "https://github.com/a/b", "a b/c"])
def test_repositories_that_are_none(repository: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_access(repository, None, {"GITHUB_TOKEN": "t"})
    assert caught.value.what == (f"{repository!r} is not a repository" if repository else "no repository is named")


def test_a_workflow_says_which_repository() -> None:
    environ = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "https://host/api/v3/"}
    access = make_access(None, None, environ)
    assert (access.repository, access.api_url) == ("o/r", "https://host/api/v3")
    assert make_access("x/y", API, environ).repository == "x/y"
