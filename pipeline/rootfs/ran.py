"""What ran in a root, made of the lines that ``accounting`` wrote: native or emulated, how often, how long."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """One program, over all its runs."""

    name: str
    emulated: bool
    runs: int
    cpu_s: float
    """User and system seconds of the processor, those of its children not counted."""


def read_accounts(path: Path, emulator: Path | None) -> tuple[Ran, ...]:
    """Return what ran, the most expensive first; the file may end in the middle of a line."""
    runs: dict[tuple[str, bool], int] = {}
    spent_s: dict[tuple[str, bool], float] = {}
    if not path.is_file():
        return ()
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            key = _program(entry["program"], entry["argv"].split("\0"), emulator)
            runs[key] = runs.get(key, 0) + bool(entry["ended"])
            spent_s[key] = spent_s.get(key, 0.0) + entry["cpu_s"]
        except (ValueError, KeyError, TypeError):
            continue
    found = [Ran(name=k[0], emulated=k[1], runs=runs[k], cpu_s=round(spent_s[k], 2)) for k in runs]
    return tuple(sorted(found, key=lambda ran: (-ran.cpu_s, ran.name)))


def _program(program: str, argv: list[str], emulator: Path | None) -> tuple[str, bool]:
    """Return the name of a program and whether it was emulated: then its own path is the emulator's first argument."""
    if emulator is not None and PurePosixPath(program).name == emulator.name:
        return PurePosixPath(argv[1] if len(argv) > 1 else program).name, True
    return PurePosixPath(program).name, False


def emulated_programs(path: Path, emulator: Path) -> dict[str, float]:
    """Return the CPU seconds of each program that was emulated, by the path that it was started by."""
    spent_s: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            words = entry["argv"].split("\0")
            if PurePosixPath(entry["program"]).name == emulator.name and len(words) > 1:
                spent_s[words[1]] = spent_s.get(words[1], 0.0) + entry["cpu_s"]
    return spent_s


def table(ran: Iterable[Ran], *, rows: int = 25) -> str:
    """Return a table for people: the most expensive programs, and the sums."""
    found = tuple(ran)
    lines = [f"{'':9}{'runs':>7}{'CPU s':>10}  program"]
    lines += [f"{_way(one.emulated):<9}{one.runs:>7}{one.cpu_s:>10.2f}  {one.name}" for one in found[:rows]]
    if len(found) > rows:
        lines.append(f"{'':26}  … and {len(found) - rows} more")
    for emulated in (False, True):
        part = [one for one in found if one.emulated is emulated]
        total_s = sum(one.cpu_s for one in part)
        lines.append(f"{_way(emulated):<9}{sum(one.runs for one in part):>7}{total_s:>10.2f}  in all")
    return "".join(f"{line}\n" for line in lines)


def _way(emulated: bool) -> str:
    return "emulated" if emulated else "native"
