"""Writes the Dockerfile of a design. Only COPY touches the target's part: nothing of the target is ever run.

Reference: https://docs.docker.com/reference/dockerfile/ and, for BUILDPLATFORM and TARGETARCH,
https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.images.design import COMMON_DIR, FILE_TIME_S, LIBC_DIR, OWNED_DIR, PRODUCT_DIR, SCRATCH_DIR, Design

SUFFIX = ".Dockerfile"
HEADER = "# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten."
_PLATFORM = "${TARGETARCH}${TARGETVARIANT}"


def file_name(design: Design) -> str:
    """Return where the Dockerfile lies below ``dockerfiles/``."""
    return f"{design.runtime}/{design.variant}{SUFFIX}"


def dockerfile(design: Design) -> str:
    """Return the text of the Dockerfile."""
    return "".join(f"{line}\n" for line in _lines(design))


def _lines(design: Design) -> Iterator[str]:
    yield HEADER
    yield "#"
    yield f"# CONTEXT is laid out by `python -m pipeline image --runtime {design.runtime} --context CONTEXT`. By hand:"
    yield "#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT"
    yield from _users(design) if design.has_base else ("", "FROM scratch")
    yield "ARG TARGETARCH"
    yield "ARG TARGETVARIANT"
    yield f'LABEL org.opencontainers.image.title="{design.runtime}"'
    yield from (f"ENV {name}={_quoted(value)}" for name, value in sorted(design.spec.env.items()))
    yield from _copies(design)
    if design.spec.run_as_user:
        yield f"USER {_owner(design)}"
    yield f"ENTRYPOINT {_list(design.entrypoint)}"
    yield f"CMD {_list(design.spec.command)}"


def _users(design: Design) -> Iterator[str]:
    """Yield the stage that adds a user; it runs on the machine that builds, whatever the target is."""
    yield f"ARG BASE={design.spec.base(design.variant)}"
    yield ""
    yield "# Runs on the machine that builds, for all platforms: the users of the base, and one more."
    yield "FROM --platform=${BUILDPLATFORM} ${BASE} AS users"
    yield "WORKDIR /users/etc"
    yield f"RUN --network=none {_with_line('passwd', design.passwd_line)} && \\"
    yield f"    {_with_line('group', design.group_line)} && \\"
    yield f"    touch -d @{FILE_TIME_S} passwd group ."
    yield ""
    yield "FROM ${BASE}"


def _copies(design: Design) -> Iterator[str]:
    # Each COPY is a layer that does not depend on those below it (--link): images of all variants share it, and
    # pipeline.images.layers writes the same. Each copies to the root: what a COPY makes on the way to another place has
    # the time of the build. Parents of a directory that is owned come with it; what follows sets them right.
    if design.has_base:
        yield "COPY --link --from=users /users/ /"
    yield f"COPY --link --chown={_owner(design)} {OWNED_DIR}/ /"
    yield f"COPY --link {COMMON_DIR if design.has_base else SCRATCH_DIR}/ /"
    if design.brings_libc:
        yield "# The loader and the libraries of glibc, where the program and the loader look for them."
        yield f"COPY --link {_PLATFORM}/{LIBC_DIR}/ /"
    yield f"COPY --link {_PLATFORM}/{PRODUCT_DIR}/ /"


def _with_line(name: str, line: str) -> str:
    return f"{{ cat /etc/{name} && echo '{line}'; }} > {name}"


def _owner(design: Design) -> str:
    return f"{design.spec.user_id}:{design.spec.user_id}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _list(words: tuple[str, ...]) -> str:
    return json.dumps(words, ensure_ascii=False)
