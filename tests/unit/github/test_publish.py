"""Publishing: what is there afterwards, that doing it again changes nothing, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, PipelineError, PublishError
from pipeline.github.api import RefusedError
from pipeline.github.holder import this_process
from pipeline.github.lock import LEASE_S, PREFIX, Held
from pipeline.model.images.released import ReleasedImage, ReleasedPlatform
from pipeline.orchestrate.releases.publishing import preview
from pipeline.publication.marker import find_marker
from tests.unit.github.publishing import NAMES, context_for, publish, request_for, write_files
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.world import TAG, TOKEN, Asset, Release

LOCK = f"{PREFIX}{TAG}"


def is_whole(github: StandIn, files_dir: Path) -> None:
    """Exactly one release, public, with the files of the directory; no draft, no lock; the token stayed at home."""
    world = github.world
    (release,) = world.releases
    assert (release.tag_name, release.draft) == (TAG, False)
    wanted = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files_dir.iterdir()}
    assert {asset.name: asset.sha256 for asset in release.assets} == wanted
    assert {asset.state for asset in release.assets} == {"uploaded"}
    assert [ref for ref in world.refs if not ref.startswith("refs/tags/")] == []
    assert github.leaks == []


def nothing_is_public(github: StandIn) -> None:
    assert [release.tag_name for release in github.world.releases if not release.draft] == []
    assert github.leaks == []


def draft_of(github: StandIn) -> Release:
    """Return our draft, left by a publisher that came as far as the first upload."""
    (release,) = github.world.releases
    assert release.draft
    return release


def leave_a_draft(github: StandIn, files_dir: Path) -> Release:
    github.schedule(Fault("forbidden", "upload-asset"))
    with pytest.raises(RefusedError):
        publish(github.url, files_dir)
    github.schedule()
    return draft_of(github)


def test_a_release_becomes_public_whole(github: StandIn, files_dir: Path) -> None:
    outcome = publish(github.url, files_dir)
    is_whole(github, files_dir)
    assert sorted(outcome.published.uploaded) == sorted(NAMES)
    assert outcome.published.url == f"{github.world.web}/owner/app/releases/tag/{TAG}"
    assert outcome.published.immutable is False
    (release,) = github.world.releases
    assert release.target_commitish == github.world.refs[f"refs/tags/{TAG}"]
    assert release.body.startswith("Notes.\n\n<!-- snapstitch-release {")
    assert (release.name, release.prerelease, release.latest) == (TAG, False, "true")


def test_the_order_of_things(github: StandIn, files_dir: Path) -> None:
    publish(github.url, files_dir)
    lock = ["repository", "get-ref", "get-commit", "create-commit", "create-ref"]
    draft = ["release-by-tag", "list-releases", "create-release", "list-releases", "list-assets"]
    read_back = ["get-asset", "stored-file"] * 3
    public = ["get-ref", "edit-release", "release-by-tag", "list-assets", *["public-file", "stored-file"] * 3]
    end = ["list-releases", "get-ref", "delete-ref"]
    assert github.log == [*lock, *draft, *["upload-asset"] * 3, "list-assets", *read_back, *public, *end]


def test_publishing_again_only_verifies(github: StandIn, files_dir: Path) -> None:
    publish(github.url, files_dir)
    github.schedule()
    outcome = publish(github.url, files_dir)
    assert outcome.published.uploaded == ()
    assert set(github.log) & {"create-release", "upload-asset", "edit-release", "delete-asset"} == set()
    assert github.log.count("public-file") == 3
    is_whole(github, files_dir)


def test_an_immutable_release_is_never_touched(github: StandIn, files_dir: Path) -> None:
    github.world.manners.immutable = True
    assert publish(github.url, files_dir).published.immutable
    is_whole(github, files_dir)
    github.schedule()
    publish(github.url, files_dir)
    write_files(files_dir, "other")
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert str(caught.value) == (
        "\n".join(f"{name}: other bytes" for name in (NAMES[2], NAMES[0], NAMES[1]))
        + f"\n\nerror: {TAG} is public already, with other assets: {github.world.web}/owner/app/releases/tag/{TAG}\n"
        "  usual cause: it was published from other files; what is public is never rewritten\n"
        "  what to do:  publish the new files under a revision: `python -m pipeline release republish --tag v1.2.3`"
    )
    assert set(github.log) & {"create-release", "upload-asset", "edit-release", "delete-asset"} == set()


def test_what_a_draft_has_is_kept_mended_or_removed(github: StandIn, files_dir: Path) -> None:
    release = leave_a_draft(github, files_dir)
    world, data = github.world, (files_dir / NAMES[1]).read_bytes()
    good = world.directory / "good"
    good.write_bytes(data)
    bad = world.directory / "bad"
    bad.write_bytes(data[::-1])
    world.add_asset(release.id, NAMES[1], state="uploaded", path=good)
    world.add_asset(release.id, NAMES[2], state="uploaded", path=bad)
    world.add_asset(release.id, "app-1.2.2-linux-arm64.zip", state="uploaded", path=bad)
    world.add_asset(release.id, NAMES[0], state="starter", path=None)
    outcome = publish(github.url, files_dir)
    assert sorted(outcome.published.uploaded) == sorted([NAMES[0], NAMES[2]])
    assert github.log.count("delete-asset") == 3
    is_whole(github, files_dir)


def test_without_digests_the_bytes_that_come_back_decide(github: StandIn, files_dir: Path) -> None:
    github.world.manners.digests = False
    release = leave_a_draft(github, files_dir)
    bad = github.world.directory / "bad"
    bad.write_bytes((files_dir / NAMES[0]).read_bytes()[::-1])
    github.world.add_asset(release.id, NAMES[0], state="uploaded", path=bad)
    outcome = publish(github.url, files_dir)
    assert outcome.published.uploaded.count(NAMES[0]) == 1
    is_whole(github, files_dir)


def test_bytes_that_never_come_back_right_keep_it_a_draft(github: StandIn, files_dir: Path) -> None:
    github.schedule(*(Fault("flipped", "stored-file", nth) for nth in range(1, 10)))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"GitHub hands out other bytes than it was sent: {', '.join(sorted(NAMES))}"
    nothing_is_public(github)


def test_bytes_that_go_wrong_in_public_are_told(github: StandIn, files_dir: Path) -> None:
    github.schedule(Fault("flipped", "stored-file", 4))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what.startswith(f"{TAG} is public, and hands out other bytes than were sent: app-1.2.3")
    publish(github.url, files_dir)
    is_whole(github, files_dir)


def test_a_private_repository_is_read_with_the_token(github: StandIn, files_dir: Path) -> None:
    github.world.manners.private = True
    publish(github.url, files_dir)
    assert github.log.count("get-asset") == 6
    is_whole(github, files_dir)


def test_lists_that_lag_and_come_in_pages(github: StandIn, files_dir: Path) -> None:
    for number in range(5):
        github.world.create_release({"tag_name": f"v0.{number}", "draft": False})
    manners = github.world.manners
    manners.list_lag, manners.public_lag, manners.page_size = 2, 2, 2
    publish(github.url, files_dir)
    del github.world.releases[:5]
    is_whole(github, files_dir)


def test_a_name_that_the_server_changes_is_refused(github: StandIn, files_dir: Path) -> None:
    github.world.manners.renamed = "[0-9]"
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"GitHub calls the asset {min(NAMES)} app-.....-linux-arm...build-info.json"
    nothing_is_public(github)
    assert draft_of(github).assets == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda place: (place / NAMES[0]).unlink(), "app-[0-9]*-linux-arm64.zip: no such file"),
        (
            lambda place: (place / "app-1.2.2-linux-arm64.zip").write_bytes(b"old"),
            "app-[0-9]*-linux-arm64.zip: app-1.2.2-linux-arm64.zip and app-1.2.3-linux-arm64.zip",
        ),
        (
            lambda place: (place / "read me.txt").write_bytes(b"x"),
            "read me.txt: not in the plan\n'read me.txt': the server would rename it",
        ),
    ],
)
def test_files_that_are_not_those_of_the_plan(
    github: StandIn, files_dir: Path, change: object, difference: str
) -> None:
    assert callable(change)
    change(files_dir)
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.details == difference
    assert github.log == []


@pytest.mark.parametrize(("name", "text"), [(NAMES[1], "0" * 64 + f"  {NAMES[0]}\n"), (NAMES[1], "nonsense")])
def test_a_checksum_that_is_wrong(github: StandIn, files_dir: Path, name: str, text: str) -> None:
    (files_dir / name).write_text(text)
    with pytest.raises(IntegrityError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"{NAMES[1]} does not have the SHA-256 of {NAMES[0]}"


def test_an_empty_file_is_refused(github: StandIn, files_dir: Path) -> None:
    (files_dir / NAMES[2]).write_bytes(b"")
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"{files_dir / NAMES[2]} has 0 bytes"


def test_a_tag_that_was_not_pushed(github: StandIn, files_dir: Path) -> None:
    del github.world.refs[f"refs/tags/{TAG}"]
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"there is no tag {TAG} on the server"
    assert caught.value.action == f"push it: git push origin {TAG}"


def test_a_tag_that_moves_meanwhile(github: StandIn, files_dir: Path) -> None:
    other = github.world.make_commit("another", "e" * 40)["sha"]
    github.schedule(Fault("done-502", "list-assets", 2, lambda: github.world.refs.update({f"refs/tags/{TAG}": other})))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what.startswith(f"the tag {TAG} moved from ")
    nothing_is_public(github)


@pytest.mark.parametrize("tag", ["", "latest", "v1 2", "v1..2", "v1/2", "-v1", "v1.lock"])
def test_tags_that_are_none(github: StandIn, files_dir: Path, tag: str) -> None:
    with pytest.raises(PublishError, match="is not the tag of a release"):
        publish(github.url, files_dir, tag=tag)
    assert github.log == []


def test_a_refusal_in_whole(github: StandIn, files_dir: Path) -> None:
    github.schedule(Fault("forbidden", "create-release"))
    with pytest.raises(RefusedError) as caught:
        publish(github.url, files_dir)
    assert str(caught.value) == (
        "Resource not accessible by integration\n\n"
        "error: GitHub refuses POST /repos/owner/app/releases: 403\n"
        "  usual cause: the token may not do this: it needs the permission `contents: write`\n"
        "  what to do:  check --repository and the token's permissions, and run the same command again"
    )
    assert TOKEN not in repr(caught.value.__dict__)
    assert LOCK not in github.world.refs


def test_a_draft_of_somebody_else_is_left_alone(github: StandIn, files_dir: Path) -> None:
    made = github.world.create_release({"tag_name": TAG, "draft": True, "body": "by hand"})
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"there is a draft of {TAG} that was not made here: {made['html_url']}"
    assert [release.id for release in github.world.releases] == [made["id"]]


def test_second_drafts_of_ours_go_and_other_tags_stay(github: StandIn, files_dir: Path) -> None:
    first = leave_a_draft(github, files_dir)
    fields = {"tag_name": TAG, "draft": True, "body": first.body}
    github.world.create_release(fields)
    other = github.world.create_release({**fields, "tag_name": "v9", "body": first.body.replace(TAG, "v9")})
    publish(github.url, files_dir)
    assert {release.id for release in github.world.releases} == {first.id, other["id"]}
    assert not first.draft


# One publisher at a time.


def holder_of(github: StandIn, **changes: object) -> str:
    """Put a lock there whose holder is this process, but for *changes*; return the reference's commit."""
    holder = this_process("other", {}).model_copy(update=changes)
    message = f"title\n\n{holder.model_dump_json(by_alias=True)}\n"
    sha = str(github.world.make_commit(message, "f" * 40)["sha"])
    github.world.refs[LOCK] = sha
    return sha


