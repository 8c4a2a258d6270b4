"""Machines with an account each: a root directory with the system, this project and the toolbox, and a home of its own.

What lies elsewhere on this machine, other accounts' homes above all, is not there at all. All of it takes root.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .command import ROOT, Cli, Ended

# A new root directory takes the place of the old one, which is gone afterwards: in a mere chroot the kernel gives no
# user namespaces (user_namespaces(7)).
_ENTER = """
set -eu
root=$1 user=$2 home=$3 shown=$4
shift 4
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir dev proc tmp old
for place in usr bin sbin lib lib64 etc; do
    if [ -L "/$place" ]; then cp -P "/$place" .
    elif [ -d "/$place" ]; then mkdir "$place" && mount --rbind "/$place" "$place"; fi
done
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmpfs tmp
while IFS='>' read -r from to options; do
    mkdir -p "$root$to"
    mount --bind "$from" "$root$to"
    mount -o "remount,bind,$options" "$root$to"
done <"$shown"
pivot_root . old
umount -l /old
cd "$home"
exec setpriv --reuid="$user" --regid="$user" --clear-groups "$@"
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """An account that nothing on this machine belongs to but its home."""

    cli: Cli
    user_id: int
    home: Path

    def take(self, file: Path) -> Path:
        """Bring a file into the home, as it is brought from machine to machine; return where it lies."""
        place = self.home / file.name
        shutil.copyfile(file, place)
        self.own()
        return place

    def own(self) -> None:
        """Make everything in the home the account's."""
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, self.user_id, self.user_id, follow_symlinks=False)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as the account on its machine."""
        with tempfile.TemporaryDirectory() as name:
            shown, root = Path(name, "shown"), Path(name, "root")
            root.mkdir()
            shown.write_text("".join(f"{from_dir}>{to}>{options}\n" for from_dir, to, options in self._shown()))
            return subprocess.run(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", str(root),
                 str(self.user_id), str(self.home), str(shown), *map(str, words)],
                env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.home), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
            )  # fmt: skip

    def pipeline(self, *arguments: str | Path) -> Ended:
        """Run the command line, with the tests' toolbox in a cache of its own."""
        done = self.run(*self.cli.argv(*arguments))
        return Ended(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def _shown(self) -> Iterator[tuple[Path, Path, str]]:
        """Yield what is seen: the directory of this machine, where it is seen, and whether it can be written to.

        The toolbox names its own directory, so that it has to lie where it is.
        """
        cache = self.cli.cache_dir.resolve()
        for directory in dict.fromkeys(Path(name) for name in (sys.base_prefix, sys.prefix, str(ROOT))):
            yield directory, directory, "ro"
        yield self.home, self.home, "rw"
        own = self.home / "cache"
        (own / "toolbox").mkdir(parents=True, exist_ok=True)
        for directory in (own, own / "toolbox"):
            os.chown(directory, self.user_id, self.user_id)
        yield own, cache, "rw"
        yield cache / "toolbox", cache / "toolbox", "ro"


@contextlib.contextmanager
def account(cli: Cli, user_id: int) -> Iterator[Account]:
    """Yield an account whose home is closed to all others."""
    home = Path(tempfile.mkdtemp(prefix="account-", dir="/tmp"))
    made = Account(cli=cli, user_id=user_id, home=home)
    made.own()
    try:
        yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)
