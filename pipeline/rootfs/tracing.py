"""Entry by ptrace, where namespaces or binfmt_misc are not to be had: in a default container, or on an older kernel.

``proot`` follows every system call of every program and changes paths in it; programs of another architecture are
started behind the emulator, those of this machine as they are. It is slow, nothing is mounted, and the network, the
machine's processes and its devices are seen. Standard library only.
"""

from __future__ import annotations

import os
import signal

from pipeline.rootfs import kernel
from pipeline.rootfs.order import Order

_FROM_THE_MACHINE = ("/dev", "/proc", "/sys")
_NATIVE = "/.native"
_LOADERS = f"/host-rootfs{_NATIVE}"
"""Where proot looks for the loader of a program of this machine: in this machine's root, which it shows there."""
SETTINGS = {"PROOT_NO_SECCOMP": "1"}
"""Without its filter every system call is looked at; with it, versions before 5.4 miss some on newer kernels."""


def words(order: Order, *, ends_all: bool) -> list[str]:
    """Return proot's command line for *order*; *ends_all*: what is still running at the end is ended, too."""
    root = f"{order.overlay}/upper" if order.overlay else order.root
    binds = [f"--bind={place}" for place in _FROM_THE_MACHINE]
    binds += [f"--bind={bind.source}:{bind.inside}" for bind in order.binds]
    binds += [f"--bind={bind.source}:{_LOADERS}" for bind in order.binds if bind.inside == _NATIVE and order.emulator]
    emulator = [f"--qemu={order.emulator}"] if order.emulator else []
    ending = ["--kill-on-exit"] if ends_all else []
    identity = ["--root-id", *ending, f"--rootfs={root}", f"--cwd={order.cwd}"]
    return [order.tracer, *identity, *emulator, *binds, *order.argv]


def program(order: Order) -> int:
    """Become proot; it and all that it runs end when the process that started this one does."""
    # It ignores all other signals, and ends what it follows when this one comes.
    kernel.die_with_parent(signal.SIGQUIT)
    os.umask(0o022)
    with open(order.tracer, "rb") as stream:  # noqa: PTH123 - pathlib is slow to load
        # Not every version has it; one that lacks it waits for all.
        ends_all = b"kill-on-exit" in stream.read()
    os.execve(order.tracer, words(order, ends_all=ends_all), {**order.env, **SETTINGS})  # noqa: S606
