"""Sources that need no registry: directories and local git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import NetworkError, SourceError, ToolboxError
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import GitSource, PathSource, RegistrySource
from pipeline.stages.building import source
from pipeline.stages.building.source import SourceInputs

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


class Warnings(NullReporter):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


def context(tmp_path: Path, *, offline: bool = False, reporter: NullReporter | None = None) -> Context:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return Context(cache_dir=tmp_path / "cache", reporter=reporter or NullReporter(), environ=environ, offline=offline)


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits on a branch, and one that only a tag reaches."""
    path = tmp_path / "up stream.git"
    path.mkdir()
    git(path, "init", "-q")
    for content in ("one", "two"):
        (path / "file").write_text(content)
        (path / "run.sh").write_text("#!/bin/sh\n")
        (path / "run.sh").chmod(0o755)
        git(path, "add", ".")
        git(path, "commit", "-qm", content)
    return path


def commit(repository: Path, revision: str, *, url: str | None = None) -> GitSource:
    return GitSource(kind="git", url=url or f"file://{repository}", rev=git(repository, "rev-parse", revision))


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1"])
def test_any_commit_can_be_had(tmp_path: Path, repository: Path, revision: str) -> None:
    wanted = commit(repository, revision)
    tree = source.run(SourceInputs(source=wanted), context(tmp_path))
    assert (tree.path / "file").read_text() == ("two" if revision == "HEAD" else "one")
    assert tree.revision == wanted.rev
    assert tree.digest == "git-tree:" + git(repository, "rev-parse", f"{revision}^{{tree}}")
    assert git(tree.path, "rev-parse", "HEAD") == wanted.rev
    assert git(tree.path, "rev-list", "--count", "HEAD") == "1"
    assert git(tree.path, "status", "--porcelain") == ""


def test_a_commit_is_fetched_once_and_then_kept_offline(tmp_path: Path, repository: Path) -> None:
    wanted = commit(repository, "HEAD")
    first = source.run(SourceInputs(source=wanted), context(tmp_path))
    shutil.rmtree(repository)
    assert source.run(SourceInputs(source=wanted), context(tmp_path, offline=True)) == first


def test_what_was_fetched_is_read_only(tmp_path: Path, repository: Path) -> None:
    tree = source.run(SourceInputs(source=commit(repository, "HEAD")), context(tmp_path))
    assert [oct((tree.path / name).stat().st_mode & 0o777) for name in ("file", "run.sh", "")] == [
        "0o444",
        "0o555",
        "0o555",
    ]


def test_a_changed_copy_is_fetched_again_and_said(tmp_path: Path, repository: Path) -> None:
    wanted, reporter = commit(repository, "HEAD"), Warnings()
    first = source.run(SourceInputs(source=wanted), context(tmp_path))
    (first.path / "file").chmod(0o644)
    (first.path / "file").write_text("altered")
    again = source.run(SourceInputs(source=wanted), context(tmp_path, reporter=reporter))
    assert again == first
    assert (again.path / "file").read_text() == "two"
    assert reporter.texts == [f"{first.path.parent} was changed since it was fetched; it is not used"]


def test_a_local_clone_stands_in_for_an_address(tmp_path: Path, repository: Path) -> None:
    wanted = commit(repository, "HEAD", url="https://git.example.invalid/project/runtime.git")
    inputs = SourceInputs(source=wanted, git_mirror=str(repository))
    tree = source.run(inputs, context(tmp_path, offline=True))
    assert (tree.path / "file").read_text() == "two"
    assert tree.path.name == "runtime"


def test_a_commit_that_is_not_there(tmp_path: Path, repository: Path) -> None:
    wanted = GitSource(kind="git", url=f"file://{repository}", rev="0" * 39 + "1")
    with pytest.raises(SourceError) as caught:
        source.run(SourceInputs(source=wanted), context(tmp_path))
    assert str(caught.value) == (
        f"error: file://{repository} has no commit {wanted.rev}\n"
        "  usual cause: a wrong revision, a commit that no branch or tag reaches any more, "
        "or a mirror that is behind\n"
        "  what to do:  check it with `git ls-remote`, and correct the revision in releases.toml"
    )
    assert not [path for path in (tmp_path / "cache" / "sources").iterdir() if not path.name.startswith(".")]


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    wanted = GitSource(kind="git", url=f"file://{tmp_path}/none.git", rev="0" * 40)
    with pytest.raises(SourceError) as caught:
        source.run(SourceInputs(source=wanted), context(tmp_path))
    assert caught.value.what == f"git cannot take {wanted.rev} from file://{tmp_path}/none.git"
    assert "does not appear to be a git repository" in caught.value.details


def test_a_server_that_cannot_be_reached_hides_credentials(tmp_path: Path) -> None:
    wanted = GitSource(kind="git", url="http://me:secret@127.0.0.1:9/x.git", rev="0" * 40)
    with pytest.raises(NetworkError) as caught:
        source.run(SourceInputs(source=wanted), context(tmp_path))
    assert caught.value.what == f"git cannot take {wanted.rev} from http://127.0.0.1:9/x.git"
    assert "secret" not in str(caught.value)


def test_offline_and_never_fetched(tmp_path: Path) -> None:
    wanted = GitSource(kind="git", url="https://git.example.invalid/x.git", rev="0" * 40)
    with pytest.raises(NetworkError) as caught:
        source.run(SourceInputs(source=wanted), context(tmp_path, offline=True))
    assert str(caught.value) == (
        f"error: offline, and https://git.example.invalid/x.git at {wanted.rev} is not in the cache\n"
        "  usual cause: it was never fetched, or the cache is another one\n"
        "  what to do:  run once without --offline"
    )


def test_without_git(tmp_path: Path, repository: Path) -> None:
    bare = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={"PATH": "/nonexistent"})
    with pytest.raises(ToolboxError, match="there is no git on this machine"):
        source.run(SourceInputs(source=commit(repository, "HEAD")), bare)


def test_a_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    tree = source.run(SourceInputs(source=PathSource(kind="path", path=tmp_path)), context(tmp_path))
    assert (tree.path, tree.digest, tree.revision) == (tmp_path.resolve(), None, None)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    wanted = PathSource(kind="path", path=tmp_path / "none")
    with pytest.raises(SourceError, match="there is no directory"):
        source.run(SourceInputs(source=wanted), context(tmp_path))


def test_a_package_without_cargo_or_network(tmp_path: Path) -> None:
    wanted = RegistrySource(kind="registry", package="app", version="1.0.0")
    with pytest.raises(NetworkError, match=r"offline, and app 1\.0\.0 is not in the cache"):
        source.run(SourceInputs(source=wanted), context(tmp_path, offline=True))
    with pytest.raises(ToolboxError, match="there is no Cargo to fetch it"):
        source.run(SourceInputs(source=wanted), context(tmp_path))
