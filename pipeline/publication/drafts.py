"""The one draft of a tag: found, made, and freed of its doubles."""

from __future__ import annotations

import dataclasses
import secrets

from pipeline.errors import PublishError
from pipeline.github.api import Api, UncertainError
from pipeline.github.releases import Release, Releases
from pipeline.model.events import Reporter
from pipeline.publication.marker import Marker, find_marker, marked


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """What a draft is to say."""

    tag: str
    commit_sha: str
    """What the tag points at."""
    title: str
    notes: str | None
    """None: the service makes them from what was merged."""
    prerelease: bool = False


class Drafts:
    """The releases of one tag."""

    def __init__(self, api: Api, reporter: Reporter) -> None:
        """Use *api* for everything; the lock of the tag is held by the caller."""
        self._api = api
        self._releases = Releases(api)
        self._reporter = reporter

    def find(self, tag: str) -> Release | None:
        """Return the release of *tag* if it is public, else our draft of it; nothing is changed.

        Raises PublishError for drafts that are none of ours, and for a release that was withdrawn.
        """
        public = self._releases.published(tag)
        if public:
            _check_ours(public)
            return public
        same = [release for release in self._releases.all() if release.tag_name == tag]
        for release in same:
            _check_ours(release)
        ordered = sorted(same, key=lambda release: (release.draft, release.id))
        return ordered[0] if ordered else None

    def make(self, draft: Draft) -> Release:
        """Make the draft. A request of which nobody knows whether it was done is looked for before it is made again.

        Raises PublishError, RefusedError, UncertainError.
        """
        marker = Marker(tag=draft.tag, nonce=secrets.token_hex(8))
        notes = self._releases.notes(draft.tag) if draft.notes is None else draft.notes
        fields = {
            "tag_name": draft.tag,
            "target_commitish": draft.commit_sha,
            "name": draft.title,
            "body": marked(notes, marker),
            "prerelease": draft.prerelease,
        }
        for attempt in range(self._api.patience.attempts):
            try:
                return self._releases.create_draft(fields)
            except UncertainError:
                if attempt + 1 == self._api.patience.attempts:
                    raise
            self._api.wait(attempt)
            made = [release for release in self._releases.all() if find_marker(release.body) == marker]
            if made:
                return made[0]
        raise AssertionError("unreachable: the last attempt returns or raises")

    def remove_doubles(self, tag: str, keep: int) -> None:
        """Delete our other drafts of *tag*: a list may lag behind what was made just before a run died."""
        for release in self._releases.all():
            marker = find_marker(release.body)
            ours = marker is not None and marker.tag == tag and not marker.withdrawn
            if ours and release.draft and release.id != keep and release.tag_name == tag:
                self._reporter.note(f"removing a second draft of {tag} (number {release.id})")
                self._releases.delete(release.id)

    def publish(self, release: Release, *, latest: bool) -> Release:
        """Make *release* public. Raises RefusedError, UncertainError."""
        fields = {"draft": False, "make_latest": "true" if latest and not release.prerelease else "false"}
        for attempt in range(self._api.patience.attempts):
            try:
                return self._releases.edit(release.id, fields)
            except UncertainError:
                if attempt + 1 == self._api.patience.attempts:
                    raise
            self._api.wait(attempt)
            now = self._releases.get(release.id)
            if now and not now.draft:
                return now
        raise AssertionError("unreachable: the last attempt returns or raises")


def _check_ours(release: Release) -> None:
    marker = find_marker(release.body)
    if marker is None and not release.draft:
        return
    if marker is None:
        raise PublishError(
            f"there is a draft of {release.tag_name} that was not made here: {release.html_url}",
            cause="somebody began a release by hand, or with another tool",
            action="publish or delete that draft, and run the same command again; its text can be given with --notes",
        )
    if marker.withdrawn:
        raise PublishError(
            f"{release.tag_name} was withdrawn",
            cause="its assets were found to be wrong; what was published is kept, and is not published again",
            action=f"publish the new ones under a revision: `python -m pipeline release republish --tag "
            f"{release.tag_name}`",
        )
