"""System calls that Python lacks, by way of the C library: mounts, namespaces, filters. Standard library only."""

from __future__ import annotations

import ctypes
import enum
import fcntl
import os
import socket
import struct

_PR_SET_PDEATHSIG = 1
_PTRACE_TRACEME, _PTRACE_DETACH = 0, 17
_MNT_DETACH = 2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
"""Numbers of pivot_root(2), which the C library has no function for."""


class Unshare(enum.IntFlag):
    """What a process stops sharing (unshare(2))."""

    MOUNTS = 0x20000
    IPC = 0x8000000
    USERS = 0x10000000
    PROCESSES = 0x20000000
    NETWORK = 0x40000000


class Mount(enum.IntFlag):
    """How something is mounted (mount(2))."""

    NONE = 0
    READ_ONLY = 1
    NO_SUID = 2
    NO_DEV = 4
    REMOUNT = 32
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18


def _call(name: str, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    result = int(getattr(library, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def unshare(what: Unshare) -> None:
    """Put this process into namespaces of its own."""
    _call("unshare", ctypes.c_int(int(what)))


def mount(source: str, target: str, kind: str | None, flags: Mount = Mount.NONE, options: str = "") -> None:
    """Mount *source* on *target*; the error names both."""
    try:
        _call(
            "mount", os.fsencode(source), os.fsencode(target), kind.encode() if kind else None,
            ctypes.c_ulong(int(flags)), os.fsencode(options) if options else None,
        )  # fmt: skip
    except OSError as error:
        raise OSError(error.errno, f"cannot mount {kind or source} on {target}: {error.strerror}") from error


def change_root(new_root: str) -> None:
    """Make *new_root*, which must be a mount, the root, and let go of everything outside it."""
    os.chdir(new_root)
    number = _PIVOT_ROOT[os.uname().machine]
    _call("syscall", ctypes.c_long(number), b".", b".")
    _call("umount2", b".", ctypes.c_int(_MNT_DETACH))
    os.chdir("/")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the thread that made it ends."""
    _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(signal_number), 0, 0, 0)


def ask_to_be_traced() -> None:
    """Have the parent follow this process (ptrace(2))."""
    _call("ptrace", ctypes.c_long(_PTRACE_TRACEME), 0, None, None)


def let_go(pid: int) -> None:
    """Follow a stopped child no longer; it goes on."""
    _call("ptrace", ctypes.c_long(_PTRACE_DETACH), pid, None, None)


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call by its number."""
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _call("syscall", ctypes.c_long(number), *converted)


def raise_loopback() -> None:
    """Bring up the loopback interface of a new network namespace (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh22x", b"lo", 0)
        _name, flags = struct.unpack("16sh22x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
