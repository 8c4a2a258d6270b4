"""What is kept of a program's output: its beginning and its end, however much it writes."""

from __future__ import annotations


class Capture:
    """Bytes as they come, up to a limit; beyond it the middle is dropped."""

    def __init__(self, limit_bytes: int) -> None:
        """Keep at most *limit_bytes*, one half of them from the beginning."""
        self._half_bytes = limit_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, part: bytes) -> None:
        """Keep *part*, a line or whatever came at once; parts are not split at the end of the beginning."""
        if not self._tail and len(self._head) + len(part) <= self._half_bytes:
            self._head += part
            return
        self._tail += part
        if len(self._tail) > self._half_bytes:
            del self._tail[: len(self._tail) - self._half_bytes]

    def value(self) -> bytes:
        """Return what was kept."""
        return bytes(self._head + self._tail)
