"""Which command lines run in the toolchain image, and as what; the real engine runs in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.in_image import run_in_image, wants_image
from pipeline.errors import ToolboxError


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["build", "--toolchain", "docker"], True),
        (["build", "--toolchain=docker"], True),
        (["build", "--toolchain", "private", "--out", "docker"], False),
        (["build", "--executor", "docker"], False),
        ([], False),
    ],
)
def test_who_wants_it(arguments: list[str], wanted: bool) -> None:
    assert wants_image(arguments) is wanted


def fake_docker(directory: Path, text: str) -> dict[str, str]:
    path = directory / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin", "HOME": str(directory)}


def test_the_same_files_under_the_same_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    env = fake_docker(tmp_path, 'test "$1" = image || { printf "%s\\n" "$@"; exit 7; }')
    env |= {"SNAPSTITCH_APT_MIRROR": "m", "https_proxy": "p", "GITHUB_TOKEN": "secret"}
    arguments = ["build", "--path", "app", "--out", f"{elsewhere}/new/dist", "--toolchain", "docker"]
    assert run_in_image(arguments, env) == 7
    words = capfd.readouterr().out.splitlines()
    mounted = {word.split(",")[1] for word in words if word.startswith("type=bind")}
    assert {f"source={path}" for path in (tmp_path, tmp_path / "app", elsewhere)} <= mounted
    assert {"SNAPSTITCH_APT_MIRROR=m", "https_proxy=p"} <= set(words)
    assert "secret" not in "".join(words)
    image = words.index("snapstitch-toolchain")
    assert words[image + 1 : image + 4] == ["python3", "-m", "pipeline"]
    assert words[-len(arguments) :] == [*arguments[:-1], "private"]


def test_no_docker(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError, match="there is no docker on this machine"):
        run_in_image(["build", "--toolchain", "docker"], {"PATH": str(tmp_path)})


def test_an_engine_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError, match="the engine cannot run snapstitch-toolchain"):
        run_in_image(["build"], fake_docker(tmp_path, 'test "$1" = image || exit 125'))
    with pytest.raises(ToolboxError, match="the container engine does not answer: no"):
        run_in_image(["build"], fake_docker(tmp_path, "echo no >&2; exit 1"))
