"""For all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take signals as from a terminal: background jobs ignore SIGINT (with nohup SIGHUP), and children inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
