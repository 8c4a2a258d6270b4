"""What a refusal means for the next attempt, and how long to wait for it.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api: after a rate limit error,
wait for Retry-After; else, when x-ratelimit-remaining is 0, until x-ratelimit-reset; else at least a minute, and longer
each time. Make requests one after the other, and leave a second between those that change something.
"""

from __future__ import annotations

import dataclasses
import email.utils
import secrets
import time

from pipeline.net.exchange import Answer

_PASSING = frozenset({408, 500, 502, 503, 504})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long; the defaults are for the service itself."""

    attempts: int = 6
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    write_gap_s: float = 1.0
    """Between two requests that change something."""
    limit_pause_s: float = 60.0
    """After a secondary limit that names no time; doubled each time."""
    longest_limit_s: float = 3900.0
    """Longest wait for a rate limit in one piece: the primary one is reset every hour."""
    limit_waits: int = 20
    """How many refusals by a rate limit one call may meet."""

    def pause_s(self, attempt: int) -> float:
        """Return how long to wait after the failed *attempt* (from 0): doubled, and spread by half of it."""
        longest = min(self.first_pause_s * 2.0**attempt, self.longest_pause_s)
        return longest * (0.5 + secrets.randbelow(1000) / 2000)

    def limit_s(self, answer: Answer, refusals: int) -> float:
        """Return how long the rate limit behind *answer* asks to wait; *refusals* were before it."""
        after = answer.headers.get("retry-after", "")
        if after.isascii() and after.isdigit():
            return float(after)
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
            return max(0.0, float(reset) - (server_time_s(answer) or time.time()) + 1.0)
        return self.limit_pause_s * 2.0**refusals


def is_limit(answer: Answer) -> bool:
    """Return whether a rate limit refused the request, primary or secondary: 429, or 403 that says so."""
    if answer.status == 429:
        return True
    if answer.status != 403:
        return False
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    return spent or "retry-after" in answer.headers or b"rate limit" in answer.body.lower()


def is_passing(answer: Answer) -> bool:
    """Return whether the server is in trouble: whether it acted is not known."""
    return answer.status in _PASSING


def server_time_s(answer: Answer) -> float | None:
    """Return what the server's clock said, in seconds since 1970: ours may be wrong."""
    try:
        return email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
