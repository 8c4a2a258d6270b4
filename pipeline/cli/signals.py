"""Ctrl-C and requests to terminate: children first, then one orderly way out."""

from __future__ import annotations

import contextlib
import signal
import threading
import types
from collections.abc import Iterator

from pipeline.processes import children

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopper:
    """Handles the first signal, and ignores those that come while it is handled: tidying up must end."""

    def __init__(self) -> None:
        self._stopping = False
        # Worker threads do not see the exception; their children have to end for them to end.
        self._thread = threading.Thread(target=children.stop_children, daemon=True)

    def wait(self) -> None:
        """Return when no child is left, which is at once when none was told to end."""
        if self._thread.is_alive():
            self._thread.join()

    def handle(self, number: int, frame: types.FrameType | None) -> None:
        del number, frame
        if self._stopping:
            return
        self._stopping = True
        self._thread.start()
        raise KeyboardInterrupt


@contextlib.contextmanager
def stopping_children() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into one KeyboardInterrupt, with all children asked to end.

    SIGINT and SIGTERM are handled even where the caller ignores them, as shells do for background jobs;
    SIGHUP is not, so that ``nohup`` works. Only the main thread can handle signals: elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopper = _Stopper()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if number is not signal.SIGHUP or before[number] is not signal.SIG_IGN:
            signal.signal(number, stopper.handle)
    try:
        yield
    finally:
        stopper.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
