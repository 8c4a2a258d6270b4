"""What library code says while it works; one place (``pipeline.report``) decides how it looks."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from typing import Protocol


class Where(enum.StrEnum):
    """Which processor a step keeps busy."""

    NATIVE = "native"
    EMULATED = "emulated"
    NETWORK = "network"


class Progress(Protocol):
    """A quantity that grows towards a total."""

    def advance(self, amount: int) -> None:
        """Add *amount* of the progress's unit."""
        ...

    def total(self, amount: int) -> None:
        """Correct the total, once it is known better."""
        ...


class Step(Protocol):
    """A step that is under way."""

    def detail(self, text: str) -> None:
        """Say in a few words what the step found or made; shown beside its time."""
        ...

    def where(self, where: Where) -> None:
        """Correct what the step keeps busy."""
        ...


class Reporter(Protocol):
    """Receives what happens. Implementations must be safe to call from several threads."""

    def step(self, title: str, *, where: Where = Where.NATIVE) -> contextlib.AbstractContextManager[Step]:
        """Announce a step; its time runs until the block ends."""
        ...

    def progress(self, title: str, *, total: int, unit: str = "B") -> contextlib.AbstractContextManager[Progress]:
        """Show a bar for something that may take over two seconds; *unit* is ``B`` or a plural noun."""
        ...

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        ...

    def warn(self, text: str) -> None:
        """Say something that may surprise later."""
        ...

    def output(self, line: str) -> None:
        """Pass on a line of a child's output; shown only when verbose."""
        ...


class NullReporter:
    """A reporter for callers that have no terminal and for tests."""

    @contextlib.contextmanager
    def step(self, title: str, *, where: Where = Where.NATIVE) -> Iterator[Step]:
        """Ignore the step."""
        del title, where
        yield _Null()

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str = "B") -> Iterator[Progress]:
        """Ignore the progress."""
        del title, total, unit
        yield _Null()

    def note(self, text: str) -> None:
        """Ignore the note."""

    def warn(self, text: str) -> None:
        """Ignore the warning."""

    def output(self, line: str) -> None:
        """Ignore the line."""


class _Null:
    def advance(self, amount: int) -> None:
        del amount

    def total(self, amount: int) -> None:
        del amount

    def detail(self, text: str) -> None:
        del text

    def where(self, where: Where) -> None:
        del where
