"""Copies of the example that are larger: more crates, or a larger snapshot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.bench.places import ROOT

PICO = ROOT / "examples" / "pico"
SCRIPT = "crates/runtime/js/90_pico.js"
RUST_FILE = "crates/runtime/src/lib.rs"
PRODUCT_MANIFEST = "crates/cli/Cargo.toml"
_FILLER = '[package]\nname = "filler-{number}"\nversion = "0.1.0"\nedition = "2021"\n'
_FILLER_SOURCE = "//! Nothing.\n\n/// Adds a number.\npub fn add(value: u64) -> u64 {{\n    value + {number}\n}}\n"


def fresh_pico(place: Path) -> Path:
    """Return a new copy of the workspace in a directory; one that lies there is removed."""
    workspace = place / "pico"
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(PICO, workspace, ignore=shutil.ignore_patterns("target"))
    return workspace


def add_crates(workspace: Path, count: int, cargo: Path) -> None:
    """Make the product depend on *count* further crates, each with one function, and renew its lock file."""
    names = []
    for number in range(count):
        crate = workspace / "crates" / f"filler-{number}"
        (crate / "src").mkdir(parents=True)
        (crate / "Cargo.toml").write_text(_FILLER.format(number=number))
        (crate / "src" / "lib.rs").write_text(_FILLER_SOURCE.format(number=number))
        names.append(f'filler-{number} = {{ path = "../filler-{number}" }}\n')
    manifest = workspace / PRODUCT_MANIFEST
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", "[dependencies]\n" + "".join(names), 1))
    subprocess.run([str(cargo), "metadata", "--format-version=1"], cwd=workspace, stdout=subprocess.DEVNULL, check=True)


def add_ballast(workspace: Path, size_bytes: int) -> None:
    """Have the heap hold about *size_bytes* of strings, each of its own."""
    text = "b" * 84
    script = workspace / SCRIPT
    script.write_text(
        f"{script.read_text()}\nglobalThis.ballast = Array.from({{ length: {size_bytes // 112} }},"
        f' (_, number) => String(number).padStart(12, "0") + "{text}");\n'
    )


def append(path: Path, text: str) -> None:
    """Change a file as an editor does."""
    path.write_text(f"{path.read_text()}{text}")