def test_the_loser_says_who_holds_the_lock(github: StandIn, files_dir: Path) -> None:
    sha = holder_of(
        github, host="elsewhere", boot="another", process_id=7, run="11", attempt=2, run_url="https://run/11"
    )
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert str(caught.value) == (
        f"error: {TAG} is being published by process 7 on elsewhere, https://run/11 (attempt 2)\n"
        "  usual cause: two publishers at once; the lock is a reference below refs/snapstitch/publish/\n"
        "  what to do:  wait for the other one and run the same command again; if it cannot be alive, "
        f"remove the lock with `python -m pipeline release unlock --tag {TAG}`"
    )
    assert github.world.refs[LOCK] == sha
    assert github.world.releases == []


def test_a_living_process_of_this_machine_holds_it(github: StandIn, files_dir: Path) -> None:
    holder_of(github)
    with pytest.raises(PublishError, match="is being published by process"):
        publish(github.url, files_dir)


def test_a_lock_that_says_nothing_is_somebody_s(github: StandIn, files_dir: Path) -> None:
    github.world.refs[LOCK] = sha = github.world.make_commit("what?", "f" * 40)["sha"]
    with pytest.raises(PublishError, match=rf"by somebody \(commit {sha}\)"):
        publish(github.url, files_dir)


