"""Writing workflow files, and telling that they are out of date."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.workflows.files import HEADER

SPEC = 'schema = 1\n[runtimes.app]\nsource = { kind = "path", path = "app" }\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "releases.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_are_written_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = project / ".github/workflows"
    assert main(["workflows"]) == 0
    assert capsys.readouterr().out == "".join(
        f"{directory}/{name}: written\n" for name in ("build.yml", "checks.yml", "release.yml", "sync.yml")
    )
    assert main(["workflows"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["workflows", "--check"]) == 0


def test_a_stale_file_is_told_and_stays(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["workflows"])
    build = project / ".github/workflows/build.yml"
    build.write_text(build.read_text() + "# by hand\n")
    before = build.read_text()
    capsys.readouterr()
    assert main(["workflows", "--check"]) == 31
    assert build.read_text() == before
    assert capsys.readouterr().err == (
        "error: workflow files are not what releases.toml asks for: build.yml\n"
        f"  usual cause: releases.toml was changed, or a generated file in {build.parent}\n"
        "  what to do:  run `nox -s workflows` and commit what it writes\n"
    )


def test_files_of_others_stay_and_old_ones_of_ours_go(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = project / ".github/workflows"
    directory.mkdir(parents=True)
    (directory / "theirs.yml").write_text("name: theirs\n")
    (directory / "ours.yml").write_text(HEADER + "name: ours\n")
    assert main(["workflows"]) == 0
    assert f"{directory}/ours.yml: removed\n" in capsys.readouterr().out
    assert sorted(path.name for path in directory.iterdir()) == [
        "build.yml", "checks.yml", "release.yml", "sync.yml", "theirs.yml",
    ]  # fmt: skip


def test_it_needs_a_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["workflows"]) == 3
