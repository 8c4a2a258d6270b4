"""Where things lie in an overlay."""

from __future__ import annotations

from pathlib import Path

from pipeline.overlay.layout import plan

TREE = Path("/w/tree")


def test_without_a_repository_the_parent_directory_is_mirrored() -> None:
    layout = plan([Path("/home/u/ws"), Path("/home/u/ws/p")], tree=TREE, git_top=None, excluded=[])
    assert layout.base == Path("/home/u")
    assert layout.roots == (Path("/home/u/ws"),)
    assert layout.locate(Path("/home/u/ws/p/Cargo.toml")) == Path("/w/tree/ws/p/Cargo.toml")


def test_a_repository_is_mirrored_from_its_top() -> None:
    layout = plan([Path("/src/repo/a/ws")], tree=TREE, git_top=Path("/src/repo"), excluded=[])
    assert layout.base == Path("/src/repo")
    assert layout.limits == (Path("/src/repo"),)


def test_the_base_covers_path_dependencies_elsewhere() -> None:
    layout = plan([Path("/home/u/ws"), Path("/opt/lib/x"), Path("/home/u/x")], tree=TREE, git_top=None, excluded=[])
    assert layout.base == Path("/")
    assert layout.roots == (Path("/home/u/ws"), Path("/home/u/x"), Path("/opt/lib/x"))
    assert layout.locate(Path("/opt/lib/x")) == Path("/w/tree/opt/lib/x")
    assert layout.covers(Path("/opt/lib/x/src"))
    assert not layout.covers(Path("/opt/lib"))


def test_a_workspace_at_the_top_of_its_repository() -> None:
    layout = plan([Path("/src/repo")], tree=TREE, git_top=Path("/src/repo"), excluded=[])
    assert layout.base == Path("/src/repo")
    assert layout.locate(Path("/src/repo")) == TREE
