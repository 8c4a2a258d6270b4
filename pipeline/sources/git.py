"""One commit of a git repository, fetched with as little history as the server allows; and which tags there are."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import NetworkError, SourceError, ToolboxError
from pipeline.processes import proc

TIMEOUT_S = 3600.0
MAX_TAGS = 100_000
_TAG_LINE = re.compile(r"([0-9a-f]{40}(?:[0-9a-f]{24})?)\trefs/tags/(\S+)")
_PEELED = "^{}"
"""Ends the name of what an annotated tag points at (git-ls-remote(1))."""
_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_PASSED_ON = re.compile(r"GIT_SSL_.*|GIT_SSH.*|GIT_PROXY_.*|GIT_CONFIG_.*|GIT_ASKPASS|SSH_.*")
_NO_SUCH_COMMIT = re.compile(
    r"not our ref|unadvertised object|no such remote ref|couldn't find remote ref", re.IGNORECASE
)
# What a checkout holds must not depend on the user's settings, and no hook of theirs may run.
_SETTINGS = (
    "core.autocrlf=false", "core.symlinks=true", "core.hooksPath=/dev/null", "gc.auto=0",
    "transfer.fsckObjects=true", "init.defaultBranch=none", "advice.detachedHead=false",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remote:
    """A repository somewhere else."""

    url: str
    """Where to fetch from: an address, or the path of a clone."""
    environ: Mapping[str, str]
    """The caller's environment; git gets the part that concerns it."""

    @property
    def is_local(self) -> bool:
        """Return whether fetching needs no network."""
        is_path = "://" not in self.url and ":" not in self.url.partition("/")[0]
        return is_path or self.url.startswith("file://")

    @property
    def shown_url(self) -> str:
        """Return the address without credentials."""
        return without_credentials(self.url)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommitOrder(Remote):
    """A commit to check out."""

    revision: str
    """The whole name of the commit, 40 (or 64) hexadecimal digits."""


def tags(remote: Remote, directory: Path) -> dict[str, str]:
    """Return the commit of each tag, by the tag's name; git runs in *directory*, which is empty.

    Raises SourceError when there is no such repository, NetworkError when it cannot be reached, ToolboxError without
    git.
    """
    listed = _Git(remote, directory).run("ls-remote", "--tags", "--", remote.url)
    if listed.exit_code != 0:
        raise _unreachable(remote, "its tags", listed.stderr.decode(errors="replace"))
    found: dict[str, str] = {}
    for line in listed.text.splitlines()[:MAX_TAGS]:
        match = _TAG_LINE.fullmatch(line)
        # What an annotated tag points at comes behind it, and takes its place.
        if match:
            found[match[2].removesuffix(_PEELED)] = match[1]
    return found


def without_credentials(text: str) -> str:
    """Return *text* with user names and passwords cut out of the addresses in it."""
    return _CREDENTIALS.sub("", text)


def check_out(order: CommitOrder, directory: Path) -> str:
    """Lay the commit out in *directory*, which is empty, with its ``.git``; return the name of its tree.

    Raises SourceError when there is no such repository or commit, NetworkError when it cannot be reached,
    ToolboxError without git.
    """
    if not _REVISION.fullmatch(order.revision):
        raise SourceError(
            f"{order.revision!r} is not the whole name of a commit",
            cause="a tag, a branch or a shortened name, all of which can come to mean something else",
            action="give all 40 digits: `git rev-parse NAME^{commit}`",
        )
    git = _Git(order, directory)
    git.check("init", "--quiet", str(directory))
    _fetch(git, order)
    git.check("checkout", "--quiet", "--detach", order.revision)
    return git.check("rev-parse", "--verify", "HEAD^{tree}").text.strip()


def _fetch(git: _Git, order: CommitOrder) -> None:
    shallow = git.run("fetch", "--quiet", "--no-tags", "--depth=1", "--", order.url, order.revision)
    if shallow.exit_code == 0:
        return
    words = shallow.stderr.decode(errors="replace")
    if not _NO_SUCH_COMMIT.search(words):
        raise _unreachable(order, order.revision, words)
    # Some servers give only what a branch or a tag points at: take all of it, then look.
    git.check(
        "fetch",
        "--quiet",
        "--no-tags",
        "--",
        order.url,
        "+refs/heads/*:refs/source/heads/*",
        "+refs/tags/*:refs/source/tags/*",
    )
    if git.run("cat-file", "-e", f"{order.revision}^{{commit}}").exit_code != 0:
        raise SourceError(
            f"{order.shown_url} has no commit {order.revision}",
            cause="a wrong revision, a commit that no branch or tag reaches any more, or a mirror that is behind",
            action="check it with `git ls-remote`, and correct the revision in releases.toml",
        )


class _Git:
    """git in one directory, with fixed settings."""

    def __init__(self, order: Remote, directory: Path) -> None:
        self._order = order
        self._directory = directory
        passed = {name: value for name, value in order.environ.items() if _PASSED_ON.fullmatch(name)}
        self._env = {**proc.base_environment(order.environ), **passed, "GIT_TERMINAL_PROMPT": "0"}
        # A repository around the cache directory is none of ours.
        self._env["GIT_CEILING_DIRECTORIES"] = str(directory.parent)
        program = proc.find_program("git", self._env)
        if program is None:
            raise ToolboxError(
                "there is no git on this machine",
                cause="it is not installed",
                action="install git (Debian: apt-get install git), or give a source of kind `path` or `registry`",
            )
        self._program = program

    def run(self, *arguments: str) -> proc.Completed:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        argv = (str(self._program), *settings, *arguments)
        return proc.run(proc.Command(argv=argv, env=self._env, cwd=self._directory, timeout_s=TIMEOUT_S))

    def check(self, *arguments: str) -> proc.Completed:
        completed = self.run(*arguments)
        if completed.exit_code != 0:
            wanted = self._order.revision if isinstance(self._order, CommitOrder) else "anything"
            raise _unreachable(self._order, wanted, completed.stderr.decode(errors="replace"))
        return completed


def _unreachable(order: Remote, wanted: str, words: str) -> SourceError | NetworkError:
    kind, cause = (
        (SourceError, "there is no repository at this place, or it is damaged or another user's")
        if order.is_local
        else (NetworkError, "no network, a proxy that is not set, a wrong address, or a repository that wants a login")
    )
    return kind(
        f"git cannot take {wanted} from {order.shown_url}",
        cause=cause,
        action="see git's own words above; `git ls-remote` with the same address must work",
        details=without_credentials(words),
    )
