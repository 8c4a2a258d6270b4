"""An unfinished download beside its final place, and what the server said of the whole, so that it can go on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pipeline import fs

_VALIDATORS = ("ETag", "Last-Modified")


class PartialFile:
    """The first bytes of a file that is being fetched from one address."""

    def __init__(self, final: Path, *, url: str) -> None:
        """Look at what an earlier run left beside *final*."""
        fs.make_directory(final.parent)
        self._final = final
        # Only a digest of the address is written down: it may carry credentials.
        self._url_digest = hashlib.sha256(url.encode()).hexdigest()
        self._state_path = final.parent / f".{final.name}.part.json"
        self.path = final.parent / f".{final.name}.part"
        self.lock_path = final.parent / f".{final.name}.lock"

    @property
    def size_bytes(self) -> int:
        """Return how much is here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def resume_headers(self) -> dict[str, str]:
        """Return the request headers that ask for the rest, none when there is nothing to go on from."""
        validator = self._validator()
        if validator is None or not self.size_bytes:
            return {}
        return {"Range": f"bytes={self.size_bytes}-", "If-Range": validator}

    def is_continued_by(self, headers: Mapping[str, str]) -> bool:
        """Return whether a response (206) starts where our part ends."""
        return headers.get("Content-Range", "").startswith(f"bytes {self.size_bytes}-")

    @contextlib.contextmanager
    def open(self, headers: Mapping[str, str], *, resumed: bool) -> Iterator[BinaryIO]:
        """Yield the file to append to; unless *resumed*, it is empty and the response's *headers* are kept."""
        if not resumed:
            self.discard()
            self._keep_validator(headers)
        with self.path.open("ab") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self) -> None:
        """Give the file its final name."""
        self.path.chmod(0o644)
        self.path.replace(self._final)
        self._state_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what is here."""
        self.path.unlink(missing_ok=True)
        self._state_path.unlink(missing_ok=True)

    def _keep_validator(self, headers: Mapping[str, str]) -> None:
        validator = next((headers[name] for name in _VALIDATORS if name in headers), None)
        # A weak ETag does not promise equal bytes (RFC 9110, 8.8.1).
        if validator and not validator.startswith("W/"):
            fs.write_text(self._state_path, json.dumps({"url_sha256": self._url_digest, "validator": validator}))

    def _validator(self) -> str | None:
        try:
            state = json.loads(self._state_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(state, dict) or state.get("url_sha256") != self._url_digest:
            return None
        validator = state.get("validator")
        return validator if isinstance(validator, str) else None