@pytest.mark.parametrize(
    "changes",
    [
        {"process_started": "1"},
        {"process_id": 2**22 + 1},
        {"boot": "another", "run": "11", "attempt": 1},
    ],
)
def test_the_lock_of_the_dead_is_taken_over(github: StandIn, files_dir: Path, changes: dict[str, object]) -> None:
    holder_of(github, **changes)
    github.world.runs["11", "1"] = "completed"
    publish(github.url, files_dir)
    is_whole(github, files_dir)


def test_a_run_that_goes_on_keeps_its_lock(github: StandIn, files_dir: Path) -> None:
    holder_of(github, boot="another", run="11", attempt=1)
    github.world.runs["11", "1"] = "in_progress"
    with pytest.raises(PublishError, match="is being published by"):
        publish(github.url, files_dir)


def test_a_lock_that_is_too_old_belongs_to_nobody(github: StandIn, files_dir: Path) -> None:
    sha = holder_of(github, boot="another")
    known = github.world.commits[sha]
    long_ago = known.date - dt.timedelta(seconds=LEASE_S + 60)
    github.world.commits[sha] = dataclasses.replace(known, date=long_ago)
    publish(github.url, files_dir)
    is_whole(github, files_dir)


def test_of_many_publishers_one_publishes(github: StandIn, files_dir: Path) -> None:
    holder_of(github, process_started="1")  # a dead one, which all of them want to succeed
    ended: list[str] = []

    def one() -> None:
        try:
            publish(github.url, files_dir)
            ended.append("published")
        except PipelineError as error:
            ended.append("locked" if "is being published by" in error.what else str(error))

    threads = [threading.Thread(target=one) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ended) <= {"published", "locked"}
    assert "published" in ended
    is_whole(github, files_dir)
    assert github.log.count("create-release") == 1


