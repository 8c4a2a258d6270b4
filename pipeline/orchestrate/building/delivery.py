"""Puts finished zips, and what is said about them, into the output directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline import fs, record
from pipeline.errors import ArchiveError
from pipeline.model.asset import ZIP_SUFFIX
from pipeline.model.record import RECORD_SUFFIX, BuildRecord, differences
from pipeline.orchestrate.building.components import components_path
from pipeline.report.page import PAGE_SUFFIX, render_page


def compared(made: BuildRecord, out_dir: Path) -> BuildRecord:
    """Return the record with what is not equal to the build whose record lies in *out_dir*, if there is one."""
    try:
        earlier = record.read(record_path(out_dir, made))
    except (OSError, ArchiveError):
        return made
    return made.model_copy(update={"differences": differences(made.subject, earlier.subject)})


def record_path(out_dir: Path, made: BuildRecord) -> Path:
    """Return where a record lies: beside its zip, and named like it."""
    return out_dir / f"{made.subject.zip_name.removesuffix(ZIP_SUFFIX)}{RECORD_SUFFIX}"


def deliver(zip_path: Path, made: BuildRecord, out_dir: Path) -> tuple[Path, ...]:
    """Put the zip, its digest, its components, the page and the record into *out_dir*, each whole, the record last."""
    further = (zip_path.with_name(f"{zip_path.name}.sha256"), components_path(zip_path))
    delivered = []
    for source, sha256 in ((zip_path, made.subject.zip_sha256), *((path, fs.sha256_file(path)) for path in further)):
        final = out_dir / source.name
        if final != source and not _holds(final, sha256):
            with fs.atomic_path(final) as temporary:
                shutil.copyfile(source, temporary)
        delivered.append(final)
    made, final = record.sealed(made), record_path(out_dir, made)
    delivered.append(write_page(made, final))
    record.write(final, made)
    return (*delivered, final)


def write_page(made: BuildRecord, of_record: Path, page: Path | None = None) -> Path:
    """Write the page about the record *made*, which lies in *of_record*, to *page* or beside it; return where."""
    name = of_record.name
    path = page or of_record.with_name(f"{name.removesuffix(RECORD_SUFFIX).removesuffix('.json')}{PAGE_SUFFIX}")
    fs.write_if_changed(path, render_page(made, record_name=name))
    return path


def _holds(final: Path, sha256: str) -> bool:
    return final.is_file() and fs.sha256_file(final) == sha256
