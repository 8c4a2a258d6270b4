"""The archive as mirrors have it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

COPY_BYTES = 1024 * 1024
LEVEL = 6


def write_gzip(source: Path, destination: Path) -> None:
    """Compress *source* into *destination*; equal content gives equal bytes: no name and no time is written."""
    with (
        source.open("rb") as raw,
        destination.open("wb") as out,
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=out, mtime=0) as packed,
    ):
        shutil.copyfileobj(raw, packed, COPY_BYTES)
