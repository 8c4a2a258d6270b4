"""``python -m tests.mutation [MODULE...] [--every N]``: change the code in small ways, and see which tests notice.

mutmut makes the mutants and runs the tests that reach each (pyproject.toml says which modules and tests); this chooses
mutants and prints a table. MODULE is a module or a package below ``pipeline``: ``lifting``, ``proof/variants``.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import fnmatch
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MUTANTS: Final = ROOT / "mutants"
LAST_DIGITS: Final = {1: "", 2: "[13579]", 5: "[16]", 10: "1"}
"""By the size of the step: how the numbers of the chosen mutants end; the first of each function is always one."""
SURVIVED: Final = 0
UNTESTED: Final = 33
"""mutmut's own: no test reaches the function."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the mutants of one module."""

    module: str
    killed: int
    survivors: tuple[str, ...]

    @property
    def mutants(self) -> int:
        return self.killed + len(self.survivors)


def main() -> int:
    """Run the chosen mutants and print the table, and each survivor with ``--survivors``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="all of pyproject.toml's when left out")
    parser.add_argument("--every", type=int, choices=sorted(LAST_DIGITS), default=5, help="of each function's mutants")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only-table", action="store_true", help="of what was run before")
    parser.add_argument("--survivors", action="store_true", help="print what was changed in each")
    options = parser.parse_args()
    patterns = tuple(patterns_of(options.modules or ["*"], options.every))
    if not options.only_table:
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(options.jobs), *patterns]
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
            return status
    rows = tuple(read_rows(patterns))
    sys.stdout.write(table(rows))
    for name in (name for row in rows for name in row.survivors if options.survivors):
        sys.stdout.write(f"\n{name}\n{shown(name)}")
    return 0


def patterns_of(modules: list[str], every: int) -> Iterator[str]:
    """Yield patterns of mutmut's names: ``pipeline.lifting.checks.x_locked__mutmut_11``."""
    for module in modules:
        name = module.removeprefix("pipeline/").removesuffix(".py").replace("/", ".").strip(".")
        yield f"pipeline.{name}.*__mutmut_*{LAST_DIGITS[every]}"


def read_rows(patterns: tuple[str, ...]) -> Iterator[Row]:
    """Yield a row for each module whose mutants were run."""
    for path in sorted(MUTANTS.rglob("*.py.meta")):
        codes: Mapping[str, int | None] = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        run = {
            name: code
            for name, code in codes.items()
            if code is not None and any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
        }
        # Everything else is a mutant that hangs, or that needs more memory or time than tests have.
        survivors = tuple(name for name, code in run.items() if code in {SURVIVED, UNTESTED})
        if run:
            module = str(path.relative_to(MUTANTS / "pipeline")).removesuffix(".py.meta")
            yield Row(module=module, killed=len(run) - len(survivors), survivors=survivors)


def table(rows: tuple[Row, ...]) -> str:
    """Return a table in Markdown, with a line for each package."""
    packages = collections.defaultdict[str, list[Row]](list)
    for row in rows:
        packages[row.module.rpartition("/")[0]].append(row)
    lines = ["| module | mutants | killed | survived | score |", "|---|--:|--:|--:|--:|"]
    for package, inner in packages.items():
        lines += [_line(f"`{row.module}`", (row,)) for row in inner]
        lines.append(_line(f"**{package}**", tuple(inner)))
    return "\n".join([*lines, _line("**all**", rows)]) + "\n"


def _line(name: str, rows: tuple[Row, ...]) -> str:
    killed, mutants = sum(row.killed for row in rows), sum(row.mutants for row in rows)
    return f"| {name} | {mutants} | {killed} | {mutants - killed} | {100 * killed / (mutants or 1):.0f} % |"


def shown(name: str) -> str:
    """Return what was changed, as a diff."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
