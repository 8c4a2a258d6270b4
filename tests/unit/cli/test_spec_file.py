"""Finding and reading releases.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.spec_file import find_spec, load_spec
from pipeline.errors import SpecError


def test_the_nearest_one_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "releases.toml").write_text("schema = 1\n")
    assert find_spec(inner) == tmp_path / "releases.toml"
    (inner / "releases.toml").write_text("schema = 1\n")
    assert find_spec(inner) == inner / "releases.toml"
    assert load_spec(None, start_dir=inner).base_dir == inner


def test_none_at_all(tmp_path: Path) -> None:
    loaded = load_spec(None, start_dir=tmp_path)
    assert (loaded.spec.runtimes, loaded.base_dir) == ({}, tmp_path)


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "none.toml", start_dir=tmp_path)
    assert str(caught.value) == (
        f"error: cannot read {tmp_path}/none.toml: No such file or directory\n"
        "  usual cause: a misspelt path, or a file of another user\n"
        "  what to do:  give the right file with --spec"
    )


@pytest.mark.parametrize("content", [b"schema = \n", b"\xff\xfe"])
def test_one_that_is_not_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "releases.toml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(path, start_dir=tmp_path)
    assert caught.value.what.startswith("releases.toml is not valid TOML: ")
    assert caught.value.action == f"correct {path}; https://toml.io describes the format"


def test_the_line_of_a_mistake_of_form_is_told(tmp_path: Path) -> None:
    path = tmp_path / "releases.toml"
    path.write_text("schema = 1\n[runtimes\n")
    with pytest.raises(SpecError, match="line 2"):
        load_spec(path, start_dir=tmp_path)
