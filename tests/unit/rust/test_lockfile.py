from __future__ import annotations

from pathlib import Path

from pipeline.model.analysis import PackageKey
from pipeline.rust import lockfile

LOCK = """
version = 4

[[package]]
name = "app"
version = "1.0.0"

[[package]]
name = "leaf"
version = "2.0.0"
source = "registry+https://example.org/index"
checksum = "abc"

[[package]]
name = "other"
version = "3.0.0"
source = "git+https://example.org/other#0123"
"""


def test_packages_of_registries_have_checksums(tmp_path: Path) -> None:
    (tmp_path / "Cargo.lock").write_text(LOCK)
    leaf = PackageKey(name="leaf", version="2.0.0", source="registry+https://example.org/index")
    assert lockfile.checksums(tmp_path / "Cargo.lock") == {leaf: "abc"}
