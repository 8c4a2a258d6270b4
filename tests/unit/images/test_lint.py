"""RUN on the target's platform is found, however a Dockerfile is written."""

from __future__ import annotations

import pytest

from pipeline.images.lint import emulated_runs, instructions

TARGET = "which is of the target's platform"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("FROM debian\nCOPY a /a\n", ()),
        ("FROM debian\nRUN true\n", (f"line 2: RUN in stage '0', {TARGET}",)),
        ("from debian as a\nrun true\n", (f"line 2: RUN in stage 'a', {TARGET}",)),
        ("FROM --platform=$BUILDPLATFORM debian\nRUN true\n", ()),
        ("FROM --platform=${BUILDPLATFORM} debian AS users\nRUN true\nFROM debian\nCOPY --from=users /a /a\n", ()),
        (
            "FROM --platform=$TARGETPLATFORM debian\nRUN true\n",
            ("line 2: RUN in stage '0', which is of platform $TARGETPLATFORM",),
        ),
        (
            "FROM --platform=linux/amd64 debian\nRUN true\n",
            ("line 2: RUN in stage '0', which is of platform linux/amd64",),
        ),
        # A stage has the platform of the stage that it is made from.
        ("FROM --platform=$BUILDPLATFORM debian AS a\nFROM a AS b\nRUN true\n", ()),
        ("FROM debian AS a\nFROM a AS b\nFROM b\nRUN x\n", (f"line 4: RUN in stage '2', {TARGET}",)),
        ("FROM debian\nONBUILD RUN true\n", (f"line 2: ONBUILD in stage '0', {TARGET}",)),
        (
            "FROM --platform=$BUILDPLATFORM debian\nONBUILD RUN x\n",
            ("line 2: ONBUILD in stage '0', which is of platform $BUILDPLATFORM",),
        ),
        ("FROM debian\nONBUILD COPY a /a\n", ()),
        ("RUN true\n", ("line 1: RUN in a stage that has not begun, which is of the target's platform",)),
        # What only looks like RUN.
        ('FROM debian\n# RUN true\nLABEL a="b \\\n RUN true"\n', ()),
        ("FROM debian\nCOPY <<EOF /script\nRUN true\nEOF\n", ()),
        ("FROM debian\nCOPY <<'EOF' /script\nRUN true\nEOF\nRUN x\n", (f"line 5: RUN in stage '0', {TARGET}",)),
        # What does not look like it at once.
        ("FROM debian\n  RUN true\n", (f"line 2: RUN in stage '0', {TARGET}",)),
        ("FROM debian\nCOPY a \\\n# why\n\n /a\nRUN x\n", (f"line 6: RUN in stage '0', {TARGET}",)),
        ("FROM debian\nCOPY a /a \\\n", ()),
    ],
)  # fmt: skip
def test_runs(text: str, faults: tuple[str, ...]) -> None:
    assert emulated_runs(text) == faults


def test_instructions_are_joined() -> None:
    (run,) = instructions("# syntax=x\nRUN a \\\n  # b\n  && c\n")
    assert (run.line, run.word, run.rest.split()) == (2, "RUN", ["a", "&&", "c"])