def test_of_two_that_succeed_a_dead_one_the_faster_one_wins(github: StandIn, files_dir: Path) -> None:
    dead = holder_of(github, process_started="1")
    rival = github.world.make_commit("the rival", "f" * 40, [dead])["sha"]
    github.schedule(Fault("cut", "update-ref", action=lambda: github.world.refs.update({LOCK: rival})))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert caught.value.what == f"{TAG} is being published by another publisher, which was faster"
    assert github.world.refs[LOCK] == rival


def test_a_rival_between_look_and_move_wins(github: StandIn, files_dir: Path) -> None:
    """It moves the reference after we saw the dead one and before we move it: without force ours is refused."""
    dead = holder_of(github, process_started="1")
    rival = github.world.make_commit("the rival", "f" * 40, [dead])["sha"]
    github.schedule(Fault("done-502", "create-commit", 2, lambda: github.world.refs.update({LOCK: rival})))
    with pytest.raises(PublishError, match="by another publisher, which was faster"):
        publish(github.url, files_dir)
    assert (github.world.refs[LOCK], github.seen["update-ref"]) == (rival, 1)


def test_a_lock_of_another_is_not_deleted(github: StandIn, files_dir: Path) -> None:
    """Ours was removed by hand while we published, and another publisher came: its lock stays."""
    other = github.world.make_commit("the other", "f" * 40)["sha"]
    github.schedule(Fault("done-502", "list-assets", action=lambda: github.world.refs.update({LOCK: other})))
    publish(github.url, files_dir)
    assert github.world.refs[LOCK] == other


def test_a_lock_ends_before_it_is_taken_for_dead() -> None:
    lock = Held(LOCK, "0" * 40)
    lock.check()
    lock._until_s -= LEASE_S
    with pytest.raises(PublishError) as caught:
        lock.check()
    assert str(caught.value) == (
        "error: publishing takes too long to hold the lock any further\n"
        "  usual cause: the uploads took more than 2.8 hours\n"
        "  what to do:  run the same command again: what is uploaded is kept"
    )


@pytest.mark.parametrize("kind", ["done-502", "done-cut"])
def test_a_draft_whose_making_was_not_answered_is_found(github: StandIn, files_dir: Path, kind: str) -> None:
    github.schedule(Fault(kind, "create-release"))
    publish(github.url, files_dir)
    assert (github.seen["create-release"], github.seen["delete-release"]) == (1, 0)
    is_whole(github, files_dir)


@pytest.mark.parametrize("kind", ["done-502", "done-cut"])
def test_an_upload_that_was_not_answered_is_not_sent_again(github: StandIn, files_dir: Path, kind: str) -> None:
    github.schedule(Fault(kind, "upload-asset"))
    publish(github.url, files_dir)
    assert (github.seen["upload-asset"], github.seen["delete-asset"]) == (3, 0)
    is_whole(github, files_dir)


@pytest.mark.parametrize("immutable", [False, True])
@pytest.mark.parametrize("kind", ["done-502", "done-cut"])
def test_what_became_public_unanswered_is_seen(github: StandIn, files_dir: Path, kind: str, immutable: bool) -> None:
    github.world.manners.immutable = immutable
    github.schedule(Fault(kind, "edit-release"))
    publish(github.url, files_dir)
    assert (github.seen["edit-release"], github.seen["get-release"]) == (1, 1)
    is_whole(github, files_dir)


