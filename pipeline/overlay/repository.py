"""What a build script that asks Git is told in an overlay: the same as in the original work tree.

The overlay becomes a linked work tree of the original repository (gitrepository-layout(5)) whose private data lie
with us. The repository itself is not written to and does not learn of it. Files that the overlay
rewrites or does not hold are marked as unchanged in the private index, so that nothing appears to be modified.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.analysis import GitFacts
from pipeline.overlay.layout import Layout
from pipeline.processes import proc

_NO_LOCKS = {"GIT_OPTIONAL_LOCKS": "0"}
_NAMES_AT_ONCE = 500


def find_repository(directory: Path, environ: Mapping[str, str]) -> GitFacts | None:
    """Return the repository that *directory* lies in, None when there is none (or no Git to ask)."""
    env = proc.base_environment(environ) | _NO_LOCKS
    git = proc.find_program("git", env)
    if git is None:
        return None
    asked = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    answer = proc.run(proc.Command(argv=(str(git), "rev-parse", *asked), env=env, cwd=directory))
    lines = answer.text.splitlines()
    if answer.exit_code != 0 or len(lines) != len(asked):
        return None
    head = proc.run(proc.Command(argv=(str(git), "rev-parse", "--verify", "-q", "HEAD"), env=env, cwd=directory))
    return GitFacts(
        top_dir=Path(lines[0]),
        git_dir=Path(lines[1]),
        common_dir=(directory / lines[2]).resolve(),
        commit=head.text.strip() or None,
    )


def attach(
    layout: Layout, facts: GitFacts, *, private_dir: Path, rewritten: Iterable[Path], environ: Mapping[str, str]
) -> None:
    """Make the overlay a work tree of the repository, keeping what belongs to it in *private_dir*.

    Raises ProcessFailedError when Git cannot read the repository's index.
    """
    top = layout.locate(facts.top_dir)
    marks = sorted(str(path.relative_to(facts.top_dir)) for path in rewritten if path.is_relative_to(facts.top_dir))
    receipt = _receipt(facts, marks)
    if (private_dir / "receipt").is_file() and (private_dir / "receipt").read_text() == receipt:
        fs.write_if_changed(top / ".git", f"gitdir: {private_dir}\n")
        return
    with fs.explained(private_dir):
        private_dir.mkdir(parents=True, exist_ok=True)
        (private_dir / "receipt").unlink(missing_ok=True)
        shutil.copyfile(facts.git_dir / "HEAD", private_dir / "HEAD")
        fs.write_text(private_dir / "commondir", f"{facts.common_dir}\n")
        fs.write_text(private_dir / "gitdir", f"{top / '.git'}\n")
        fs.write_text(top / ".git", f"gitdir: {private_dir}\n")
        if (facts.git_dir / "index").is_file():
            shutil.copyfile(facts.git_dir / "index", private_dir / "index")
            _mark_unchanged(layout, facts, private_dir=private_dir, marks=marks, environ=environ)
    fs.write_text(private_dir / "receipt", receipt)


def _receipt(facts: GitFacts, marks: list[str]) -> str:
    """Return what the private data were made from: they are made again when it changes."""
    parts = [repr(facts), *marks]
    for name in ("HEAD", "index"):
        path = facts.git_dir / name
        status = path.stat() if path.is_file() else None
        parts.append(f"{name} {status.st_mtime_ns} {status.st_size}" if status else f"{name} -")
    return "\n".join(parts) + "\n"


def _mark_unchanged(
    layout: Layout, facts: GitFacts, *, private_dir: Path, marks: list[str], environ: Mapping[str, str]
) -> None:
    """Mark in the private index what the overlay rewrites or only links to, and renew its file times."""
    env = proc.base_environment(environ) | _NO_LOCKS | {"GIT_DIR": str(private_dir)}
    # Paths are looked up in the original tree, where none of them is behind a link.
    env_original = env | {"GIT_WORK_TREE": str(facts.top_dir)}
    listing = proc.check(proc.Command(argv=("git", "ls-files", "-z"), env=env_original, cwd=facts.top_dir))
    tracked = [name for name in listing.stdout.decode(errors="surrogateescape").split("\0") if name]
    hidden = [name for name in tracked if name in marks or not layout.covers(facts.top_dir / name)]
    for start in range(0, len(hidden), _NAMES_AT_ONCE):
        argv = ("git", "update-index", "--assume-unchanged", "--", *hidden[start : start + _NAMES_AT_ONCE])
        proc.check(proc.Command(argv=argv, env=env_original, cwd=facts.top_dir))
    env_copy = env | {"GIT_WORK_TREE": str(layout.locate(facts.top_dir))}
    proc.run(proc.Command(argv=("git", "update-index", "-q", "--refresh"), env=env_copy, cwd=layout.tree))
