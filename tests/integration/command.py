"""Running the command line as a person does: a process of its own, with its own environment."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def processor_s() -> float:
    """Return the user and system seconds of this process and of all that it waited for: others do not count."""
    return sum(os.times()[:4])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """Return what ``--json`` printed; anything else on standard output is an error."""
        value: dict[str, Any] = json.loads(self.stdout)
        return value

    def outcome(self) -> dict[str, Any]:
        """Return the result of a build for one target, which must have gone well."""
        assert self.exit_code == 0, self.stderr
        (only,) = self.result["outcomes"]
        found: dict[str, Any] = only
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cli:
    """The command line with a cache directory of the tests."""

    cache_dir: Path

    def argv(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "pipeline", "--cache-dir", str(self.cache_dir), "--json", *map(str, arguments)]

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return dict(os.environ) | {"PYTHONPATH": str(ROOT)} | dict(extra or {})

    def run(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT, timeout_s: float = 600
    ) -> Ended:
        done = subprocess.run(
            self.argv(*arguments),
            env=self.environ(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ended(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments),
            env=self.environ(env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
