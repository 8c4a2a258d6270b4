"""One call with all its attempts: what is waited for, what is final, what is not known."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest

from pipeline.github.access import Access
from pipeline.github.api import Api, Call, RefusedError, UncertainError, next_page
from pipeline.github.patience import Patience, is_limit
from pipeline.model.events import NullReporter
from pipeline.net.exchange import Answer, Secret
from tests.unit.github.publishing import QUICK
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.world import REPOSITORY, TOKEN

HERE = f"/repos/{REPOSITORY}"


@pytest.fixture
def api(github: StandIn) -> Iterator[Api]:
    with api_for(github) as opened:
        yield opened


def api_for(github: StandIn, *, token: str = TOKEN, patience: Patience = QUICK) -> Api:
    access = Access(repository=REPOSITORY, api_url=github.url, token=Secret(token))
    return Api(access=access, environ={}, reporter=NullReporter(), patience=patience)


def test_a_read_is_tried_until_it_succeeds(github: StandIn, api: Api) -> None:
    github.schedule(*(Fault(kind, nth=nth) for nth, kind in enumerate(("502", "cut", "503", "done-cut"), start=1)))
    assert api.call(Call(method="GET", path=HERE))["full_name"] == REPOSITORY
    assert (github.seen["repository"], api.requests["GET"]) == (5, 5)


def test_attempts_have_an_end(github: StandIn, api: Api) -> None:
    github.schedule(Fault("502", always=True))
    with pytest.raises(UncertainError) as caught:
        api.call(Call(method="GET", path=f"{HERE}?secret=1"))
    assert str(caught.value) == (
        f"error: GET {HERE} did not succeed (tried 5 times): it answered 502\n"
        "  usual cause: GitHub is in trouble (https://www.githubstatus.com), or the connection is\n"
        "  what to do:  run the same command again: it goes on from what is there"
    )


def test_what_may_have_been_done_is_not_done_again(github: StandIn, api: Api) -> None:
    github.schedule(Fault("done-502"))
    with pytest.raises(UncertainError, match=r"tried once"):
        api.call(Call(method="POST", path=f"{HERE}/releases", body={"tag_name": "v1", "draft": True}, again=False))
    assert len(github.world.releases) == 1


@pytest.mark.parametrize("kind", ["secondary", "secondary-429", "primary"])
def test_a_limit_is_waited_for_and_did_nothing(github: StandIn, api: Api, kind: str) -> None:
    github.schedule(*(Fault(kind, nth=nth) for nth in (1, 2, 3)))
    api.call(Call(method="POST", path=f"{HERE}/releases", body={"tag_name": "v1", "draft": True}, again=False))
    assert github.seen["create-release"] == 4
    assert len(github.world.releases) == 1


def test_limits_have_an_end(github: StandIn) -> None:
    patience = dataclasses.replace(QUICK, limit_waits=3)
    github.schedule(Fault("secondary", always=True))
    with api_for(github, patience=patience) as api, pytest.raises(RefusedError) as caught:
        api.call(Call(method="GET", path=HERE))
    assert caught.value.what == "GitHub's rate limit is used up; it opens again in 0 s"
    assert github.seen["repository"] == 4


def test_a_refusal_is_final_and_says_what_github_said(github: StandIn) -> None:
    with api_for(github, token="wrong") as api, pytest.raises(RefusedError) as caught:
        api.call(Call(method="GET", path=HERE))
    assert str(caught.value) == (
        f"Bad credentials\n\nerror: GitHub refuses GET {HERE}: 401\n"
        "  usual cause: the token is wrong or has expired\n"
        "  what to do:  check --repository and the token's permissions, and run the same command again"
    )
    assert github.seen["repository"] == 1


def test_errors_of_a_refusal_are_told(github: StandIn, api: Api) -> None:
    github.world.create_release({"tag_name": "v1"})
    with pytest.raises(RefusedError) as caught:
        api.call(Call(method="POST", path=f"{HERE}/releases", body={"tag_name": "v1"}, again=False))
    assert caught.value.said == "Validation Failed\nRelease tag_name already_exists"


def test_a_list_comes_whole(github: StandIn, api: Api) -> None:
    github.world.manners.page_size = 2
    for number in range(7):
        github.world.create_release({"tag_name": f"v{number}", "draft": True})
    assert [found["tag_name"] for found in api.pages(f"{HERE}/releases")] == [f"v{n}" for n in range(6, -1, -1)]
    assert github.seen["list-releases"] == 4


def test_a_next_page_elsewhere_is_not_asked_for(github: StandIn, api: Api) -> None:
    github.world.manners.page_size = 1
    for number in range(2):
        github.world.create_release({"tag_name": f"v{number}", "draft": True})
    base, github.world.base = github.world.base, github.world.web
    with pytest.raises(RefusedError, match=r"the next page of .* is on another host"):
        list(api.pages(f"{HERE}/releases"))
    github.world.base = base


def test_writes_keep_their_distance(github: StandIn) -> None:
    with api_for(github, patience=dataclasses.replace(QUICK, write_gap_s=0.2)) as api:
        started = time.monotonic()
        for number in range(3):
            api.call(Call(method="POST", path=f"{HERE}/releases", body={"tag_name": f"v{number}", "draft": True}))
            api.call(Call(method="GET", path=HERE))
        assert 0.4 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}, 30),
        (
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1445412490",
                "date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            11,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "9999999999"}, 240),
        ({"retry-after": "soon"}, 240),
    ],
)
def test_how_long_a_limit_is_waited_for(headers: dict[str, str], wait_s: float) -> None:
    assert Patience().limit_s(Answer(status=403, headers=headers, body=b""), 2) == wait_s


@pytest.mark.parametrize(
    ("status", "headers", "body", "limited"),
    [
        (429, {}, b"", True),
        (403, {"retry-after": "1"}, b"", True),
        (403, {"x-ratelimit-remaining": "0"}, b"", True),
        (403, {"x-ratelimit-remaining": "10"}, b"You have exceeded a secondary Rate Limit", True),
        (403, {"x-ratelimit-remaining": "10"}, b"Resource not accessible by integration", False),
        (422, {"x-ratelimit-remaining": "0"}, b"", False),
    ],
)
def test_what_a_rate_limit_is(status: int, headers: dict[str, str], body: bytes, limited: bool) -> None:
    assert is_limit(Answer(status=status, headers=headers, body=body)) is limited


def test_pauses_grow_are_spread_and_have_an_end() -> None:
    patience = Patience(first_pause_s=1, longest_pause_s=8)
    for attempt, longest_s in enumerate((1, 2, 4, 8, 8, 8)):
        pauses = {patience.pause_s(attempt) for _try in range(50)}
        assert len(pauses) > 5
        assert all(longest_s / 2 <= pause_s <= longest_s for pause_s in pauses)


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ('<https://a/?page=2>; rel="next", <https://a/?page=9>; rel="last"', "https://a/?page=2"),
        ('<https://a/?page=1>; rel="prev"', None),
        ("", None),
    ],
)
def test_next_pages(link: str, following: str | None) -> None:
    assert next_page(link) == following
