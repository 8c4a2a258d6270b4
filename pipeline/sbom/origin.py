"""What a bill of materials says about itself, with nothing random and no clock in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What a document says about itself."""

    epoch_s: int
    """Time that it bears, in seconds since 1970."""
    subject_sha256: str
    """Digest of the build that it is about; the document's number follows from it."""
    pipeline_version: str

    @property
    def time(self) -> dt.datetime:
        """Return the document's time."""
        return dt.datetime.fromtimestamp(self.epoch_s, dt.UTC)

    def number(self, form: str) -> uuid.UUID:
        """Return the number of the document in the given form: the same for equal builds."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{form} {self.subject_sha256}")
