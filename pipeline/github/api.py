"""One call of the interface, with all its attempts."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline.errors import NetworkError, PublishError
from pipeline.github.access import Access
from pipeline.github.patience import Patience, is_limit, is_passing, server_time_s
from pipeline.model.events import Reporter
from pipeline.net.exchange import Answer, CutError, Digested, Exchanger, Request, origin_of
from pipeline.net.wording import without_credentials

USER_AGENT = "snapstitch"
API_VERSION = "2022-11-28"
_READS = frozenset({"GET"})


class RefusedError(PublishError):
    """The service answered, and does not do it."""

    def __init__(self, what: str, answer: Answer) -> None:
        """Describe the refusal by its status and by what the service said."""
        super().__init__(what, cause=_cause(answer), action=_action(answer), details=said(answer))
        self.status = answer.status
        self.said = said(answer)


class UncertainError(NetworkError):
    """It is not known whether the service did it: look before it is asked again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """A request, and what is known of it."""

    method: str
    path: str
    """Below the interface's address, or a whole address of one of its origins."""
    body: object = None
    again: bool = True
    """Whether it may be sent again when nobody knows whether the service acted."""
    file: Path | None = None
    on_sent: Callable[[int], None] | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Api(contextlib.AbstractContextManager["Api"]):
    """The interface of one service; requests go one after the other."""

    def __init__(self, *, access: Access, environ: Mapping[str, str], reporter: Reporter, patience: Patience) -> None:
        """Open no connection yet."""
        self.access = access
        self.patience = patience
        self.requests: Counter[str] = Counter()
        """How many requests were made, by method."""
        self.clock_s: float | None = None
        """The server's time at its last answer, in seconds since 1970."""
        self._reporter = reporter
        self._exchanger = Exchanger(environ=environ, user_agent=USER_AGENT, credential=access.credential())
        self._last_write_s = float("-inf")

    def __exit__(self, *_exception: object) -> None:
        """Close the connections."""
        self._exchanger.__exit__()

    def call(self, call: Call) -> Any:  # noqa: ANN401 - JSON of any form
        """Return the JSON that the service answers with.

        Raises RefusedError for a final refusal, UncertainError where it is not known whether the service acted.
        """
        return self.answer(call).json()

    def answer(self, call: Call) -> Answer:
        """Return the whole answer; raises like ``call``."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION, **call.headers}
        request = Request(
            method=call.method,
            url=self.url(call.path),
            headers=headers,
            json=call.body,
            file=call.file,
            on_sent=call.on_sent,
        )
        return self._trying(call, lambda: self._exchanger.send(request))

    def digest(
        self,
        url: str,
        *,
        max_bytes: int,
        on_read: Callable[[int], None] | None = None,
        sink: IO[bytes] | None = None,
    ) -> Digested:
        """Return the digest of what *url* leads to, which is read in windows; raises like ``call``.

        It is kept only where *sink* is given, a file that is emptied before each attempt.
        """
        request = Request(method="GET", url=self.url(url), headers={"Accept": "application/octet-stream"})
        found = Digested()

        def attempt() -> Answer:
            nonlocal found
            if sink:
                sink.seek(0)
                sink.truncate()
            found = self._exchanger.digest(request, max_bytes=max_bytes, on_read=on_read, sink=sink)
            return found.answer or Answer(status=200, headers={}, body=b"")

        self._trying(Call(method="GET", path=url), attempt)
        return found

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the members of a list that comes in pages (``Link: <…>; rel="next"``)."""
        following: str | None = f"{path}?per_page=100"
        while following:
            answer = self.answer(Call(method="GET", path=following))
            members = answer.json()
            if not isinstance(members, list):
                raise RefusedError(f"GitHub's answer to GET {path} is no list", answer)
            yield from members
            following = next_page(answer.headers.get("link", ""))
            if following and origin_of(following) != origin_of(self.access.api_url):
                raise RefusedError(f"the next page of {path} is on another host", answer)

    def url(self, path: str) -> str:
        """Return the whole address of *path*."""
        return path if "://" in path else f"{self.access.api_url}{path}"

    def wait(self, attempt: int) -> None:
        """Wait as long as after the failed *attempt* (from 0)."""
        time.sleep(self.patience.pause_s(attempt))

    def _trying(self, call: Call, attempt: Callable[[], Answer]) -> Answer:
        failures, refusals = 0, 0
        while True:
            reason, answer = self._once(call, attempt)
            if answer is not None and is_limit(answer):
                self._wait_for_limit(call, answer, refusals)
                refusals += 1
                continue
            if answer is not None and not is_passing(answer):
                if answer.status >= 300:
                    raise RefusedError(f"GitHub refuses {_shown(call)}: {answer.status}", answer)
                return answer
            failures += 1
            if not call.again or failures >= self.patience.attempts:
                raise _uncertain(call, reason, failures)
            self.wait(failures - 1)

    def _once(self, call: Call, attempt: Callable[[], Answer]) -> tuple[str, Answer | None]:
        """Make one attempt; a write keeps its distance from the one before."""
        writes = call.method not in _READS
        if writes:
            time.sleep(max(0.0, self._last_write_s + self.patience.write_gap_s - time.monotonic()))
        self.requests[call.method] += 1
        try:
            answer = attempt()
        except CutError as error:
            return str(error), None
        finally:
            if writes:
                self._last_write_s = time.monotonic()
        self.clock_s = server_time_s(answer) or self.clock_s
        return f"it answered {answer.status}", answer

    def _wait_for_limit(self, call: Call, answer: Answer, refusals: int) -> None:
        wait_s = self.patience.limit_s(answer, refusals)
        if wait_s > self.patience.longest_limit_s or refusals >= self.patience.limit_waits:
            raise RefusedError(f"GitHub's rate limit is used up; it opens again in {wait_s:.0f} s", answer)
        if wait_s >= 1:
            self._reporter.note(f"GitHub's rate limit: {_shown(call)} waits for {wait_s:.0f} s")
        time.sleep(wait_s)


