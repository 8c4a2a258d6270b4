"""What is made of Cargo's answers, without running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import LockfileMissingError, WorkspaceError
from pipeline.model.analysis import PackageKey, Selection
from pipeline.model.cargo import Artifact, ScriptExecuted
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.model.toolchain import Toolchain
from pipeline.rust.cargo import CargoCall, environment, parse_message, profile_directory, read_lock

TARGET = {"name": "app", "kind": ["bin"], "src_path": "/s/main.rs", "crate_types": ["bin"], "edition": "2021"}


def line(**message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


def test_an_artifact() -> None:
    message = parse_message(
        line(
            reason="compiler-artifact",
            package_id="path+file:///s#app@1.0.0",
            target=TARGET,
            filenames=["/t/app"],
            executable="/t/app",
            fresh=True,
            profile={"test": False},
        )
    )
    assert isinstance(message, Artifact)
    assert (message.executable, message.fresh, message.target.is_binary) == (Path("/t/app"), True, True)


def test_a_script() -> None:
    message = parse_message(
        line(reason="build-script-executed", package_id="p", out_dir="/o", env=[["A", "b"]], cfgs=["x"])
    )
    assert isinstance(message, ScriptExecuted)
    assert (message.out_dir, message.env) == (Path("/o"), (("A", "b"),))


@pytest.mark.parametrize("text", [b"", b"warning: x\n", b"{broken\n", line(reason="build-finished", success=True)])
def test_other_lines_are_nothing(text: bytes) -> None:
    assert parse_message(text) is None


def test_profiles_and_their_directories() -> None:
    assert [profile_directory(name) for name in ("dev", "release", "bench", "own")] == [
        "debug",
        "release",
        "release",
        "own",
    ]


def test_a_lock_file(tmp_path: Path) -> None:
    path = tmp_path / "Cargo.lock"
    path.write_text(
        'version = 4\n\n[[package]]\nname = "a"\nversion = "1.0.0"\n\n'
        '[[package]]\nname = "b"\nversion = "2.0.0"\nsource = "registry+x"\nchecksum = "0"\ndependencies = ["a"]\n'
    )
    assert read_lock(path) == {
        PackageKey(name="a", version="1.0.0"),
        PackageKey(name="b", version="2.0.0", source="registry+x"),
    }


def test_a_damaged_lock_file(tmp_path: Path) -> None:
    path = tmp_path / "Cargo.lock"
    path.write_text("<<<<<<< HEAD\n")
    with pytest.raises(WorkspaceError) as caught:
        read_lock(path)
    assert caught.value.what.startswith(f"{path} is damaged: ")
    assert caught.value.cause == "a merge conflict that was left in the file"


def test_no_lock_file(tmp_path: Path) -> None:
    with pytest.raises(LockfileMissingError):
        read_lock(tmp_path / "Cargo.lock")


def test_the_environment(tmp_path: Path) -> None:
    toolchain = Toolchain(
        target=find_target("arm64"),
        cargo=Path("/tools/cargo"),
        env={"CC": "clang", "RUSTC": "/tools/rustc"},
        path_dirs=(Path("/tools/a"), Path("/tools/b")),
        sysroot=Path("/"),
        qemu=Path("/q"),
        qemu_version="",
        patchelf=Path("/p"),
        strip=Path("/s"),
        tools=(),
        digest="",
    )
    environ = {"PATH": "/usr/bin", "HOME": "/h", "SECRET_TOKEN": "x", "RUSTFLAGS": "-g"}
    context = Context(cache_dir=tmp_path, reporter=NullReporter(), environ=environ)
    assert environment(toolchain, context, {"RUSTY_V8_MIRROR": "/m", "CC": "own"}) == {
        "PATH": "/tools/a:/tools/b:/usr/bin",
        "HOME": "/h",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "CC": "own",
        "RUSTC": "/tools/rustc",
        "RUSTY_V8_MIRROR": "/m",
        "CARGO_TERM_COLOR": "never",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def test_arguments_that_every_subcommand_takes() -> None:
    call = CargoCall(
        cargo=Path("cargo"),
        env={},
        cwd=Path("/w"),
        manifest_path=Path("/w/a b/Cargo.toml"),
        target_dir=Path("/t"),
        selection=Selection(target_triple="x"),
        config=("a.b=1",),
        offline=True,
    )
    assert call.common_arguments() == (
        "--locked",
        "--offline",
        "--manifest-path",
        "/w/a b/Cargo.toml",
        "--config",
        "a.b=1",
    )
