"""V8 from source inside a build: whose crate may be compiled."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pipeline.errors import UnsupportedError
from pipeline.model.analysis import PackageKey
from pipeline.model.spec.origins import SourceVm
from pipeline.orchestrate.job import Job
from pipeline.orchestrate.v8_source import _deliver, compiled_provider


@pytest.mark.parametrize(
    ("source", "shown"),
    [("git+https://example.com/v8?rev=1#1", "git+https://example.com/v8?rev=1#1"), ("", "a directory")],
)
def test_a_fork_of_the_crate_is_not_replaced_by_the_registrys(source: str, shown: str) -> None:
    crate = PackageKey(name="v8", version="137.3.0", source=source)
    with pytest.raises(UnsupportedError) as error:
        compiled_provider(cast("Job", None), SourceVm(kind="source"), crate, frozenset())
    assert str(error.value) == (
        "error: V8 of v8 v137.3.0 cannot be compiled: only the registry's own package 'v8' can\n"
        f"  usual cause: the workspace takes it from {shown}\n"
        "  what to do:  compile the archive of that fork yourself, and name its mirror with the provider `prebuilt`"
    )


def test_one_mirror_takes_several_versions(tmp_path: Path) -> None:
    out = tmp_path / "mirror"
    for version in ("137.2.1", "137.3.0"):
        made = tmp_path / version / f"v{version}" / "librusty_v8_release_aarch64-unknown-linux-gnu.a.gz"
        made.parent.mkdir(parents=True)
        made.write_text(version)
        assert _deliver(tmp_path / version, out) == out
    assert sorted(path.read_text() for path in out.glob("v*/*")) == ["137.2.1", "137.3.0"]
    kept = next(out.glob("v137.3.0/*"))
    before = kept.stat().st_ino
    _deliver(tmp_path / "137.3.0", out)
    assert kept.stat().st_ino == before
