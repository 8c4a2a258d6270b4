"""Binary packages of a distribution, as apt resolves them."""

from __future__ import annotations

from collections.abc import Iterable

import pydantic


class Package(pydantic.BaseModel):
    """One exact package file."""

    model_config = pydantic.ConfigDict(frozen=True)

    name: str
    version: str
    architecture: str
    uri: str
    file_name: str
    """As apt calls the file; unique for name, version and architecture."""
    size_bytes: int
    sha256: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Return what makes this package another one: not where it comes from."""
        return (self.name, self.version, self.architecture, self.sha256)


def total_size_bytes(packages: Iterable[Package]) -> int:
    """Return the bytes of all package files together."""
    return sum(package.size_bytes for package in packages)


def without_rebuild(version: str) -> str:
    """Return a Debian version without the number of a binary-only rebuild (``+b1``).

    The rebuild differs between architectures while the source is the same (deb-version(7), Debian policy 5.6.12).
    """
    head, separator, tail = version.rpartition("+b")
    return head if separator and tail.isdigit() else version
