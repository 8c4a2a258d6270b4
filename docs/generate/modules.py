"""The rooms of the code and who uses whom, read from the files themselves."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "pipeline"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Room:
    """A module or package directly below ``pipeline``."""

    name: str
    summary: str
    """First sentence of its docstring."""
    uses: frozenset[str]
    """Other rooms that it imports."""
    inner: tuple[tuple[str, str], ...] = ()
    """Packages in it, and the first sentences of their docstrings."""


def read_rooms(package: Path = PACKAGE) -> tuple[Room, ...]:
    """Return every room, by name."""
    places = [path for path in package.iterdir() if _is_room(path)]
    names = frozenset(path.stem for path in places)
    return tuple(_read(path, package.name, names) for path in sorted(places, key=lambda path: path.stem))


def _is_room(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.py")) if path.is_dir() else path.suffix == ".py" and path.stem[0] != "_"


def _read(path: Path, package: str, names: frozenset[str]) -> Room:
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    uses = {name for tree in trees.values() for name in _imported(tree, package)} & names
    first = path / "__init__.py" if path.is_dir() else path
    return Room(
        name=path.stem,
        summary=_summary(ast.get_docstring(trees[first]) or ""),
        uses=frozenset(uses - {path.stem}),
        inner=tuple(
            (file.parent.name, _summary(ast.get_docstring(tree) or ""))
            for file, tree in trees.items()
            if file.name == "__init__.py" and file.parent.parent == path
        ),
    )


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the rooms that are imported anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == package:
                yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]


def _summary(docstring: str) -> str:
    text = " ".join(docstring.split("\n\n", maxsplit=1)[0].split())
    return text if len(text) < 160 else text.split(". ")[0].rstrip(".") + "."


def tiers(rooms: tuple[Room, ...]) -> tuple[tuple[Room, ...], ...]:
    """Return the rooms by their height: those that use nothing, those that only use the former, and so on."""
    heights: dict[str, int] = {}
    by_name = {room.name: room for room in rooms}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = 1 + max((height(used) for used in by_name[name].uses), default=-1)
        return heights[name]

    top = max(height(room.name) for room in rooms)
    return tuple(tuple(room for room in rooms if heights[room.name] == level) for level in range(top + 1))


def direct_uses(rooms: tuple[Room, ...]) -> Mapping[str, frozenset[str]]:
    """Return for each room the rooms that it uses and that it does not reach through another one, too."""
    by_name = {room.name: room for room in rooms}

    def reached(name: str) -> frozenset[str]:
        return frozenset().union(*(by_name[used].uses | reached(used) for used in by_name[name].uses))

    return {room.name: room.uses - reached(room.name) for room in rooms}
