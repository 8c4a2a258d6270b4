"""What the bills of materials of a finished build say about themselves."""

from __future__ import annotations

import pipeline
from pipeline.releasing.builds import FinishedBuild
from pipeline.sbom.origin import Origin


def origin_of(build: FinishedBuild) -> Origin:
    """Return the origin of the documents about *build*: the same wherever they are written."""
    return Origin(
        epoch_s=build.subject.source_date_epoch_s,
        subject_sha256=build.record.subject_sha256,
        pipeline_version=pipeline.__version__,
    )
