"""Runs one program in a root of another architecture: a small program of its own, started by ``enter``.

Three processes: this one makes the namespaces and waits; its child is the first process of the new process namespace,
whose end is the end of everything in it; its child is the program. When the one that started us dies, however it
dies, the kernel kills the chain, and with the namespaces go all mounts and the entries of binfmt_misc: nothing of
them was ever seen outside.

Standard library only: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from pipeline.rootfs import accounting, kernel, mounts, seccomp, tracing
from pipeline.rootfs.order import Order

CANNOT_ENTER_EXIT_CODE = 125
"""The root could not be entered; the reason is on standard error. ``env`` and ``chroot`` use the same."""
CAN_TRACE = "--can-trace"
"""In place of an order: find out whether ``ptrace`` is allowed."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(arguments: list[str]) -> int:
    """Carry out the order in the file that *arguments* names, and return the program's exit code."""
    if arguments == [CAN_TRACE]:
        return _can_trace()
    order = Order.from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    parent = os.getppid()
    if order.tracer:
        return _trace(order, parent)
    try:
        _isolate(order)
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            return CANNOT_ENTER_EXIT_CODE
        ours, theirs = socket.socketpair()
        first = os.fork()
        if first == 0:
            ours.close()
            _guarded(lambda: _first_process(order, theirs))
        theirs.close()
    except OSError as error:
        return _refused(error)
    _forward_signals(first)
    if order.accounts:
        accounting.keep(ours, Path(order.accounts))
    return _wait(first)


def _trace(order: Order, parent: int) -> int:
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return CANNOT_ENTER_EXIT_CODE
    root = Path(order.overlay, "upper") if order.overlay else Path(order.root)
    for bind in order.binds:
        mounts.make_place(bind, root)
    child = os.fork()
    if child == 0:
        _guarded(lambda: tracing.program(order))
    _forward_signals(child, signal.SIGQUIT)
    return _wait(child)


def _can_trace() -> int:
    """Return 0 if a process may follow its child here, by doing it."""
    child = os.fork()
    if child == 0:
        _guarded(_traced)
    if not os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]):
        return CANNOT_ENTER_EXIT_CODE
    kernel.let_go(child)
    return _wait(child)


def _traced() -> int:
    kernel.ask_to_be_traced()
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0


def _isolate(order: Order) -> None:
    uid, gid = os.geteuid(), os.getegid()
    what = kernel.Unshare.USERS | kernel.Unshare.PROCESSES | kernel.Unshare.IPC
    kernel.unshare(what if order.network else what | kernel.Unshare.NETWORK)
    # user_namespaces(7): the group map may only be written once setgroups is given up.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _first_process(order: Order, channel: socket.socket) -> int:
    kernel.die_with_parent(signal.SIGKILL)
    if not order.network:
        kernel.raise_loopback()
    # Not before: our parent goes on to see the machine's files and processes.
    kernel.unshare(kernel.Unshare.MOUNTS)
    mounts.build(order)
    program = os.fork()
    if program == 0:
        _guarded(lambda: _program(order, channel))
    channel.close()
    _forward_signals(program)
    while True:
        # Orphans come to the first process of a namespace.
        pid, status = os.wait()
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _program(order: Order, channel: socket.socket) -> int:
    for number in _FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    os.chdir(order.cwd)
    listener = seccomp.install(watched=order.accounts is not None, durable=order.durable)
    if listener is not None:
        socket.send_fds(channel, [b"l"], [listener])
        os.close(listener)
        channel.recv(1)  # the first exec waits for the listener
    channel.close()
    try:
        os.execvpe(order.argv[0], list(order.argv), dict(order.env))  # noqa: S606 - its arguments are the user's
    except OSError as error:
        sys.stderr.write(f"{order.argv[0]}: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126


def _forward_signals(pid: int, sent: signal.Signals | None = None) -> None:
    """Pass signals on to a process, as they are or as the one that it minds."""

    def forward(number: int, frame: types.FrameType | None) -> None:
        del frame
        os.kill(pid, sent or number)

    terminal = os.isatty(0)
    for number in _FORWARDED:
        # A terminal sends what is typed to all of us.
        typed = terminal and number in {signal.SIGINT, signal.SIGQUIT}
        signal.signal(number, signal.SIG_IGN if typed else forward)


def _wait(pid: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _refused(error: OSError) -> int:
    sys.stderr.write(f"cannot enter the root: {error}\n")
    return CANNOT_ENTER_EXIT_CODE


def _guarded(child: Callable[[], int]) -> NoReturn:
    """Run what a forked child does, and end it; nothing of the parent's way out may happen in it."""
    code = CANNOT_ENTER_EXIT_CODE
    try:
        code = child()
    except OSError as error:
        code = _refused(error)
    except BaseException:  # noqa: BLE001 - the last boundary of a forked child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
