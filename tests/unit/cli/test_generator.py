"""What is said about a generator bundle: what is in it, and what is to be done with it."""

from __future__ import annotations

from pathlib import Path

from pipeline.cli.generator import as_text
from pipeline.stages.handoff.export_generator import ExportOutputs
from tests.unit.handoffs import request


def made(path: Path, *pending: str) -> ExportOutputs:
    return ExportOutputs(
        path=path, size_bytes=1234, sha256="a" * 64, files=5, libraries=(),
        request=request().model_copy(update={"pending": pending}),
    )  # fmt: skip


def test_one_round() -> None:
    assert as_text(made(Path("/my dist/x-arm64.generator.tar.zst"))) == (
        "/my dist/x-arm64.generator.tar.zst  1,234 bytes: snap-1.0.0\n"
        "next, where arm64 programs run: `python -m pipeline snapshot '/my dist/x-arm64.generator.tar.zst'`,\n"
        "or `./run` in the unpacked bundle\n"
        "then, here, with the options of this command: "
        "`python -m pipeline stitch --snapshot x-arm64.snapshot.tar.zst …`\n"
    )


def test_the_first_of_two_rounds() -> None:
    assert as_text(made(Path("/d/x.tar.gz"), "outer-1.0.0")).splitlines()[3:] == [
        "only then can outer-1.0.0 be compiled, which is made on top of that:",
        "then, here, with the options of this command: `python -m pipeline generator --snapshot x.snapshot.tar.zst …`",
    ]
