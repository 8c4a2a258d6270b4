"""Another network namespace: what is done in it from here, and ports of this machine that are reached from it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_BLOCK_BYTES = 256 * 1024

Value = TypeVar("Value")


def done_there(pid: int, action: Callable[[], Value]) -> Value:
    """Return what *action* returns in the network of the process *pid*; sockets that it opens stay there."""

    def act() -> Value:
        namespace = os.open(Path(f"/proc/{pid}/ns/net"), os.O_RDONLY)
        try:
            # A thread has a network of its own, if it wants one (setns(2)).
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network of {pid}")
        finally:
            os.close(namespace)
        return action()

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(act).result()


def start_loopback() -> None:
    """Switch on the loopback device of the network at hand (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


@contextlib.contextmanager
def reachable_there(pid: int, port: int) -> Iterator[None]:
    """Make the *port* of this machine's loopback reachable in the network of the process *pid*, under its number."""
    listener = done_there(pid, lambda: socket.create_server(("127.0.0.1", port)))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = listener.accept()
                threading.Thread(target=_relay, args=(client, port), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        # Closing alone would not wake up who waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _relay(client: socket.socket, port: int) -> None:
    with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, destination: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK_BYTES):
            destination.sendall(block)
        destination.shutdown(socket.SHUT_WR)
