"""``python -m tests.pictures [--cache-dir DIR]``: pictures of real runs for the README and the tutorial.

Each is what a command leaves on a terminal of 80 columns: pico is built, then broken as the tutorial breaks it, then
verified. `doctor` is not among them: what it says is about the machine that it runs on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from docs.generate.blocks import read_blocks
from tests.pictures.terminal import draw, take

ROOT: Final = Path(__file__).parents[2]
OUT: Final = ROOT / "docs/pictures"
PARTS: Final = ("examples", "canaries", "patches", "dockerfiles", "releases.toml")

BUILD: Final = "snapstitch build --runtime pico --target arm64"
BROKEN: Final = "snapstitch verify --target amd64 --static-only broken"
SHOTS: Final = {"build": (BUILD, 0), "verify-broken": (BROKEN, 21)}
"""By the name of the picture: the command, and how it must end."""


def main() -> int:
    """Take every picture; return 1 when a command ended otherwise than it should, or shows a place of this machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "build/cache", help="where the toolbox is kept")
    cache_dir = parser.parse_args().cache_dir.absolute()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        env = prepare(place, cache_dir)
        for picture, (command, wanted) in SHOTS.items():
            if picture == "verify-broken":
                break_it(place, env)
            shot = take(tuple(shlex.split(command)), cwd=place / "checkout", env=env)
            private = [word for word in (name, str(cache_dir), str(Path.home()), "://") if word in shot.plain]
            if shot.exit_code != wanted or private:
                sys.stderr.write(f"{command}: exit code {shot.exit_code}, shows {private}\n{shot.plain}\n")
                return 1
            OUT.mkdir(exist_ok=True)
            (OUT / f"{picture}.svg").write_text(draw(command, command, shot), encoding="utf-8")
    return 0


def prepare(place: Path, cache_dir: Path) -> dict[str, str]:
    """Make a directory with what commands read in a checkout and a ``snapstitch``; return the environment."""
    (place / "checkout").mkdir()
    for part in PARTS:
        source, target = ROOT / part, place / "checkout" / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("target"))
        else:
            shutil.copy(source, target)
    (place / "bin").mkdir()
    program = place / "bin/snapstitch"
    words = f'exec {shlex.quote(sys.executable)} -m pipeline --cache-dir {shlex.quote(str(cache_dir))} "$@"'
    program.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} {words}\n")
    program.chmod(0o755)
    passed_on = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
    return {**passed_on, "PATH": f"{program.parent}:/usr/bin:/bin", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


def break_it(place: Path, env: dict[str, str]) -> None:
    """Do what the tutorial does to get a broken program: its block with ``swap.py``."""
    (block,) = (block for block in read_blocks(ROOT / "docs/tutorial.md") if "swap.py" in block.text)
    subprocess.run(
        ["bash", "--norc", "-euo", "pipefail", "-c", block.text], cwd=place / "checkout", env=env, check=True,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
