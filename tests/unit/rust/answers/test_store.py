"""Answers are kept, given again, and asked for anew when anything that decides them is another."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.rust.answers.store import KEPT_ANSWERS, Answers, Question, key_of


@pytest.fixture
def question(tmp_path: Path) -> Question:
    (tmp_path / "top").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "top/Cargo.toml").write_text('[package]\nname = "top"\n')
    (tmp_path / "copy/Cargo.toml").write_text('[package]\nname = "copy"\n')
    (tmp_path / "cargo").write_text("#!/bin/sh\n")
    return Question(
        argv=("cargo", "metadata"),
        env={"RUSTFLAGS": ""},
        cwd=tmp_path / "top",
        manifest_path=tmp_path / "top/Cargo.toml",
        settings=(f'paths=["{tmp_path / "copy"}"]', "profile.release.lto=true"),
        programs=(tmp_path / "cargo", tmp_path / "rustc"),
        home=tmp_path / "home",
    )


class Asked:
    """A program that answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return str(self.times).encode()


def ask(directory: Path, question: Question, run: Callable[[], bytes]) -> bytes:
    return Answers(directory).ask(question, run, fits=bool)


def test_an_answer_is_given_again(tmp_path: Path, question: Question) -> None:
    run = Asked()
    assert [ask(tmp_path / "kept", question, run) for _ in range(3)] == [b"1", b"1", b"1"]


@pytest.mark.parametrize(
    "change",
    [
        lambda question: dataclasses.replace(question, argv=("cargo", "build")),
        lambda question: dataclasses.replace(question, env={"RUSTFLAGS": "-Copt-level=3"}),
        lambda question: dataclasses.replace(question, cwd=question.cwd.parent),
        lambda question: (question.cwd / "Cargo.toml").write_text("[package]\n") and question,
        lambda question: (question.cwd.parent / "copy/Cargo.toml").write_text("[package]\n") and question,
        lambda question: (question.cwd.parent / "cargo").write_text("#!/bin/sh\nexit 1\n") and question,
        lambda question: (question.cwd.parent / "rustc").write_text("#!/bin/sh\n") and question,
    ],
)
def test_another_question_has_another_answer(
    change: Callable[[Question], Question], tmp_path: Path, question: Question
) -> None:
    run = Asked()
    ask(tmp_path / "kept", question, run)
    changed = change(question)
    assert ask(tmp_path / "kept", changed, run) == b"2"
    assert ask(tmp_path / "kept", changed, run) == b"2"


def test_a_damaged_answer_is_asked_for_anew(tmp_path: Path, question: Question) -> None:
    run = Asked()
    ask(tmp_path / "kept", question, run)
    [path] = (tmp_path / "kept").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"9")
    assert ask(tmp_path / "kept", question, run) == b"2"


def test_an_answer_that_does_not_fit_any_more(tmp_path: Path, question: Question) -> None:
    answers, run = Answers(tmp_path / "kept"), Asked()
    answers.ask(question, run, fits=bool)
    assert answers.ask(question, run, fits=lambda answer: answer != b"1") == b"2"


def test_what_was_edited_meanwhile_is_not_kept(tmp_path: Path, question: Question) -> None:
    def run() -> bytes:
        (question.cwd / "Cargo.toml").write_text(f'[package]\nname = "top{asked().decode()}"\n')
        return b"of the old one"

    asked = Asked()
    ask(tmp_path / "kept", question, run)
    assert not (tmp_path / "kept").exists()


def test_nothing_is_kept_of_a_failure(tmp_path: Path, question: Question) -> None:
    def run() -> bytes:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever the program's failure is
        ask(tmp_path / "kept", question, run)
    assert not (tmp_path / "kept").exists()


def test_nothing_is_kept_where_packages_can_be_edited(tmp_path: Path, question: Question) -> None:
    vendored = dataclasses.replace(question, env={"CARGO_SOURCE_VENDORED_DIRECTORY": "/vendor"})
    assert key_of(vendored) is None
    run = Asked()
    assert [ask(tmp_path / "kept", vendored, run) for _ in range(2)] == [b"1", b"2"]


def test_the_oldest_answers_go(tmp_path: Path, question: Question) -> None:
    run = Asked()
    for number in range(KEPT_ANSWERS + 2):
        ask(tmp_path / "kept", dataclasses.replace(question, argv=(str(number),)), run)
        for path in (tmp_path / "kept").iterdir():
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 1_000_000))
    assert len(list((tmp_path / "kept").iterdir())) == KEPT_ANSWERS
    assert ask(tmp_path / "kept", dataclasses.replace(question, argv=("0",)), run) == str(KEPT_ANSWERS + 3).encode()
    assert ask(tmp_path / "kept", dataclasses.replace(question, argv=("9",)), run) == b"10"
