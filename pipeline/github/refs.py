"""References and commits, made through the interface: https://docs.github.com/en/rest/git."""

from __future__ import annotations

import dataclasses
import datetime as dt
import urllib.parse
from collections.abc import Iterable

from pipeline.errors import PublishError
from pipeline.github.api import Api, Call, RefusedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit, as far as it concerns us."""

    sha: str
    tree_sha: str
    message: str
    made_s: float
    """When, by the server's clock, in seconds since 1970."""


class Refs:
    """The references of one repository."""

    def __init__(self, api: Api) -> None:
        """Use *api* for everything."""
        self._api = api
        self._base = f"/repos/{api.access.repository}/git"

    def get(self, ref: str) -> str | None:
        """Return what *ref* (``refs/…``) points at, None when there is none."""
        found = self._object(ref)
        return found[0] if found else None

    def commit_of_tag(self, tag: str) -> str:
        """Return the commit that *tag* names. Raises PublishError when the server has no such tag."""
        found = self._object(f"refs/tags/{tag}")
        if found is None:
            raise PublishError(
                f"there is no tag {tag} on the server",
                cause="it was not pushed, or its name is misspelt",
                action=f"push it: git push origin {tag}",
            )
        sha, kind = found
        while kind == "tag":
            inner = self._api.call(Call(method="GET", path=f"{self._base}/tags/{sha}"))["object"]
            sha, kind = str(inner["sha"]), str(inner["type"])
        return sha

    def commit(self, sha: str) -> Commit:
        """Return a commit."""
        found = self._api.call(Call(method="GET", path=f"{self._base}/commits/{sha}"))
        made = dt.datetime.fromisoformat(str(found["committer"]["date"]))
        return Commit(
            sha=str(found["sha"]),
            tree_sha=str(found["tree"]["sha"]),
            message=str(found["message"]),
            made_s=made.timestamp(),
        )

    def make_commit(self, message: str, *, tree_sha: str, parents: Iterable[str] = ()) -> str:
        """Make a commit that no reference names yet, and return its name."""
        body = {"message": message, "tree": tree_sha, "parents": list(parents)}
        made = self._api.call(Call(method="POST", path=f"{self._base}/commits", body=body))
        return str(made["sha"])

    def create(self, ref: str, sha: str) -> bool:
        """Make *ref*; False when it is there already. Raises UncertainError."""
        body = {"ref": ref, "sha": sha}
        return self._done(Call(method="POST", path=f"{self._base}/refs", body=body, again=False), "already exists")

    def advance(self, ref: str, sha: str) -> bool:
        """Move *ref* to a descendant of what it points at; False when it points elsewhere. Raises UncertainError."""
        body = {"sha": sha, "force": False}
        call = Call(method="PATCH", path=f"{self._base}/{_quoted(ref)}", body=body, again=False)
        return self._done(call, "fast forward", "does not exist")

    def delete(self, ref: str) -> bool:
        """Delete *ref*; False when there is none. Raises UncertainError: look before it is done again."""
        call = Call(method="DELETE", path=f"{self._base}/{_quoted(ref)}", again=False)
        return self._done(call, "does not exist", "not found")

    def matching(self, prefix: str) -> tuple[str, ...]:
        """Return the references that begin with *prefix* (``refs/…``)."""
        path = f"{self._base}/matching-refs/{_quoted(prefix).removeprefix('refs/')}"
        return tuple(str(found["ref"]) for found in self._api.pages(path))

    def _object(self, ref: str) -> tuple[str, str] | None:
        path = f"{self._base}/ref/{_quoted(ref).removeprefix('refs/')}"
        try:
            found = self._api.call(Call(method="GET", path=path))["object"]
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        return str(found["sha"]), str(found["type"])

    def _done(self, call: Call, *refusals: str) -> bool:
        try:
            self._api.answer(call)
        except RefusedError as error:
            if error.status in {404, 422} and any(words in error.said.lower() for words in refusals):
                return False
            raise
        return True


def _quoted(ref: str) -> str:
    return urllib.parse.quote(ref, safe="/")
