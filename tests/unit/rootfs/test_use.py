"""What is mounted in a root, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import filelock
import pytest

from pipeline.context import Context
from pipeline.errors import PipelineError, RootError
from pipeline.model.events import NullReporter
from pipeline.model.root import EmulatedRoot, RootRequest
from pipeline.model.target import find_target
from pipeline.rootfs.order import Order
from pipeline.rootfs.use import RunOptions, prepared


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={"A_TOKEN": "x", "TERM": "xterm"})


def a_root(tmp_path: Path, digest: str = "d1") -> EmulatedRoot:
    directory = tmp_path / "made"
    (directory / "rootfs").mkdir(parents=True, exist_ok=True)
    request = RootRequest(target=find_target("arm64"))
    return EmulatedRoot(request=request, digest=digest, directory=directory, emulator=None, tools=None)


def test_an_order_and_nothing_left(tmp_path: Path, context: Context) -> None:
    project = tmp_path / "my project"
    project.mkdir()
    options = RunOptions(argv=("make",), project=project, network=False, env={"X": "1"})
    with prepared(a_root(tmp_path), options, context) as (order, directory):
        assert Order.from_json(order.to_json()) == order
        assert (order.cwd, order.argv, order.env["X"], order.env["TERM"]) == (str(project), ("make",), "1", "xterm")
        assert "A_TOKEN" not in order.env
        assert [bind.inside for bind in order.binds] == ["/.cache", "/var/cache/apt/archives", str(project)]
        assert order.overlay == str(directory)
    assert not directory.exists()


@pytest.mark.parametrize("path", ["/", "/usr", "/proc/self", "/dev/shm"])
def test_directories_that_the_root_has_itself(tmp_path: Path, context: Context, path: str) -> None:
    if path == "/proc/self":
        path = f"/proc/{os.getpid()}"
    with (
        pytest.raises(PipelineError) as raised,
        prepared(a_root(tmp_path), RunOptions(argv=("x",), project=Path(path)), context),
    ):
        pass
    assert str(raised.value) == (
        f"error: {path} cannot be seen in the root: the root has that directory itself\n"
        "  usual cause: the working directory is mounted at its own path\n"
        "  what to do:  start in the directory of a project, name one with --project, or give --no-project"
    )


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "a b"])
def test_names_that_are_none(tmp_path: Path, context: Context, name: str) -> None:
    with (
        pytest.raises(PipelineError, match="is no name for changes"),
        prepared(a_root(tmp_path), RunOptions(argv=("x",), keep=name), context),
    ):
        pass


def test_changes_belong_to_one_root_and_one_run(tmp_path: Path, context: Context) -> None:
    options = RunOptions(argv=("x",), keep="mine", network=False)
    with prepared(a_root(tmp_path), options, context) as (order, _directory):
        assert order.overlay == str(context.cache_dir / "root/kept/arm64/mine")
        with pytest.raises(RootError, match="'mine' are in use"), prepared(a_root(tmp_path), options, context):
            pass
    with (
        pytest.raises(RootError, match=r"made to another root \(d1, not d2\)"),
        prepared(a_root(tmp_path, "d2"), options, context),
    ):
        pass


def test_what_a_killed_run_left_is_removed_and_a_living_one_is_not(tmp_path: Path, context: Context) -> None:
    runs = context.cache_dir / "root/runs"
    for name in ("dead", "living"):
        (runs / name / "work/work").mkdir(parents=True)
        (runs / name / "work/work").chmod(0)
        (runs / name / "CACHEDIR.TAG").touch()
    with filelock.FileLock(runs / "living/lock"), prepared(a_root(tmp_path), RunOptions(argv=("x",)), context):
        assert not (runs / "dead").exists()
        assert (runs / "living").exists()
