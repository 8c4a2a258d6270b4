"""For all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterable

import pytest

SHARED_SETUPS = {
    "engine": "engine",
    "handoff": "handoff",
}
"""Fixtures for the whole session that are dear to make, and the group of the tests that use them."""


def pytest_configure() -> None:
    """Take signals as from a terminal: background jobs ignore SIGINT (with nohup SIGHUP), and children inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together where several processes share the work: what they set up is made once.

    These are the tests of a file, and of all files in which one uses the same of SHARED_SETUPS.
    """
    fixtures: dict[str, set[str]] = {}
    for item in items:
        fixtures.setdefault(_file_of(item), set()).update(_fixtures_of(item))
    groups = {file: _group(file, names) for file, names in fixtures.items()}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[_file_of(item)]))


def _file_of(item: pytest.Item) -> str:
    return item.location[0]


def _fixtures_of(item: pytest.Item) -> Iterable[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()


def _group(file: str, fixtures: Iterable[str]) -> str:
    return next((group for fixture, group in SHARED_SETUPS.items() if fixture in fixtures), file)
