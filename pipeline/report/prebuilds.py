"""Tables that close ``prebuild``: what was compiled, and what npm packed."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.model.prebuilds.manifest import Prebuild
from pipeline.model.prebuilds.result import MadePrebuild, PrebuildResult
from pipeline.report import wording


def prebuild_tables(result: PrebuildResult, *, start_dir: Path) -> list[RenderableType]:
    """Return what is shown of one recipe; paths are shown from *start_dir*."""
    parts: list[RenderableType] = [Text(""), Text(f"{result.name} {result.version}", style="bold")]
    if result.made:
        parts.append(_made_table(result.made))
    if result.taken:
        parts.append(Text(f"from other runs: {', '.join(result.taken)}"))
    if result.packages:
        parts.append(_package_table(result, start_dir))
    return parts


def floor_text(prebuild: Prebuild) -> str:
    """Return which systems a prebuild runs on, such as ``glibc 2.17, Node-API 8``."""
    libc = prebuild.libc.value if prebuild.libc else ""
    needs = [f"{libc} {prebuild.libc_floor}" if prebuild.libc_floor else libc]
    needs += [f"Node-API {prebuild.node_api}" if prebuild.node_api else ""]
    needs += [f"modules {prebuild.node_abi}" if prebuild.node_abi else "", *prebuild.libraries]
    return ", ".join(need for need in needs if need)


def _made_table(made: tuple[MadePrebuild, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("prebuild", "needs", "compiler"):
        table.add_column(title, overflow="fold")
    for title in ("size", "CPU s", "ran, s"):
        table.add_column(title, justify="right", no_wrap=True)
    for item in made:
        size = sum(file.size_bytes for file in item.prebuild.files)
        ran = "not run" if item.trial_s is None else f"{item.trial_s:.2f}{' emulated' if item.emulated else ''}"
        table.add_row(
            Text(item.prebuild.path.removeprefix("prebuilds/")),
            Text(floor_text(item.prebuild)),
            Text(item.compiler),
            wording.quantity(size, "B"),
            f"{item.cpu_s:.1f}",
            ran,
        )
    return table


def _package_table(result: PrebuildResult, start_dir: Path) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("style", no_wrap=True)
    table.add_column("package", overflow="fold")
    table.add_column("packed", justify="right", no_wrap=True)
    table.add_column("unpacked", justify="right", no_wrap=True)
    for package in result.packages:
        path = package.path
        shown = path.relative_to(start_dir) if path.is_relative_to(start_dir) else path
        table.add_row(
            package.style,
            Text(str(shown)),
            wording.quantity(package.size_bytes, "B"),
            wording.quantity(package.unpacked_bytes, "B"),
        )
    return table