def test_nothing_becomes_public_that_is_not_whole(github: StandIn, files_dir: Path) -> None:
    """Somebody takes an asset away, and adds another, after everything was sent."""

    def meddle() -> None:
        (release,) = github.world.releases
        release.assets.pop()
        github.world.add_asset(release.id, "more.zip", state="uploaded", path=files_dir / NAMES[0])

    github.schedule(Fault("done-502", "list-assets", 2, meddle))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir)
    assert str(caught.value) == (
        f"more.zip: not in the plan\n{max(NAMES)}: missing\n\n"
        f"error: the release {TAG} is not whole (2 differences)\n"
        "  usual cause: somebody else changes the same release, or GitHub is in trouble (https://www.githubstatus.com)\n"
        "  what to do:  run the same command again; the draft stays, and nothing of it is public"
    )
    nothing_is_public(github)
    github.schedule()
    publish(github.url, files_dir)
    is_whole(github, files_dir)


def test_an_upload_that_never_ended_is_no_asset(github: StandIn, files_dir: Path) -> None:
    """Whatever size and digest the server tells of it."""
    release = leave_a_draft(github, files_dir)
    github.world.add_asset(release.id, NAMES[0], state="starter", path=files_dir / NAMES[0])
    assert NAMES[0] in publish(github.url, files_dir).published.uploaded
    is_whole(github, files_dir)


@pytest.mark.parametrize("kind", ["half", "half-502"])
def test_a_cut_upload_is_deleted_and_sent_whole(github: StandIn, files_dir: Path, kind: str) -> None:
    github.schedule(Fault(kind, "upload-asset", 2))
    publish(github.url, files_dir)
    assert (github.seen["upload-asset"], github.seen["delete-asset"]) == (4, 1)
    is_whole(github, files_dir)


# Looking only.


def test_a_preview_changes_nothing(github: StandIn, files_dir: Path, tmp_path: Path) -> None:
    request = request_for(github.url, files_dir)
    seen = preview(request, context_for(tmp_path))
    assert [file.name for file in seen.files] == sorted(NAMES)
    assert seen.survey is not None
    assert (seen.survey.release, len(seen.survey.reconciled.upload), seen.locked_by) == (None, 3, None)
    holder_of(github)
    assert (preview(request, context_for(tmp_path)).locked_by or "").startswith("process ")
    assert {name for name in github.log if not name.startswith(("get-", "list-", "release-by"))} == set()


def test_a_preview_without_a_token_is_of_the_files(github: StandIn, files_dir: Path, tmp_path: Path) -> None:
    request = request_for(github.url, files_dir)
    request = dataclasses.replace(request, access=dataclasses.replace(request.access, token=None))
    assert preview(request, context_for(tmp_path)).survey is None
    with pytest.raises(PublishError, match="there is no token"):
        publish(github.url, files_dir, access=request.access)
    assert github.log == []


def test_the_marker_is_found_and_not_shown(github: StandIn, files_dir: Path) -> None:
    publish(github.url, files_dir)
    (release,) = github.world.releases
    assert isinstance(release.assets[0], Asset)
    marker = find_marker(release.body.replace("\n", "\r\n"))
    assert marker is not None
    assert (marker.tag, marker.withdrawn) == (TAG, False)
    assert find_marker("by hand") is None
    assert find_marker('<!-- snapstitch-release {"tag": 1} -->') is None


def test_an_assembled_release_of_another_tag(github: StandIn, files_dir: Path) -> None:
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir, assembled_tag="v1.0.0")
    assert str(caught.value) == (
        f"error: {files_dir} is the release v1.0.0, not {TAG}\n"
        "  usual cause: its manifest, its notes and what updaters read have that tag in them\n"
        f"  what to do:  assemble it anew: `python -m pipeline release assemble --tag {TAG}`"
    )
    assert github.log == []


def test_images_that_nobody_can_pull_keep_a_release_from_being_public(github: StandIn, files_dir: Path) -> None:
    digest = f"sha256:{'0' * 64}"
    platform = ReleasedPlatform(
        platform="linux/arm64", target="arm64", digest=digest, size_bytes=1, subject_sha256="0" * 64, place="/usr/bin"
    )
    image = ReleasedImage(runtime="app", version="1.2.3", variant="scratch", digest=digest, platforms=(platform,))
    with pytest.raises(PublishError) as caught:
        publish(github.url, files_dir, images=(image,))
    assert str(caught.value) == (
        "app 1.2.3, scratch: in no registry\n\n"
        "error: the images of the release are not where it says (1 difference)\n"
        "  usual cause: they were not pushed, were removed or replaced since, or the release is older than the push\n"
        "  what to do:  push them with `image --push`, and assemble the release again"
    )
    assert github.log == []
