"""Everything that Cargo reads about a workspace is noticed when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.rust.answers.manifests import NotFollowedError, workspace_state

FILES = {
    "top/Cargo.toml": '[workspace]\nmembers = ["app", "more/*"]\n[workspace.dependencies]\nfar = { path = "../far" }\n',
    "top/Cargo.lock": "version = 4\n",
    "top/app/Cargo.toml": '[package]\nname = "app"\n[target.w.dependencies]\nnear = { path = "../near" }\n',
    "top/app/src/main.rs": "",
    "top/near/Cargo.toml": '[package]\nname = "near"\nworkspace = ".."\n',
    "top/more/one/Cargo.toml": '[package]\nname = "one"\n',
    "far/Cargo.toml": '[package]\nname = "far"\n',
    "home/config.toml": "[build]\njobs = 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def state(root: Path) -> list[list[str]]:
    return workspace_state([root / "top/app/Cargo.toml"], cwd=root / "top", home=root / "home")


CHANGES: dict[str, Callable[[Path], object]] = {
    "its own manifest": lambda root: write(root / "top/app/Cargo.toml", '[package]\nname = "other"\n'),
    "the root's": lambda root: write(root / "top/Cargo.toml", "[workspace]\n"),
    "a member's": lambda root: write(root / "top/more/one/Cargo.toml", '[package]\nname = "uno"\n'),
    "a new member": lambda root: write(root / "top/more/two/Cargo.toml", '[package]\nname = "two"\n'),
    "a dependency's for another system": lambda root: write(root / "top/near/Cargo.toml", "[package]\n"),
    "a dependency's of the workspace": lambda root: write(root / "far/Cargo.toml", "[package]\n"),
    "the lock": lambda root: write(root / "top/Cargo.lock", "version = 3\n"),
    "no lock": lambda root: (root / "top/Cargo.lock").unlink(),
    "a new program": lambda root: write(root / "top/app/src/bin/tool.rs"),
    "a new program in a directory": lambda root: write(root / "top/app/src/bin/tool/main.rs"),
    "a new build script": lambda root: write(root / "top/more/one/build.rs"),
    "a program that goes": lambda root: (root / "top/app/src/main.rs").unlink(),
    "configuration": lambda root: write(root / "top/.cargo/config.toml", "[build]\n"),
    "configuration above": lambda root: write(root / ".cargo/config", "[build]\n"),
    "configuration of the user": lambda root: write(root / "home/config.toml", "[build]\njobs = 2\n"),
    "a workspace above": lambda root: write(root / "Cargo.toml", "[workspace]\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(change: str, root: Path) -> None:
    before = state(root)
    assert state(root) == before
    CHANGES[change](root)
    assert state(root) != before


def test_sources_do_not_matter(root: Path) -> None:
    before = state(root)
    write(root / "top/app/src/main.rs", "fn main() {}")
    write(root / "top/app/src/part.rs", "")
    assert state(root) == before


def test_a_patch_in_the_configuration_is_followed(root: Path) -> None:
    write(root / "top/.cargo/config.toml", '[patch.crates-io]\nx = { path = "patched" }\n')
    before = state(root)
    write(root / "top/patched/Cargo.toml", '[package]\nname = "x"\n')
    assert state(root) != before


@pytest.mark.parametrize(
    "text",
    [
        'paths = ["elsewhere"]\n',
        'include = "more.toml"\n',
        '[source.vendored]\ndirectory = "vendor"\n',
        "not = [toml\n",
    ],
)
def test_what_leads_elsewhere_is_not_followed(text: str, root: Path) -> None:
    write(root / "top/.cargo/config.toml", text)
    with pytest.raises(NotFollowedError):
        state(root)
