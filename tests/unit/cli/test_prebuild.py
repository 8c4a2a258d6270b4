"""``prebuild``: what is said where there is nothing to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main

RECIPE = """
[prebuilds.tool]
kind = "node-addon"
source = { kind = "path", path = "." }
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "releases.toml"
    path.write_text("schema = 1\n")
    return path


def test_without_a_recipe(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert spec.is_file()
    assert main(["prebuild"]) == 37
    assert capsys.readouterr().err == (
        "error: releases.toml describes no prebuilds\n"
        "  usual cause: it has no table [prebuilds.NAME]\n"
        "  what to do:  write one; docs/howto/prebuilds.md has an example\n"
    )


def test_nothing_to_merge(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(spec.read_text() + RECIPE)
    assert main(["prebuild", "--only-merge"]) == 2
    assert capsys.readouterr().err == (
        "error: --only-merge packs what --merge names; name a directory\n"
        "  usual cause: a misspelt verb or option, or a value that does not fit\n"
        "  what to do:  see `python -m pipeline prebuild --help`\n"
    )


def test_a_target_that_the_recipe_has_not(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(spec.read_text() + RECIPE)
    assert main(["prebuild", "--target", "s390x"]) == 37
    assert capsys.readouterr().err == (
        "error: tool is not made for what was asked for\n"
        "  usual cause: its targets are amd64, arm64, armhf, its C libraries glibc, musl\n"
        "  what to do:  name one of these, or add another to `targets` or `libcs` in releases.toml\n"
    )
