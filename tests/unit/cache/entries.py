"""Steps that were run, for tests of the cache."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline import fs
from pipeline.cache.store import Kept, SnapshotStore
from pipeline.model.bundle import Identity
from pipeline.model.cached import SnapshotKey
from pipeline.model.snapshot import StepResult

SOME_DIGEST = "0" * 63 + "1"
IDENTITY = Identity(
    target="arm64", lock_sha256=SOME_DIGEST, features=(), default_features=True, profile="release", settings=(),
    vm=("v8 1.0.0",), vm_provider_sha256=SOME_DIGEST, toolchain_digest="t", sources_sha256=SOME_DIGEST,
    env_sha256=SOME_DIGEST,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Place:
    """A cache, and a generator's directories."""

    root: Path

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(root=self.root / "snapshots")

    @property
    def workdir(self) -> Path:
        return self.root / "package"

    def key(self, generator: str = "program", **env: str) -> SnapshotKey:
        return SnapshotKey(
            target="arm64", package="snap", version="1.0.0", generator_sha256=fs.sha256_json(generator),
            identity=IDENTITY, workdir=str(self.workdir), env={"OUT_DIR": str(self.root / "out"), **env},
        )  # fmt: skip

    def run(self, content: bytes = b"blob") -> StepResult:
        """Write what a generator would, and return its result."""
        out_dir = self.root / "out"
        (out_dir / "sub").mkdir(parents=True, exist_ok=True)
        (out_dir / "a.bin").write_bytes(content)
        (out_dir / "sub" / "tool").write_bytes(b"#!")
        (out_dir / "sub" / "tool").chmod(0o755)
        return StepResult(
            package="snap", version="1.0.0", target="arm64", exit_code=0, timed_out=False, duration_s=1.5, cpu_s=1.0,
            emulated=True, executor="qemu", executor_version="7", cpu_model="m", generator_sha256=SOME_DIGEST,
            out_dir=out_dir, outputs=fs.describe_tree(out_dir), strays=(), stdout_tail="", stderr_tail="", replay="",
        )  # fmt: skip

    def keep(self, generator: str = "program", *, stdout: bytes = b"", content: bytes = b"blob", **env: str) -> Kept:
        self.workdir.mkdir(exist_ok=True)
        kept = self.store.keep(self.key(generator, **env), self.run(content), stdout)
        assert kept is not None
        return kept