def next_page(link: str) -> str | None:
    """Return the address of the next page (RFC 8288), None on the last one."""
    for part in link.split(","):
        address, _semicolon, parameters = part.partition(";")
        if 'rel="next"' in parameters:
            return address.strip().removeprefix("<").removesuffix(">")
    return None


def said(answer: Answer) -> str:
    """Return the words of a refusal, with the errors in it."""
    document = answer.json()
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    lines = [str(document.get("message", ""))[:500]]
    for error in errors if isinstance(errors, list) else []:
        known = error if isinstance(error, dict) else {"message": error}
        lines.append(
            " ".join(str(known[key])[:200] for key in ("resource", "field", "code", "message") if key in known)
        )
    return "\n".join(line for line in lines if line)


def _shown(call: Call) -> str:
    return f"{call.method} {without_credentials(call.path) if '://' in call.path else call.path.partition('?')[0]}"


def _cause(answer: Answer) -> str:
    causes = {
        401: "the token is wrong or has expired",
        403: "the token may not do this: it needs the permission `contents: write`",
        404: "a wrong name, or a token that may not see the repository",
        422: "what is there already stands in the way; see GitHub's own words above",
    }
    return causes.get(answer.status, "see GitHub's own words above")


def _action(answer: Answer) -> str:
    if answer.status in {401, 403, 404}:
        return "check --repository and the token's permissions, and run the same command again"
    return "correct it, and run the same command again"


def _uncertain(call: Call, reason: str, failures: int) -> UncertainError:
    tries = "once" if failures == 1 else f"{failures} times"
    return UncertainError(
        f"{_shown(call)} did not succeed (tried {tries}): {reason}",
        cause="GitHub is in trouble (https://www.githubstatus.com), or the connection is",
        action="run the same command again: it goes on from what is there",
    )
