"""What ``releases.toml`` may say about the images of a runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

import pydantic

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.values import Flag, Text, Texts

Variant = Literal["debian", "ubuntu", "alpine", "scratch"]

VARIANTS: tuple[Variant, ...] = ("debian", "ubuntu", "alpine", "scratch")
DEFAULT_BASES: Mapping[Variant, str] = MappingProxyType(
    {"debian": "debian:12-slim", "ubuntu": "ubuntu:24.04", "alpine": "alpine:3.20"}
)
DEFAULT_USER_ID = 10001
"""Of nobody in the images that DEFAULT_BASES names; Ubuntu's has a user 1000."""


def bake_target_name(runtime: str, variant: str) -> str:
    """Return what bake calls the image of a variant."""
    # Names of targets may not have dots in them.
    return f"{runtime}-{variant}".replace(".", "_")


def archive_name(runtime: str, variant: str) -> str:
    """Return the name of the file that gets a baked image, an OCI layout in a tar."""
    return f"{bake_target_name(runtime, variant)}.oci.tar"


# The name part of https://github.com/distribution/reference, with an optional port at the host.
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_BASE = re.compile(r"[a-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?")
_COMMAND = re.compile(r"[a-z][a-z0-9_-]*")
_PLACE = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


def _all_match(pattern: re.Pattern[str], what: str, values: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [value for value in values if not pattern.fullmatch(value)]
    if wrong:
        raise ValueError(f"{', '.join(map(repr, wrong))} cannot be {what}")
    return values


def _repositories(values: tuple[str, ...]) -> tuple[str, ...]:
    return _all_match(_REPOSITORY, "the name of a repository", values)


def _commands(values: tuple[str, ...]) -> tuple[str, ...]:
    return _all_match(_COMMAND, "a command of the program", values)


def _places(values: tuple[str, ...]) -> tuple[str, ...]:
    return _all_match(_PLACE, "a directory of an image", values)


def _variables(env: dict[str, str]) -> dict[str, str]:
    wrong = [name for name, value in env.items() if not re.fullmatch(r"[A-Za-z_]\w*", name) or not value.isprintable()]
    if wrong:
        raise ValueError(f"{', '.join(map(repr, wrong))} cannot be a variable with a value of one line")
    return env


def _bases(bases: dict[Variant, str]) -> dict[Variant, str]:
    if "scratch" in bases:
        raise ValueError("'scratch' has no base: that is what it means")
    _all_match(_BASE, "the name of an image", tuple(bases.values()))
    return bases


class ImageSpec(SpecTable):
    """Images with the runtime's programs; docs/images.md describes them."""

    repositories: Annotated[Texts, pydantic.AfterValidator(_repositories)] = ()
    """Where images go, such as `ghcr.io/OWNER/NAME`; without it they are called like the runtime."""
    variants: Annotated[tuple[Variant, ...], pydantic.Field(min_length=1)] = VARIANTS
    """On what images are based. Tags of the first have no suffix."""
    bases: Annotated[dict[Variant, Text], pydantic.AfterValidator(_bases)] = {}
    """Names of base images, in place of `debian:12-slim`, `ubuntu:24.04` and `alpine:3.20`."""
    source: Text | None = None
    """Address of the sources, for `org.opencontainers.image.source`; without it, that of a source of kind `git`."""
    licenses: Text | None = None
    """SPDX expression, for `org.opencontainers.image.licenses`."""
    env: Annotated[dict[str, str], pydantic.AfterValidator(_variables)] = {}
    """Variables that programs in the image find."""
    directories: Annotated[Texts, pydantic.AfterValidator(_places)] = ()
    """Directories that belong to the image's user, such as caches."""
    user: Annotated[str, pydantic.Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "app"
    """Name of the user that is there beside root, and of its group."""
    user_id: Annotated[pydantic.StrictInt, pydantic.Field(ge=1, le=60_000)] = DEFAULT_USER_ID
    """Number of that user and of its group."""
    run_as_user: Flag = True
    """Whether programs run as that user, and not as root."""
    init: Flag = False
    """Whether process 1 is `tini`, which passes signals on to the program and cleans up after its children."""
    commands: Annotated[Texts, pydantic.AfterValidator(_commands)] = ()
    """What the program takes as its first argument. In variants with a shell, `docker run IMAGE COMMAND …` means the
    program; what is not listed is a program of the image."""
    command: tuple[str, ...] = ("--version",)
    """Arguments of the program when `docker run IMAGE` has none."""

    @pydantic.model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.variants)) != len(self.variants):
            raise ValueError("a variant is given more than once")
        return self

    def base(self, variant: Variant) -> str | None:
        """Return the name of a variant's base image; None: it has none."""
        return self.bases.get(variant) or DEFAULT_BASES.get(variant)
