"""Releases afterwards: listed, withdrawn, published again under a revision, cleaned up."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest

from pipeline.errors import PublishError
from pipeline.github.api import UncertainError
from pipeline.github.lock import PREFIX
from pipeline.orchestrate.releases import keeping
from pipeline.orchestrate.releases.publishing import PublishOutcome
from tests.unit.github.publishing import QUICK, context_for, publish, request_for, write_files
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.test_publish import holder_of, leave_a_draft
from tests.unit.github.world import TAG

REVISION = f"{TAG}-r2"


def states(github: StandIn, directory: Path) -> dict[str, str]:
    access = request_for(github.url, directory).access
    return {one.tag: one.state for one in keeping.list_releases(access, context_for(directory), QUICK)}


def withdraw(github: StandIn, directory: Path, tag: str = TAG) -> str:
    access = request_for(github.url, directory).access
    return keeping.withdraw_release(access, tag, "A wrong snapshot.", context_for(directory), QUICK).state


def republish(github: StandIn, directory: Path, **changes: object) -> PublishOutcome:
    request = dataclasses.replace(request_for(github.url, directory), **changes)  # type: ignore[arg-type]
    return keeping.republish(request, context_for(directory))


def test_a_list_has_what_was_published_here(github: StandIn, files_dir: Path) -> None:
    github.world.create_release({"tag_name": "v0.1", "body": "by hand"})
    publish(github.url, files_dir)
    assert states(github, files_dir) == {TAG: "public"}
    access = request_for(github.url, files_dir).access
    (one,) = keeping.list_releases(access, context_for(files_dir), QUICK)
    assert (one.assets, one.size_bytes) == (3, sum(path.stat().st_size for path in files_dir.iterdir()))


def test_a_withdrawn_release_is_a_draft_again(github: StandIn, files_dir: Path) -> None:
    publish(github.url, files_dir)
    assert withdraw(github, files_dir) == "withdrawn"
    (release,) = github.world.releases
    assert (release.draft, release.name, len(release.assets)) == (True, f"{TAG} (withdrawn)", 3)
    assert release.body.startswith(
        "> **Withdrawn: do not use the files of this release.**\n\nA wrong snapshot.\n\nNotes.\n\n<!-- "
    )
    github.schedule()
    assert withdraw(github, files_dir) == "withdrawn"
    assert github.seen["edit-release"] == 0


def test_an_immutable_release_gets_a_notice(github: StandIn, files_dir: Path) -> None:
    github.world.manners.immutable = True
    publish(github.url, files_dir)
    assert states(github, files_dir) == {TAG: "immutable"}
    assert withdraw(github, files_dir) == "withdrawn"
    (release,) = github.world.releases
    assert (release.draft, release.latest, len(release.assets)) == (False, "false", 3)


@pytest.mark.parametrize("immutable", [False, True])
def test_what_was_withdrawn_is_published_under_a_revision(github: StandIn, files_dir: Path, immutable: bool) -> None:
    github.world.manners.immutable = immutable
    publish(github.url, files_dir)
    withdraw(github, files_dir)
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert str(caught.value) == (
        f"error: {TAG} was withdrawn\n"
        "  usual cause: its assets were found to be wrong; what was published is kept, and is not published again\n"
        f"  what to do:  publish the new ones under a revision: `python -m pipeline release republish --tag {TAG}`"
    )
    write_files(files_dir, "better")
    assert republish(github, files_dir).published.tag == REVISION
    assert states(github, files_dir) == {REVISION: "immutable" if immutable else "public", TAG: "withdrawn"}
    assert github.world.refs[f"refs/tags/{REVISION}"] == github.world.refs[f"refs/tags/{TAG}"]
    # Again: these very files are public under that revision.
    assert republish(github, files_dir).published.uploaded == ()
    # Other files: the next revision; a withdrawn one is never taken again.
    withdraw(github, files_dir, REVISION)
    assert republish(github, files_dir).published.tag == f"{TAG}-r3"


@pytest.mark.parametrize("kind", ["502", "done-502", "cut", "done-cut"])
@pytest.mark.parametrize("step", ["create-ref", "create-release", "upload-asset", "edit-release"])
def test_a_republication_that_fails_goes_on(github: StandIn, files_dir: Path, step: str, kind: str) -> None:
    publish(github.url, files_dir)
    withdraw(github, files_dir)
    github.schedule(Fault(kind, step, always=step != "create-ref"))
    with contextlib.suppress(UncertainError):
        republish(github, files_dir)
    assert github.seen[step] > 0
    github.schedule()
    republish(github, files_dir)
    assert states(github, files_dir) == {REVISION: "public", TAG: "withdrawn"}


def test_an_assembled_release_is_republished_under_its_own_tag_only(github: StandIn, files_dir: Path) -> None:
    with pytest.raises(PublishError) as caught:
        republish(github, files_dir, assembled_tag=TAG)
    assert caught.value.what == f"{files_dir} is the release {TAG}, not {REVISION}"
    assert f"refs/tags/{REVISION}" not in github.world.refs
    assert republish(github, files_dir, assembled_tag=REVISION).published.tag == REVISION


def test_a_revision_tag_that_names_something_else(github: StandIn, files_dir: Path) -> None:
    github.world.refs[f"refs/tags/{REVISION}"] = github.world.make_commit("another", "e" * 40)["sha"]
    with pytest.raises(PublishError, match=f"the tag {REVISION} names another commit"):
        republish(github, files_dir)


def test_what_was_not_published_here_is_not_withdrawn(github: StandIn, files_dir: Path) -> None:
    github.world.create_release({"tag_name": TAG, "body": "by hand"})
    with pytest.raises(PublishError) as caught:
        withdraw(github, files_dir)
    assert str(caught.value) == (
        f"error: there is no public release {TAG} that was made here\n"
        "  usual cause: a misspelt tag, a release that is a draft still, or one that was made by hand\n"
        "  what to do:  see `python -m pipeline release list`"
    )


def test_drafts_that_nobody_is_at_work_on_are_removed(github: StandIn, files_dir: Path) -> None:
    first = leave_a_draft(github, files_dir)
    fields = {"tag_name": "v9", "draft": True, "body": first.body.replace(TAG, "v9")}
    github.world.create_release(fields)
    github.world.create_release({"tag_name": "v8", "draft": True, "body": "by hand"})
    github.world.refs[f"{PREFIX}v9"] = github.world.make_commit("title", "f" * 40)["sha"]
    access = request_for(github.url, files_dir).access
    assert keeping.prune_drafts(access, context_for(files_dir), QUICK) == (TAG,)
    assert {release.tag_name for release in github.world.releases} == {"v8", "v9"}


def test_a_lock_is_removed_by_hand(github: StandIn, files_dir: Path) -> None:
    holder_of(github, host="elsewhere", boot="another", process_id=7)
    access = request_for(github.url, files_dir).access
    assert keeping.unlock(access, TAG, context_for(files_dir), QUICK) == "process 7 on elsewhere"
    assert keeping.unlock(access, TAG, context_for(files_dir), QUICK) is None
    publish(github.url, files_dir)
