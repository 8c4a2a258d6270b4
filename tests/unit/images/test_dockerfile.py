"""Dockerfiles and what lies beside them say what the design says, and emulate nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.images.design import entrypoint_script, platform_dir, scratch_files
from pipeline.images.dockerfile import dockerfile, file_name
from pipeline.images.lint import emulated_runs
from pipeline.model.target import TARGETS
from tests.unit.images.made import SPEC, design

ALPINE = """\
ARG BASE=alpine:3.20

# Runs on the machine that builds, for all platforms: the users of the base, and one more.
FROM --platform=${BUILDPLATFORM} ${BASE} AS users
WORKDIR /users/etc
RUN --network=none { cat /etc/passwd && echo 'app:x:10001:10001::/home/app:/bin/sh'; } > passwd && \\
    { cat /etc/group && echo 'app:x:10001:'; } > group && \\
    touch -d @315532800 passwd group .

FROM ${BASE}
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="app"
ENV APP_DIR="/data/\\"\\$x\\""
COPY --link --from=users /users/ /
COPY --link --chown=10001:10001 owned/ /
COPY --link common/ /
# The loader and the libraries of glibc, where the program and the loader look for them.
COPY --link ${TARGETARCH}${TARGETVARIANT}/libc/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
USER 10001:10001
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["run", "it's"]
"""


def test_a_whole_one() -> None:
    text = dockerfile(design("alpine"))
    assert "\n".join(line for line in text.splitlines()[4:]) + "\n" == ALPINE
    assert file_name(design("alpine")) == "app/alpine.Dockerfile"


def test_the_base_has_a_c_library_or_the_image_brings_one() -> None:
    brought = {variant: "/libc/ /" in dockerfile(design(variant)) for variant in SPEC.variants}
    assert brought == {"debian": False, "alpine": True, "scratch": True}


def test_without_a_base_nothing_is_run_at_all() -> None:
    text = dockerfile(design("scratch"))
    assert "RUN" not in text
    assert "\nFROM scratch\n" in text
    assert 'ENTRYPOINT ["/usr/bin/app"]\n' in text


def test_a_user_is_there_even_if_root_runs_the_program() -> None:
    text = dockerfile(design("debian", SPEC.model_copy(update={"run_as_user": False})))
    assert "\nUSER" not in text
    assert "app:x:10001" in text


def test_process_1_passes_signals_on() -> None:
    spec = SPEC.model_copy(update={"init": True})
    assert 'ENTRYPOINT ["/usr/bin/tini", "--", "docker-entrypoint.sh"]\n' in dockerfile(design("debian", spec))
    assert 'ENTRYPOINT ["/usr/bin/tini", "--", "/usr/bin/app"]\n' in dockerfile(design("scratch", spec))


@pytest.mark.parametrize("variant", SPEC.variants)
def test_nothing_of_the_target_is_run(variant: str) -> None:
    assert emulated_runs(dockerfile(design(variant))) == ()


def test_directories_of_platforms() -> None:
    assert [platform_dir(target) for target in TARGETS] == ["amd64", "arm64", "armv7", "s390x", "ppc64le"]


def test_a_user_without_a_base() -> None:
    assert scratch_files(design("scratch"))["etc/passwd"] == (
        "root:x:0:0:root:/:/sbin/nologin\napp:x:10001:10001::/home/app:/sbin/nologin\n"
    )


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        ((), "app"),
        (("--version",), "app --version"),
        (("run", "a file.js"), "app run a file.js"),
        # A program of the shell's, too: the runtime's command goes first.
        (("test", "x"), "app test x"),
        (("app", "run"), "app run"),
        (("echo", "hello"), "hello"),
    ],
)
def test_what_the_entry_point_runs(tmp_path: Path, arguments: tuple[str, ...], run: str) -> None:
    script = tmp_path / "entrypoint.sh"
    script.write_text(entrypoint_script(design("debian")))
    program = tmp_path / "app"
    program.write_text('#!/bin/sh\necho app "$@"\n')
    program.chmod(0o755)
    ended = subprocess.run(
        ["/bin/sh", str(script), *arguments],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert ended.stdout == f"{run}\n"
