"""What a container sees of a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.executors.containers import (
    ContainerRun,
    Mount,
    container_run,
    engine_variables,
    engine_words,
    files_of_emulator,
    user_for,
)
from pipeline.model.execution import ExecRequest
from pipeline.model.target import find_target


def run_of(request: ExecRequest, *tools: Path) -> ContainerRun:
    return container_run(request, prefix=("/sys/ld.so",), tools=tools, image="image:1", user="7:8")


def request_for(*, root: Path | None = None, env: dict[str, str] | None = None, **paths: Path) -> ExecRequest:
    return ExecRequest(
        argv=("/w/gen", "x y"),
        env=env or {},
        workdir=paths.get("workdir", Path("/w/crate")),
        inputs=(Path("/w"), Path("/src")),
        outputs=(paths.get("out", Path("/w/out")),),
        target=find_target("arm64"),
        timeout_s=1,
        root=root,
    )


def both(path: str, *, writable: bool) -> Mount:
    return Mount(source=Path(path), path=Path(path), writable=writable)


def test_each_directory_once_and_writable_only_where_it_is_written_to() -> None:
    assert run_of(request_for(), Path("/sys"), Path("/src/inner")).mounts == (
        both("/src", writable=False),
        both("/sys", writable=False),
        both("/w", writable=False),
        both("/w/crate", writable=True),
        both("/w/out", writable=True),
    )


def test_the_root_of_the_machine_is_never_mounted() -> None:
    mounts = run_of(request_for(workdir=Path("/"))).mounts
    assert Path("/") not in [mount.path for mount in mounts]


def test_temporary_directories_are_in_memory() -> None:
    assert run_of(request_for(env={"TMPDIR": "/var/tmp/x"})).scratch == (Path("/tmp"), Path("/var/tmp/x"))
    assert run_of(request_for(workdir=Path("/tmp"))).scratch == ()


def test_what_the_engine_would_add_is_taken_out() -> None:
    assert run_of(request_for(env={"B": "2", "A": "1"})).environment() == ["PATH", "HOSTNAME", "A=1", "B=2"]
    assert run_of(request_for(env={"PATH": "/p"})).environment() == ["HOSTNAME", "PATH=/p"]


def test_the_replay_line() -> None:
    request = request_for(workdir=Path("/w/a,b"), out=Path("/w/a,b"), env={"A": "it's"})
    assert run_of(request).replay_line("unix:///s") == (
        'env -i "$(command -v docker)" --host unix:///s run --rm --init --network none --read-only --cap-drop ALL '
        "--security-opt no-new-privileges --user 7:8 --workdir /w/a,b --ulimit fsize=8589934592 "
        "--mount type=bind,source=/src,target=/src,readonly "
        "--mount type=bind,source=/w,target=/w,readonly "
        """--mount 'type=bind,"source=/w/a,b","target=/w/a,b"' """
        "--tmpfs /tmp:exec --env PATH --env HOSTNAME --env 'A=it'\"'\"'s' --entrypoint /sys/ld.so image:1 /w/gen 'x y'"
    )


def test_a_root_of_its_own_lies_at_the_top_and_leaves_room(tmp_path: Path) -> None:
    """Nothing can be mounted into what is mounted read-only: directories that hold such places are taken apart."""
    root, out = tmp_path / "root", tmp_path / "out"
    for name in ("lib", "proc", "dev", "home/me/src", "home/me/tools", "tmp/work", "home/me/target/out"):
        (root / name).mkdir(parents=True)
    (root / "home/me/target/gen").write_text("")
    request = request_for(root=root, out=out, env={"OUT_DIR": "/home/me/target/out"})
    mounts = run_of(request, Path("/home/me/tools/1")).mounts
    assert [(str(mount.path), mount.source, mount.writable) for mount in mounts] == [
        ("/home/me/src", root / "home/me/src", False),
        ("/home/me/target/gen", root / "home/me/target/gen", False),
        ("/lib", root / "lib", False),
        ("/tmp/work", root / "tmp/work", False),
        ("/home/me/tools/1", Path("/home/me/tools/1"), False),
        ("/home/me/target/out", out, True),
    ]


def test_an_emulator_comes_with_its_libraries(tmp_path: Path) -> None:
    assert files_of_emulator(tmp_path / "usr/bin/qemu-arm") == (tmp_path,)
    files = files_of_emulator(Path("/usr/bin/qemu-arm"))
    assert files[0] == Path("/usr/bin/qemu-arm")
    assert Path("/") not in files


def test_files_belong_to_the_caller_in_rootless_engines_too() -> None:
    assert user_for(uid=5, gid=6, security_options=["name=seccomp,profile=default"]) == "5:6"
    assert user_for(uid=5, gid=6, security_options=["name=rootless", "name=cgroupns"]) == "0:0"


def test_variables_that_lead_to_an_engine() -> None:
    environ = {"DOCKER_HOST": "unix:///s", "DOCKER_CONFIG": "secret", "SNAPSTITCH_DOCKER_IMAGE": "", "PATH": "/p"}
    assert engine_variables(environ) == {"DOCKER_HOST": "unix:///s"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (OSError("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))"), "Connection refused"),
        (ValueError("something else"), "something else"),
    ],
)
def test_the_innermost_reason(error: Exception, words: str) -> None:
    assert engine_words(error) == words
