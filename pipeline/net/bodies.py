"""What a request sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

WINDOW_BYTES = 256 * 1024


class FileBody:
    """A file as requests sends it: by its length, in the windows that are asked for."""

    def __init__(self, stream: IO[bytes], *, offset: int = 0, on_sent: Callable[[int], None] | None = None) -> None:
        """Begin at *offset* (in bytes); *on_sent* is told how many bytes of the file are out."""
        self._stream = stream
        self._size_bytes = stream.seek(0, 2) - offset
        self._stream.seek(offset)
        self._on_sent = on_sent

    def __len__(self) -> int:
        """Return how many bytes are to be sent."""
        return self._size_bytes

    def read(self, size: int = WINDOW_BYTES) -> bytes:
        """Return the next window."""
        window = self._stream.read(size if size >= 0 else WINDOW_BYTES)
        if self._on_sent:
            self._on_sent(self._stream.tell())
        return window
