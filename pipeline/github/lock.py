"""One publisher at a time for a tag: a reference is the lock, and the commit it points at says who holds it.

Making a reference that exists is refused (422), so exactly one of two publishers makes it. A lock whose holder is gone
is taken over by moving the reference to a child of the dead holder's commit without force: the server moves it for
exactly one of those who try (https://docs.github.com/en/rest/git/refs#update-a-reference). The commits reach no branch
or tag, and nothing remains when the lock is given back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Iterator, Mapping

import pydantic

from pipeline.errors import NetworkError, PublishError
from pipeline.github.api import Api, Call, RefusedError, UncertainError
from pipeline.github.holder import Holder, this_process, why_gone
from pipeline.github.refs import Commit, Refs
from pipeline.model.events import Reporter

PREFIX = "refs/snapstitch/publish/"
LEASE_S = 3 * 3600.0
"""A holder stops before this has passed, so that a lock that is older belongs to nobody."""
MARGIN_S = 600.0
_TITLE = "Publishing is under way; see docs/publish.md."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A lock that is there."""

    commit: Commit
    holder: Holder | None
    """None when the commit does not say who it is."""
    gone: str | None
    """Why the holder cannot be at work any more; None: they may be."""

    @property
    def shown(self) -> str:
        """Return who holds it, in words."""
        return self.holder.shown if self.holder else f"somebody (commit {self.commit.sha})"


class Held:
    """A lock that we hold."""

    def __init__(self, ref: str, sha: str) -> None:
        """Remember what is held, and since when."""
        self.ref = ref
        self.sha = sha
        self._until_s = time.monotonic() + LEASE_S - MARGIN_S

    def check(self) -> None:
        """Raise PublishError when the lease is about to end: another one might begin."""
        if time.monotonic() > self._until_s:
            raise PublishError(
                "publishing takes too long to hold the lock any further",
                cause=f"the uploads took more than {(LEASE_S - MARGIN_S) / 3600:.1f} hours",
                action="run the same command again: what is uploaded is kept",
            )


class Locks:
    """The locks of one repository."""

    def __init__(self, api: Api, reporter: Reporter, environ: Mapping[str, str]) -> None:
        """Use *api* for everything."""
        self._api = api
        self._refs = Refs(api)
        self._reporter = reporter
        self._us = this_process(secrets.token_hex(8), environ)

    @contextlib.contextmanager
    def held(self, tag: str, commit_sha: str) -> Iterator[Held]:
        """Hold the lock of *tag*, whose commit lends the lock's commits its tree.

        Raises PublishError, which says who holds it, when another one does.
        """
        lock = self._take(PREFIX + tag, tag, self._refs.commit(commit_sha).tree_sha)
        try:
            yield lock
        finally:
            self._give_back(lock, tag)

    def find(self, tag: str) -> Found | None:
        """Return the lock of *tag*, None when there is none."""
        sha = self._refs.get(PREFIX + tag)
        return self._look(sha) if sha else None

    def tags(self) -> tuple[str, ...]:
        """Return the tags that are locked."""
        return tuple(ref.removeprefix(PREFIX) for ref in self._refs.matching(PREFIX))

    def remove(self, tag: str) -> None:
        """Delete the lock of *tag*, whoever holds it."""
        self._refs.delete(PREFIX + tag)

    def _take(self, ref: str, tag: str, tree_sha: str) -> Held:
        ours = self._refs.make_commit(self._message(), tree_sha=tree_sha)
        for attempt in range(self._api.patience.attempts):
            with contextlib.suppress(UncertainError):
                if self._refs.create(ref, ours):
                    return Held(ref, ours)
            sha = self._refs.get(ref)
            if sha == ours:
                return Held(ref, ours)
            if sha is not None:
                return self._take_over(ref, tag, self._look(sha))
            self._api.wait(attempt)
        raise _lost(tag, "another publisher")

    def _take_over(self, ref: str, tag: str, found: Found) -> Held:
        if found.gone is None:
            raise _lost(tag, found.shown)
        ours = self._refs.make_commit(self._message(), tree_sha=found.commit.tree_sha, parents=[found.commit.sha])
        for attempt in range(self._api.patience.attempts):
            with contextlib.suppress(UncertainError):
                self._refs.advance(ref, ours)
            now = self._refs.get(ref)
            if now == ours:
                self._reporter.note(f"took over the lock of {tag} from {found.shown}: {found.gone}")
                return Held(ref, ours)
            if now != found.commit.sha:
                break
            self._api.wait(attempt)
        raise _lost(tag, "another publisher, which was faster")

    def _give_back(self, lock: Held, tag: str) -> None:
        """Delete the reference; an error here must not hide one that is on its way."""
        try:
            self._delete(lock)
        except (PublishError, NetworkError) as error:
            self._reporter.warn(
                f"the lock of {tag} stays ({error.what}); the next run on this machine sees that this one has ended"
            )

    def _delete(self, lock: Held) -> None:
        """Delete the reference while it is ours: a second attempt must not delete another one's."""
        for attempt in range(self._api.patience.attempts):
            if self._refs.get(lock.ref) != lock.sha:
                return
            try:
                self._refs.delete(lock.ref)
            except UncertainError:
                if attempt + 1 == self._api.patience.attempts:
                    raise
            else:
                return
            self._api.wait(attempt)

    def _look(self, sha: str) -> Found:
        commit = self._refs.commit(sha)
        holder = _holder(commit.message)
        return Found(commit=commit, holder=holder, gone=self._why_gone(commit, holder))

    def _why_gone(self, commit: Commit, holder: Holder | None) -> str | None:
        now_s = self._api.clock_s
        if now_s is not None and now_s - commit.made_s > LEASE_S:
            return f"the lock is older than {LEASE_S / 3600:.0f} hours"
        if holder is None:
            return None
        return why_gone(holder, self._us) or self._why_run_gone(holder)

    def _why_run_gone(self, holder: Holder) -> str | None:
        """Ask about the workflow run of the holder; a token without `actions: read` may not be told."""
        if not holder.run.isdigit() or holder.run == self._us.run:
            return None
        path = f"/repos/{self._api.access.repository}/actions/runs/{holder.run}/attempts/{holder.attempt}"
        try:
            run = self._api.call(Call(method="GET", path=path))
        except (RefusedError, UncertainError):
            return None
        ended = isinstance(run, dict) and run.get("status") == "completed"
        return "its workflow run has ended" if ended else None

    def _message(self) -> str:
        return f"{_TITLE}\n\n{self._us.model_dump_json(by_alias=True)}\n"


def _holder(message: str) -> Holder | None:
    _title, _blank, document = message.partition("\n\n")
    try:
        return Holder.model_validate_json(document[:10_000])
    except pydantic.ValidationError:
        return None


def _lost(tag: str, holder: str) -> PublishError:
    return PublishError(
        f"{tag} is being published by {holder}",
        cause="two publishers at once; the lock is a reference below refs/snapstitch/publish/",
        action="wait for the other one and run the same command again; if it cannot be alive, "
        f"remove the lock with `python -m pipeline release unlock --tag {tag}`",
    )
