"""What stands in OUT_DIR: emptied before a run, filled from what was made elsewhere or earlier, its name put right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipeline import fs
from pipeline.model.execution import ExecResult


def empty(out_dir: Path) -> None:
    """Remove what an earlier run left: what is captured must come from one run alone."""
    fs.make_directory(out_dir)
    for entry in out_dir.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def fill(out_dir: Path, source: Path, seen_as: str | None = None) -> None:
    """Put all that lies below *source* into *out_dir*, emptied first; text that names *seen_as* then names it."""
    empty(out_dir)
    tokens = (os.fsencode(seen_as or out_dir), os.fsencode(out_dir))
    for path in sorted(source.rglob("*")):
        _place(path, out_dir / path.relative_to(source), tokens)


def renamed(out_dir: Path, outcome: ExecResult) -> bytes:
    """Return the directives with this machine's OUT_DIR, where the program saw another one; text files get it, too."""
    if outcome.out_dir in {None, str(out_dir)}:
        return outcome.stdout
    tokens = (os.fsencode(str(outcome.out_dir)), os.fsencode(out_dir))
    for path in sorted(out_dir.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        if tokens[0] in content and _is_text(content):
            path.write_bytes(content.replace(*tokens))
    return outcome.stdout.replace(*tokens)


def _place(source: Path, target: Path, tokens: tuple[bytes, bytes]) -> None:
    if source.is_dir():
        fs.make_directory(target)
        return
    content = source.read_bytes()
    if tokens[0] != tokens[1] and tokens[0] in content and _is_text(content):
        content = content.replace(*tokens)
    fs.make_directory(target.parent)
    target.write_bytes(content)
    target.chmod(source.stat().st_mode & 0o777)


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
