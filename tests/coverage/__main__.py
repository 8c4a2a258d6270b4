"""``python -m tests.coverage [FILE]``: a table of the branches that tests take, for each layer of ``pipeline``.

FILE is what ``coverage json`` writes.
"""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path
from typing import Any, Final

COUNTS: Final = ("num_statements", "covered_lines", "num_branches", "covered_branches")
WEAK_PERCENT: Final = 80


def main(arguments: list[str]) -> int:
    """Print the table."""
    report = json.loads(Path(arguments[0] if arguments else "coverage.json").read_text(encoding="utf-8"))
    sys.stdout.write(table(report["files"]))
    return 0


def table(files: dict[str, Any]) -> str:
    """Return the table in Markdown, the weakest layers first."""
    layers = collections.defaultdict[str, collections.Counter[str]](collections.Counter)
    for name, file in files.items():
        parts = Path(name).parts
        layer = parts[1].removesuffix(".py") if len(parts) > 1 else name
        for counter in (layers[layer], layers["all"]):
            counter.update({key: file["summary"][key] for key in COUNTS})
    rows = sorted((name for name in layers if name != "all"), key=lambda name: (_percent(layers[name]), name))
    lines = ["| layer | branches | taken | | statements run |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*lines, *(_row(name, layers[name]) for name in (*rows, "all"))]) + "\n"


def _percent(counter: collections.Counter[str]) -> float:
    return 100 * counter["covered_branches"] / counter["num_branches"] if counter["num_branches"] else 100.0


def _row(name: str, counter: collections.Counter[str]) -> str:
    statements = 100 * counter["covered_lines"] / (counter["num_statements"] or 1)
    percent = _percent(counter)
    mark = " (weak)" if percent < WEAK_PERCENT else ""
    branches, taken = counter["num_branches"], counter["covered_branches"]
    return f"| `{name}` | {branches} | {taken} | {percent:.0f} %{mark} | {statements:.0f} % |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
