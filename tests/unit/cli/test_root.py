"""What ``root`` says to command lines that do not make sense: before anything is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (
            ("--target", "arm46", "true"),
            4,
            "error: there is no target 'arm46'; did you mean 'arm64'?\n",
        ),
        (
            ("--target", "arm64", "--mount", "/nonexistent:/x", "true"),
            2,
            (
                "error: --mount '/nonexistent:/x' cannot be mounted\n"
                "  usual cause: there is no such file or directory, or the place in the root is no absolute path\n"
                "  what to do:  write --mount DIR, --mount DIR:/PLACE or --mount DIR:/PLACE:ro\n"
            ),
        ),
        (
            ("--target", "arm64", "--env", "A", "true"),
            2,
            (
                "error: --env 'A' is no NAME=VALUE\n"
                "  usual cause: the sign '=' is missing\n"
                "  what to do:  write --env NAME=VALUE\n"
            ),
        ),
        (("--target", "arm64"), 2, "error: missing argument 'CMD [ARGS]…'\n"),
    ],
)
def test_wrong_command_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    assert main(["--cache-dir", str(tmp_path), "root", "run", *arguments]) == exit_code
    assert capsys.readouterr().err.startswith(said)
    assert not list(tmp_path.iterdir())


def test_options_after_the_program_are_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["root", "run", "--target", "arm64", "--mount", "/nonexistent", "make", "--json", "-k"]
    assert main(["--cache-dir", str(tmp_path), *command]) == 2
    assert capsys.readouterr().out.count('"error"') <= 1


def test_nothing_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache-dir", str(tmp_path), "root", "list"]) == 0
    assert main(["--cache-dir", str(tmp_path), "root", "destroy", "--target", "arm64"]) == 0
    assert capsys.readouterr().out == ""


def test_offline_and_nothing_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache-dir", str(tmp_path), "--offline", "root", "run", "--target", "arm64", "true"]) == 11
    assert capsys.readouterr().err == (
        "error: the packages of a root for arm64 must be fetched and --offline forbids it\n"
        "  usual cause: it was never made here with these packages, or its cache was removed\n"
        "  what to do:  run the same command once without --offline\n"
    )


@pytest.mark.parametrize("verb", [("generator",), ("stitch", "--snapshot", "x.snapshot.tar.zst")])
def test_a_build_in_a_root_is_not_shared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "app"\n')
    (tmp_path / "x.snapshot.tar.zst").touch()
    argv = [*verb, "--path", str(tmp_path), "--target", "arm64", "--strategy", "root", "--out", str(tmp_path)]
    assert main(["--cache-dir", str(tmp_path / "cache"), *argv]) == 26
    assert capsys.readouterr().err.startswith(
        "error: a build with the strategy `root` cannot be shared between machines\n"
    )
