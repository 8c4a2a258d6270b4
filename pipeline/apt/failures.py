"""What apt's messages mean: one error class for each kind of bad day.

apt has no machine-readable errors; the phrases are those of apt 2.6 to 3.0 in the C locale, which proc sets.
"""

from __future__ import annotations

import re

from pipeline.errors import (
    DiskFullError,
    IntegrityError,
    NetworkError,
    NotWritableError,
    PipelineError,
    ToolboxError,
)
from pipeline.model.package import Package
from pipeline.processes import proc

_UNREACHABLE = (
    "Temporary failure resolving", "Could not resolve", "Could not connect", "Unable to connect",
    "Cannot initiate the connection", "Connection failed", "Connection timed out", "Connection refused",
    "Network is unreachable", "connection timed out", "Error reading from server", "Undetermined Error",
    "Connection reset", "Connection closed",
)  # fmt: skip
_NO_SPACE = ("No space left on device", "File too large", "Disk quota exceeded", "You don't have enough free space")
_NOT_WRITABLE = ("Permission denied", "Read-only file system")
_DIGEST = ("Hash Sum mismatch", "unexpected size")
_SIGNATURE = ("NO_PUBKEY", "is not signed", "GPG error", "At least one invalid signature", "BADSIG", "EXPKEYSIG")
_EXPIRED = re.compile(r"Release file for \S+ is expired")
_NO_SUITE = re.compile(r"The repository '\S+ (\S+) Release' (?:does not have a Release file|no longer has)")
_UNKNOWN = re.compile(
    r"Unable to locate package (\S+)|Couldn't find any package by \S+ '(\S+)'|Version '[^']*' for '(\S+)' was not"
    r"|Package '?(\S+?)'? has no installation candidate|Can't select candidate version from package (\S+)"
)


class PackageGoneError(ToolboxError):
    """The mirror does not have packages that its index names: it moved on, or it is incomplete."""

    def __init__(self, packages: tuple[Package, ...], *, details: str) -> None:
        """Keep the packages, so that the caller can do without the suite that names them."""
        names = ", ".join(package.file_name for package in packages[:3]) + (" …" if len(packages) > 3 else "")
        super().__init__(
            f"the mirror does not have {names}",
            cause="newer versions have replaced them since the index was fetched, or the mirror is incomplete",
            action="try again later, or choose another mirror (SNAPSTITCH_APT_MIRROR)",
            details=details,
        )
        self.packages = packages


def is_gone(completed: proc.Completed) -> bool:
    """Tell whether the mirror answered that it has no such file."""
    return bool(re.search(r"Failed to fetch .*(\b404\b|File not found)", _said(completed)))


def is_unreachable(completed: proc.Completed) -> bool:
    """Tell whether apt failed because nothing answered: trying at once again is of no use."""
    return _mentions(completed, _UNREACHABLE) and not _mentions(completed, _DIGEST)


def reason(completed: proc.Completed) -> str:
    """Return the first line of what apt complained about, for use inside a sentence."""
    lines = [line.strip() for line in _said(completed).splitlines() if line.startswith(("E:", "W:"))]
    line = lines[0][2:].strip() if lines else "no reason given"
    return re.sub(r"^Failed to fetch \S+\s+", "", line)


def explain(completed: proc.Completed, *, doing: str) -> PipelineError:
    """Return the error that describes why apt could not do *doing*."""
    said = _said(completed)
    if completed.timed_out or is_unreachable(completed):
        return _network(doing, said)
    return local_error(said, doing=doing) or _archive_error(completed, doing) or _refused(doing, said)


def local_error(said: str, *, doing: str) -> PipelineError | None:
    """Return the error for a full disk or a directory that cannot be written, if *said* tells of one."""
    if any(phrase in said for phrase in _NO_SPACE):
        return DiskFullError(
            f"no space left on the disk: cannot {doing}",
            cause="the toolbox needs about 2 GB; a quota or a limit of file sizes may also be reached",
            action="free some space, or point --cache-dir at a larger disk, and run the same command again",
            details=said,
        )
    if any(phrase in said for phrase in _NOT_WRITABLE):
        return NotWritableError(
            f"a directory of the cache cannot be written: cannot {doing}",
            cause="the cache directory belongs to another user or is mounted read-only",
            action="choose another place with --cache-dir, or correct the directory's owner",
            details=said,
        )
    return None


def _archive_error(completed: proc.Completed, doing: str) -> PipelineError | None:
    said = _said(completed)
    unknown = _UNKNOWN.search(said)
    if unknown:
        name = next(group for group in unknown.groups() if group)
        return ToolboxError(
            f"there is no package {name!r}: cannot {doing}",
            cause="a misspelt name, or a package that the suite does not have for this architecture",
            action="correct the name (`apt-cache search` finds packages), or choose another suite",
        )
    if _EXPIRED.search(said):
        return IntegrityError(
            f"the package lists have expired: cannot {doing}",
            cause="a mirror that is no longer updated, a release that has ended, or a wrong clock",
            action="check the clock and the mirror; for a release that has ended, give its entry in the machine's apt "
            "sources Check-Valid-Until: no",
            details=said,
        )
    missing = _NO_SUITE.search(said)
    if missing:
        return ToolboxError(
            f"the mirror has no suite {missing[1]}: cannot {doing}",
            cause="the release has ended and moved to the distribution's archive of old releases, "
            "or the mirror is partial",
            action="add an entry for this suite, with the archive that has it, to the machine's apt sources, "
            "or choose another suite",
            details=said,
        )
    if _mentions(completed, _SIGNATURE):
        return IntegrityError(
            f"the signature of an archive is not valid: cannot {doing}",
            cause="a mirror that is not the distribution's, or a keyring that is too old for this suite",
            action="choose another mirror (SNAPSTITCH_APT_MIRROR) or keyring (SNAPSTITCH_APT_KEYRING)",
            details=said,
        )
    if _mentions(completed, _DIGEST):
        return IntegrityError(
            f"what was fetched is not what the archive's index says: cannot {doing}",
            cause="a mirror that is being updated or is broken, or a proxy that changes files",
            action="try again in a while, or choose another mirror (SNAPSTITCH_APT_MIRROR)",
            details=said,
        )
    return None


def _network(doing: str, said: str) -> NetworkError:
    return NetworkError(
        f"the mirror cannot be reached: cannot {doing}",
        cause="no network, a proxy that apt does not know of, or a mirror that is down",
        action="check the network (`apt-get update` must work), or choose another mirror (SNAPSTITCH_APT_MIRROR)",
        details=said,
    )


def _refused(doing: str, said: str) -> ToolboxError:
    return ToolboxError(
        f"apt cannot {doing}",
        cause="see what apt printed, above",
        action="choose another mirror (SNAPSTITCH_APT_MIRROR) or suite, or install the tools and give --toolchain host",
        details=said,
    )


def _said(completed: proc.Completed) -> str:
    return completed.stderr.decode(errors="replace")


def _mentions(completed: proc.Completed, phrases: tuple[str, ...]) -> bool:
    said = _said(completed)
    return any(phrase in said for phrase in phrases)
