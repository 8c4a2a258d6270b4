"""What somebody else wrote meanwhile stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import SpecError
from pipeline.model.events import NullReporter
from pipeline.model.spec.tables import Spec
from pipeline.orchestrate.releases import syncing

OLD = "schema = 1\n"


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "releases.toml"
    path.write_text(OLD)

    def edited_meanwhile(text: str, _found: object) -> str:
        path.write_text(f"# theirs\n{text}")
        return f"{text}# ours\n"

    monkeypatch.setattr(syncing, "with_versions", edited_meanwhile)
    request = syncing.SyncRequest(spec=Spec(schema_version=1), spec_path=path, patches_dir=tmp_path)
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})
    with pytest.raises(SpecError) as caught:
        syncing.synchronise(request, context)
    assert str(caught.value) == (
        f"error: {path} was changed meanwhile\n"
        "  usual cause: an editor, or another run of `sync`, wrote it while versions were looked at\n"
        "  what to do:  run the same command again; what was fetched is kept"
    )
    assert path.read_text() == f"# theirs\n{OLD}"
