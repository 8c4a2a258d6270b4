"""Tests the verifier on products that are there: each is unpacked, and the others' snapshots are tried in it."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs, record
from pipeline.context import Context
from pipeline.errors import ArchiveError, UsageError
from pipeline.model.record import Subject
from pipeline.model.self_test import SelfTest, SelfTestReport
from pipeline.packing import zips
from pipeline.proof.self_test import Ward, self_test

_ZIP_MAGIC = b"PK\3\4"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfTestProduct:
    """A zip (a wheel is one, too), a directory or a single program."""

    path: Path
    record_path: Path | None = None


def try_verifier(products: tuple[SelfTestProduct, ...], others: tuple[Path, ...], context: Context) -> SelfTestReport:
    """Return the matrices of *products*; snapshots come from all of them and from *others*.

    Raises UsageError for a product without a snapshot to alter, ArchiveError for one that cannot be unpacked.
    """
    with contextlib.ExitStack() as stack:
        wards = [stack.enter_context(_ward(product, context)) for product in products]
        given = [stack.enter_context(_ward(SelfTestProduct(path=path), context)) for path in others]
        matrices: list[SelfTest] = []
        for ward in wards:
            with context.reporter.step(f"self-test of {ward.name}") as step:
                made = self_test(ward, [other for other in (*wards, *given) if other is not ward])
                step.detail(f"{sum(len(matrix.rows) for matrix in made)} rows")
            if not made:
                raise _nothing_to_alter(ward.name)
            matrices += made
        return SelfTestReport(matrices=tuple(matrices))


@contextlib.contextmanager
def _ward(product: SelfTestProduct, context: Context) -> Iterator[Ward]:
    subject = _subject(product.record_path)
    if product.path.is_dir():
        yield Ward(name=product.path.name, product_dir=product.path, subject=subject)
        return
    parent = fs.make_directory(context.cache_dir / "verify")
    with tempfile.TemporaryDirectory(prefix="self-test-", dir=parent) as name:
        directory = Path(name)
        with product.path.open("rb") as stream:
            is_zip = stream.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
        if is_zip:
            zips.extract_zip(product.path, directory)
        else:
            shutil.copyfile(product.path, directory / product.path.name)
        yield Ward(name=product.path.name, product_dir=directory, subject=subject)


def _subject(path: Path | None) -> Subject | None:
    try:
        return record.read_unsealed(path).subject if path else None
    except ArchiveError:
        return None  # that it cannot be read is a finding of the checks


def _nothing_to_alter(name: str) -> UsageError:
    return UsageError(
        f"{name} holds no V8 snapshot of an embedder: there is nothing to test the verifier with",
        cause="a program without V8, one that keeps its snapshot packed, or one whose snapshots are damaged",
        action="leave --self-test out for it",
    )
