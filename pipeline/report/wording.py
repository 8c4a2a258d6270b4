"""How times and quantities are written."""

from __future__ import annotations

from rich import filesize

SHORT_DIGEST_LENGTH = 12


def seconds(duration_s: float) -> str:
    """Return a time for people: ``0.42 s``, ``12.3 s``, ``4 min 05 s``."""
    if duration_s < 1:
        return f"{duration_s:.2f} s"
    if duration_s < 99.95:
        return f"{duration_s:.1f} s"
    minutes, rest_s = divmod(round(duration_s), 60)
    return f"{minutes} min {rest_s:02d} s"


def quantity(amount: int, unit: str) -> str:
    """Return an amount with its unit; ``B`` means bytes, which get decimal prefixes."""
    return filesize.decimal(amount) if unit == "B" else f"{amount:,} {unit}"


def share(amount: int, total: int, unit: str) -> str:
    """Return ``45.2 MB of 298.1 MB``, or the amount alone where the total is not known."""
    if total <= 0:
        return quantity(amount, unit)
    if unit == "B":
        return f"{filesize.decimal(amount)} of {filesize.decimal(total)}"
    return f"{amount:,} of {total:,} {unit}"


def short_digest(sha256: str) -> str:
    """Return the beginning of a digest, long enough to compare by eye."""
    return sha256[:SHORT_DIGEST_LENGTH]
