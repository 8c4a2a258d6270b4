"""The page about a build: everything from the record is in it, escaped, and nothing that needs a network."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from pathlib import Path

import pytest

from pipeline.model.findings import Finding, Severity
from pipeline.model.record import BuildRecord, Difference
from pipeline.report.page import render_page
from tests.unit.proof.products import make_product

HOSTILE = "<script>alert('x')</script>\"'><img src=https://x.invalid/a.png onerror=alert(1)>{{ 7*7 }}&amp;"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(html.parser.HTMLParser):
    """Collects tags, attributes and text, and makes sure that every tag is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def made(tmp_path: Path) -> BuildRecord:
    return make_product(tmp_path).made


def page_of(record: BuildRecord) -> str:
    return render_page(record, record_name="app.build-info.json")


def test_what_is_in_the_record_is_on_the_page(made: BuildRecord) -> None:
    reader = read(page_of(made))
    subject = made.subject
    wanted = [
        "app 1.0.0 for arm64", "checks passed", "qemu 7.2 as cortex-a72, emulated", "compile product", "60 units",
        "Where it comes from", "Timeline", "is for arm64", subject.zip_sha256, subject.lock_sha256,
        subject.toolchain_digest, subject.snapshots[0].generator_sha256, made.subject_sha256,
        *(file.sha256 for file in subject.files), "V8 10.2.154.26-node.37", "libengine.so.1", "rustc", "1.85.0",
    ]  # fmt: skip
    assert [text for text in wanted if text not in reader.text] == []


def test_nothing_needs_a_network_or_a_script(made: BuildRecord) -> None:
    page = page_of(made)
    reader = read(page)
    assert {"script", "link", "img", "iframe", "object", "base"} & set(reader.tags) == set()
    assert [item for item in reader.attributes if item[0] in {"src", "href"} or item[0].startswith("on")] == []
    assert re.findall(r"https?:|@import|url\((?!#)", page.replace("url(#tip)", "")) == []
    policies = [value for name, value in reader.attributes if name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policies


def test_everything_is_escaped(made: BuildRecord) -> None:
    hostile = Finding(
        id=HOSTILE, severity=Severity.FAIL, subject=HOSTILE, message=HOSTILE, hint=HOSTILE, evidence={"rung": HOSTILE}
    )
    subject = made.subject.model_copy(
        update={
            "name": HOSTILE, "version": HOSTILE, "zip_name": HOSTILE, "features": (HOSTILE,), "glibc_floor": HOSTILE,
            "files": tuple(file.model_copy(update={"path": HOSTILE}) for file in made.subject.files),
            "snapshots": tuple(s.model_copy(update={"package": HOSTILE}) for s in made.subject.snapshots),
            "toolchain": tuple(dataclasses.replace(tool, version=HOSTILE) for tool in made.subject.toolchain),
        }
    )  # fmt: skip
    assert made.executor is not None
    record = made.model_copy(
        update={
            "subject": subject, "findings": (hostile, hostile.model_copy(update={"id": "canary"})),
            "verdict": Severity.FAIL, "pipeline_version": HOSTILE, "built_at": HOSTILE,
            "executor": made.executor.model_copy(update={"name": HOSTILE, "cpu_model": HOSTILE}),
            "steps": tuple(step.model_copy(update={"title": HOSTILE, "detail": HOSTILE}) for step in made.steps),
            "differences": (Difference(part=HOSTILE, this=HOSTILE, other=HOSTILE, reason=HOSTILE),),
        }
    )  # fmt: skip
    page = render_page(record, record_name=HOSTILE)
    reader = read(page)
    assert {"script", "img"} & set(reader.tags) == set()
    assert [name for name, _value in reader.attributes if name.startswith("on")] == []
    assert "49&amp;" not in page
    assert reader.text.count(HOSTILE) > 15


def test_what_is_wrong_comes_first(made: BuildRecord) -> None:
    wrong = Finding(
        id="v8.version", severity=Severity.FAIL, subject="app", offset=16, message="was made by V8 9", hint="link again"
    )
    record = made.model_copy(update={"findings": (*made.findings, wrong), "verdict": Severity.FAIL})
    text = read(page_of(record)).text
    assert "checks failed" in text
    assert text.index("What is wrong, or cannot be told") < text.index("Where it comes from")
    assert "app at 0x10" in text
    assert "was made by V8 9; link again" in text
    assert "What is wrong" not in read(page_of(made)).text


def test_a_record_with_next_to_nothing_in_it(made: BuildRecord) -> None:
    subject = made.subject.model_copy(update={"snapshots": (), "files": (), "toolchain": (), "glibc_floor": None})
    record = made.model_copy(update={"subject": subject, "steps": (), "findings": (), "executor": None})
    text = read(page_of(record)).text
    assert "none were made" in text
    assert "every snapshot was there already" in text


def test_pictures_have_words(made: BuildRecord) -> None:
    reader = read(page_of(made))
    named = {value for name, value in reader.attributes if name == "aria-labelledby" for value in value.split()}
    ids = [value for name, value in reader.attributes if name == "id"]
    assert named <= set(ids)
    assert len(ids) == len(set(ids))
    assert ("role", "img") in reader.attributes
    assert "generator: snap 1.0.0, sha256 " in reader.text
    assert ("lang", "en") in reader.attributes
