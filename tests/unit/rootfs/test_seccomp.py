"""The filter, as the kernel applies it to a child of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PREAMBLE = """
import ctypes, os, stat, sys
from pipeline.rootfs import seccomp
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: a filter may be installed without rights
seccomp.install(watched=False, durable={durable})
"""


def under_filter(script: str, cwd: Path, *, durable: bool = True) -> str:
    code = PREAMBLE.format(durable=durable) + script
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Nobody: root could do all this by right.
    guard = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"] if os.geteuid() == 0 else []
    argv = [*guard, sys.executable, "-c", code]
    ended = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_owners_groups_identities_and_devices_are_pretended(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.chmod(tmp_path, 0o777)  # noqa: PTH101 - the other user writes there
    script = """
os.chown("file", 5, 5); os.lchown("file", 7, 7); os.setgroups([1, 2]); os.setuid(7); os.setgid(7)
os.setresuid(1, 1, 1); os.mknod("device", 0o600 | stat.S_IFCHR, os.makedev(1, 3)); os.mkfifo("pipe")
print(os.path.exists("device"), stat.S_ISFIFO(os.stat("pipe").st_mode), os.stat("file").st_uid, os.geteuid())
"""
    user = 54321 if os.geteuid() == 0 else os.geteuid()
    assert under_filter(script, tmp_path) == f"False True {os.geteuid()} {user}\n"


def test_what_is_wrong_still_fails(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)  # noqa: PTH101 - the other user looks there
    script = """
try:
    open("absent")
except FileNotFoundError:
    print("absent")
os.fsync(1)  # of a pipe: EINVAL where it is done at all
"""
    assert under_filter(script, tmp_path, durable=False) == "absent\n"
