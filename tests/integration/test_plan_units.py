"""`plan --units` counts what Cargo would compile, and compiles nothing."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.toolchain import Toolchain

from .command import Cli
from .lifted_builds import generate_lock
from .workspaces import WORKSPACES


def test_units_of_a_plain_workspace(cli: Cli, tmp_path: Path, host_toolchain: Toolchain) -> None:
    directory = WORKSPACES["plain"].write(tmp_path / "sources")
    generate_lock(directory, host_toolchain)
    ended = cli.run("plan", "--units", "--path", directory, "--target", "arm64")
    assert ended.exit_code == 0, ended.stderr
    [table] = ended.result["units"]
    rows = {row.pop("kind"): row for row in table["rows"]}
    # Untouched, the VM and snap's script are the host's, too; lifted, only the VM's script and the stub are. The
    # generator comes with an empty library.
    assert rows == {
        "host, opt-level 0": {"native": 3, "generators": 1, "product": 2, "both": 2},
        "host, build scripts run": {"native": 1, "generators": 0, "product": 0, "both": 0},
        "target, opt-level 3": {"native": 3, "generators": 3, "product": 3, "both": 5},
        "target, build scripts run": {"native": 2, "generators": 1, "product": 2, "both": 2},
    }
    assert not list((cli.cache_dir / "work").glob("sources-*/target/aarch64-unknown-linux-gnu/release/deps/*"))
