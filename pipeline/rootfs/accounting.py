"""Who used how much of the processor in a root: told by the kernel when a program begins and when it ends.

The filter of ``seccomp`` hands exec and exit to a listener (seccomp_unotify(2)). It reads what the kernel counts of the
process (proc_pid_stat(5)), lets the call go on, and writes a line for each program that ends. Programs that a signal
kills are not seen. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import socket
import struct
from pathlib import Path
from typing import IO

_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
_NOTICE_BYTES = 80
_CONTINUE = 1
_LONGEST_NAME_BYTES = 400


def keep(channel: socket.socket, accounts: Path) -> None:
    """Take the listener that comes over *channel*, and write to *accounts* until the last program has ended.

    Whoever made a process namespace can have no threads: this returns when all is over.
    """
    with channel:
        _message, descriptors, _flags, _address = socket.recv_fds(channel, 1, 1)
        if not descriptors:
            return
        channel.send(b"g")
    with accounts.open("a", encoding="utf-8") as out, contextlib.suppress(OSError):
        _Clerk(descriptors[0], out).work()


class _Clerk:
    def __init__(self, listener: int, out: IO[str]) -> None:
        self._listener = listener
        self._out = out
        self._seen: dict[int, float] = {}
        """CPU seconds of a process when its present program began."""

    def work(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while True:
            _descriptor, event = poll.poll()[0]
            if event & select.POLLIN:
                self._notice()
            elif event & select.POLLHUP:  # nobody is left under the filter
                return

    def _notice(self) -> None:
        notice = bytearray(_NOTICE_BYTES)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, notice)
        except FileNotFoundError:  # killed meanwhile
            return
        number, pid, _flags, call = struct.unpack_from("=QIIi", notice)
        self._write(pid, ended=call in {231, 94})
        answer = bytearray(struct.pack("=QqiI", number, 0, 0, _CONTINUE))
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(self._listener, _SEND, answer)

    def _write(self, pid: int, *, ended: bool) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            total_s = _spent_s(pid)
            spent_s = total_s - self._seen.get(pid, 0.0)
            if ended:
                self._seen.pop(pid, None)
            else:
                self._seen[pid] = total_s
            line = {"pid": pid, "ended": ended, "cpu_s": round(spent_s, 3), **_who(pid)}
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()


def _spent_s(pid: int) -> float:
    """Return the CPU seconds of a process: of its threads in nanoseconds, or of ended ones, too, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    ticks_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    threads = Path(f"/proc/{pid}/task").iterdir()
    return max(ticks_s, sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9)


def _who(pid: int) -> dict[str, str]:
    with Path(f"/proc/{pid}/cmdline").open("rb") as stream:
        words = [word.decode(errors="replace") for word in stream.read(_LONGEST_NAME_BYTES).split(b"\0")]
    return {"program": str(Path(f"/proc/{pid}/exe").readlink()), "argv": "\0".join(words[:4])}
