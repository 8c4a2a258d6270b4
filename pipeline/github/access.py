"""Which repository is talked to, and with whose token."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import urllib.parse
from collections.abc import Mapping

from pipeline.errors import PublishError, UsageError
from pipeline.net.exchange import Credential, Secret, origin_of
from pipeline.processes import proc

PUBLIC_API = "https://api.github.com"
TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
HELPER_TIMEOUT_S = 30.0
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{1,1000}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Access:
    """A repository, and what is needed to talk to it."""

    repository: str
    """``owner/name``."""
    api_url: str
    token: Secret | None

    def credential(self) -> Credential | None:
        """Return the token with the origins that may see it: the interface and its upload host."""
        if self.token is None:
            return None
        return Credential(token=self.token, origins=frozenset({origin_of(self.api_url), self.upload_origin()}))

    def upload_origin(self) -> str:
        """Return where assets are sent: ``uploads.`` beside ``api.``, else the same origin."""
        parts = urllib.parse.urlsplit(self.api_url)
        host = parts.netloc.replace("api.", "uploads.", 1) if parts.netloc.startswith("api.") else parts.netloc
        return origin_of(f"{parts.scheme}://{host}")


def make_access(repository: str | None, api_url: str | None, environ: Mapping[str, str]) -> Access:
    """Return the access that the options say, or the variables that GitHub Actions sets, and the token if there is any.

    Raises UsageError for a repository or an address that cannot be meant.
    """
    named = repository or environ.get("GITHUB_REPOSITORY") or ""
    if not _REPOSITORY.fullmatch(named):
        raise UsageError(
            f"{named!r} is not a repository" if named else "no repository is named",
            cause="--repository (or GITHUB_REPOSITORY) is not of the form OWNER/NAME",
            action="give --repository OWNER/NAME",
        )
    base = (api_url or environ.get("GITHUB_API_URL") or PUBLIC_API).rstrip("/")
    if not _is_safe(base):
        raise UsageError(
            f"{base!r} is no address that a token may be sent to",
            cause="it is not https://, or carries a user name",
            action="give an https:// address with --api-url (or GITHUB_API_URL), such as https://HOST/api/v3",
        )
    return Access(repository=named, api_url=base, token=find_token(base, environ))


def find_token(api_url: str, environ: Mapping[str, str]) -> Secret | None:
    """Return the token of the environment, else that of git's credential helper, else None."""
    for name in TOKEN_VARIABLES:
        if environ.get(name):
            return _checked(environ[name].strip(), name)
    host = urllib.parse.urlsplit(api_url).netloc.removeprefix("api.")
    return _from_helper(f"protocol={urllib.parse.urlsplit(api_url).scheme}\nhost={host}\n\n", environ)


def needed(access: Access) -> Access:
    """Return *access*. Raises PublishError when it has no token."""
    if access.token is None:
        raise PublishError(
            "there is no token",
            cause="GITHUB_TOKEN and GH_TOKEN are not set, and git's credential helper has none for this host",
            action="set GITHUB_TOKEN (in a workflow: ${{ github.token }} with `permissions: contents: write`), "
            "or log in with `gh auth login`",
        )
    return access


def _from_helper(question: str, environ: Mapping[str, str]) -> Secret | None:
    """Ask ``git credential fill`` (gitcredentials(7)); it must not ask a person, nor see our variables."""
    env = {**proc.base_environment(environ), "GIT_TERMINAL_PROMPT": "0"}
    git = proc.find_program("git", env)
    if git is None:
        return None
    argv = (str(git), "-c", "core.askPass=", "credential", "fill")
    command = proc.Command(argv=argv, env=env, timeout_s=HELPER_TIMEOUT_S, stdin=question.encode())
    completed = proc.run(command)
    if completed.exit_code != 0:
        return None
    answers = dict(line.partition("=")[::2] for line in completed.text.splitlines())
    return _checked(answers["password"], "git's credential helper") if answers.get("password") else None


def _checked(token: str, source: str) -> Secret:
    if not _TOKEN.fullmatch(token):
        raise PublishError(
            f"{source} holds no token",
            cause="a blank, a line break or quotes were copied with it",
            action=f"correct {source}",
        )
    return Secret(token)


def _is_safe(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
