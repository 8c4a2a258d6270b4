"""What testing the verifier on one product came to: a matrix of variants and what was said about each."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Literal

import pydantic


class Outcome(enum.StrEnum):
    """What became of one row of the matrix."""

    REJECTED = "rejected"
    """It is wrong, and the right finding says so."""
    UNDECIDED = "undecided"
    """It is wrong, and the verdict is ``unknown``: the verifier says that it cannot tell."""
    ACCEPTED = "ACCEPTED"
    """It is wrong, and no finding says so, or only a wrong one: the verifier was fooled."""
    PASSED = "passed"
    """It is the untouched product, and nothing fails."""
    REFUSED = "REFUSED"
    """It is the untouched product, and something fails all the same."""
    NOT_MADE = "not made"
    """It could not be made of what is there, or be told without a record."""


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SelfTestRow(_Model):
    """One variant."""

    variant: str
    expected: tuple[str, ...]
    """Ids of findings, one of which must fail; sorted."""
    failed: tuple[str, ...]
    """Ids of the findings that failed; sorted."""
    outcome: Outcome
    said: str = ""
    """The sentence of the finding that decided, or why the variant was not made."""


class SelfTest(_Model):
    """The matrix of one snapshot in one product."""

    product: str
    file: str
    """The program in the product whose snapshot was altered."""
    offset: int
    """Of the snapshot, in bytes from the beginning of *file*."""
    target: str
    v8_version: str
    by_record: bool
    """Whether there was a build record to hold the variants against."""
    rows: tuple[SelfTestRow, ...]


class SelfTestReport(_Model):
    """What ``verify --self-test --json`` adds under ``self_test``."""

    schema_version: Literal[1] = 1
    matrices: tuple[SelfTest, ...]

    @property
    def fooled(self) -> tuple[str, ...]:
        """Return in words each row that is not as it should be."""
        return tuple(
            f"{matrix.product}: {row.variant}: {row.outcome}" for matrix in self.matrices for row in wrong_rows(matrix)
        )


def wrong_rows(matrix: SelfTest) -> Iterable[SelfTestRow]:
    """Return the rows that are not as they should be."""
    return [row for row in matrix.rows if row.outcome in {Outcome.ACCEPTED, Outcome.REFUSED}]
