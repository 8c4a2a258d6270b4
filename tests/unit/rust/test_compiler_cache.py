"""What stands in front of the compilers, when RUSTC_WRAPPER asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ToolboxError
from pipeline.rust.compiler_cache import serving


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_nothing_stands_there_unless_it_is_asked_for(tmp_path: Path) -> None:
    script(tmp_path / "sccache", "exit 9")
    with serving({"PATH": str(tmp_path), "SCCACHE_DIR": "/x"}) as cache:
        assert (cache.wrapper, dict(cache.env), cache.figures()) == (None, {}, None)


def test_another_wrapper_is_passed_on_as_it_is(tmp_path: Path) -> None:
    wrapper = script(tmp_path / "wrapper", "exit 9")
    with serving({"PATH": str(tmp_path), "RUSTC_WRAPPER": "wrapper", "AWS_SECRET_ACCESS_KEY": "x"}) as cache:
        assert dict(cache.env) == {"RUSTC_WRAPPER": str(wrapper)}
        assert cache.figures() is None


def test_a_wrapper_that_is_not_there() -> None:
    with pytest.raises(ToolboxError) as caught, serving({"PATH": "/nonexistent", "RUSTC_WRAPPER": "sccache"}):
        pass
    assert str(caught.value) == (
        "error: RUSTC_WRAPPER is sccache, and there is no such program\n"
        "  usual cause: it is misspelt, not installed, or not on the PATH\n"
        "  what to do:  install it, or unset the variable"
    )


def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    script(tmp_path / "sccache", "echo 'no such bucket' >&2; exit 2")
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RUSTC_WRAPPER": "sccache"}
    with pytest.raises(ToolboxError) as caught, serving(environ):
        pass
    assert str(caught.value) == (
        "no such bucket\n\n"
        f"error: the server of {tmp_path}/sccache does not start\n"
        "  usual cause: its settings (SCCACHE_…) name storage that cannot be reached, or that this build of it does not"
        " know\n"
        "  what to do:  see what it says, above; or unset RUSTC_WRAPPER"
    )


def test_secrets_reach_the_server_only(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script(tmp_path / "sccache", f'echo "$1 $AWS_SECRET_ACCESS_KEY $GITHUB_TOKEN" >> {seen}')
    environ = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "RUSTC_WRAPPER": "sccache", "AWS_SECRET_ACCESS_KEY": "hunter2",
        "SCCACHE_SERVER_PORT": "4999", "GITHUB_TOKEN": "other",
    }  # fmt: skip
    with serving(environ) as cache:
        assert dict(cache.env) == {"RUSTC_WRAPPER": str(tmp_path / "sccache"), "SCCACHE_SERVER_PORT": "4999"}
        assert "hunter2" not in repr(cache)
    assert seen.read_text().splitlines() == ["--start-server hunter2 ", "--stop-server hunter2 "]


def test_a_server_that_runs_already_stays(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script(tmp_path / "sccache", f'echo "$1" >> {seen}; [ "$1" != --start-server ]')
    with serving({"PATH": f"{tmp_path}:/usr/bin:/bin", "RUSTC_WRAPPER": "sccache"}):
        pass
    assert seen.read_text().splitlines() == ["--start-server", "--show-stats"]
