"""The options that every verb takes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli.settings import Session, common_options, open_session


def session_of(*arguments: str) -> Session:
    """Return the session of a command with these arguments, before and after its verb."""
    kept: list[Session] = []

    @click.group()
    @common_options
    def group() -> None:
        pass

    @group.command()
    @common_options
    def verb() -> None:
        with open_session() as session:
            kept.append(session)

    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return kept[0]


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    session = session_of("verb")
    assert session.context.cache_dir == tmp_path / "snapstitch"
    assert (session.context.offline, session.context.jobs, session.settings.json) == (False, None, False)


@pytest.mark.parametrize("arguments", [["--offline", "-j3", "--json", "verb"], ["verb", "--offline", "-j3", "--json"]])
def test_before_the_verb_or_after_it(arguments: list[str]) -> None:
    session = session_of(*arguments)
    assert (session.context.offline, session.context.jobs, session.settings.json) == (True, 3, True)


def test_the_last_place_wins() -> None:
    assert session_of("-j3", "verb", "-j5").context.jobs == 5
    assert session_of("-j3", "verb").context.jobs == 3


def test_a_relative_cache_directory_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert session_of("verb", "--cache-dir", "cache").context.cache_dir == tmp_path / "cache"


def test_the_environment_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VARIABLE", "x")
    assert session_of("verb").context.environ["SOME_VARIABLE"] == "x"
