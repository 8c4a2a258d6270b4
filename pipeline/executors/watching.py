"""Follows a container while it runs: what it writes, and how much of the CPU it takes."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from pipeline.processes.capture import Capture

CAPTURE_LIMIT_BYTES = 64 * 1024 * 1024


class Frames(Protocol):
    """What a container writes, as it comes: a part of standard output or of standard error at a time."""

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Return itself."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Watched:
    """Reads what a container writes on a thread: one that never stops writing must not hold up its timeout."""

    def __init__(self, frames: Frames) -> None:
        self._stdout, self._stderr = Capture(CAPTURE_LIMIT_BYTES), Capture(CAPTURE_LIMIT_BYTES)
        self._thread = threading.Thread(target=self._read, args=(frames,), daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait; return whether the output has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def output(self) -> tuple[bytes, bytes]:
        """Return standard output and standard error."""
        return self._stdout.value(), self._stderr.value()

    def _read(self, frames: Frames) -> None:
        with contextlib.suppress(OSError, ValueError):
            for out, err in frames:
                self._stdout.add(out or b"")
                self._stderr.add(err or b"")
        with contextlib.suppress(OSError):
            frames.close()


class Sampled:
    """Follows the CPU seconds of a container: the engine looks once a second and forgets when the container ends."""

    def __init__(self, samples: Iterator[dict[str, Any]]) -> None:
        self.cpu_s = 0.0
        self._thread = threading.Thread(target=self._read, args=(samples,), daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until the engine has no more to say, at most this long."""
        self._thread.join(timeout_s)

    def _read(self, samples: Iterator[dict[str, Any]]) -> None:
        # Whatever happens to the connection, the program's own end says more: these are only figures.
        with contextlib.suppress(Exception):
            for sample in samples:
                self.cpu_s = max(self.cpu_s, sample["cpu_stats"]["cpu_usage"].get("total_usage", 0) / 1e9)


def seconds_between(started_at: str, finished_at: str) -> float:
    """Return the time between two of the engine's timestamps (RFC 3339 with nanoseconds)."""
    first, last = (dt.datetime.fromisoformat(text[:26].rstrip("Z")) for text in (started_at, finished_at))
    return max(0.0, (last - first).total_seconds())


class Attached:
    """What a container writes, with a connection that really is closed: the library's ``close`` leaves it open."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - the library's stubs lack the type
        self._stream = stream

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes | None]]:
        return iter(self._stream)

    def close(self) -> None:
        """Close the connection."""
        self._stream._response.close()  # noqa: SLF001 - there is no other way to it
