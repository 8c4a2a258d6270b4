"""From findings to the error that ends a command whose checks failed."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import VerificationError
from pipeline.model.findings import Finding, failed
from pipeline.model.self_test import SelfTestReport


def verification_error(findings: Sequence[Finding], *, listed: bool) -> VerificationError | None:
    """Return the error that tells what is wrong with the product; None when nothing is.

    *listed* says that the failed checks stand above it already.
    """
    wrong = failed(findings)
    if not wrong:
        return None
    count = "1 check" if len(wrong) == 1 else f"{len(wrong)} checks"
    return VerificationError(
        f"{count} failed",
        cause="the product is not what it should be; docs/verify.md explains each check",
        action="do not ship it; build again with --verbose to see how it was made",
        details="" if listed else "\n".join(f"{finding.id}: {finding.where}: {finding.message}" for finding in wrong),
    )


def self_test_error(tested: SelfTestReport) -> VerificationError | None:
    """Return the error that tells how the verifier was fooled; None when it was not."""
    if not tested.fooled:
        return None
    count = "once" if len(tested.fooled) == 1 else f"{len(tested.fooled)} times"
    return VerificationError(
        f"the verifier was fooled {count}",
        cause="a way of being wrong that it does not know, or one that this product's layout hides",
        action="do not rely on its verdict about this product; report it with the table above",
        details="\n".join(tested.fooled),
    )
