"""Requests as bundles carry them, for tests."""

from __future__ import annotations

from pipeline.model.bundle import BundleRequest, GeneratorStep, Identity, RecordedRequest

IDENTITY = Identity(
    target="arm64", lock_sha256="1" * 64, features=("a",), default_features=True, profile="release", settings=(),
    vm=("v8 v1.0.0",), vm_provider_sha256="2" * 64, toolchain_digest="3" * 64, sources_sha256="4" * 64,
    env_sha256="5" * 64,
)  # fmt: skip


def request() -> BundleRequest:
    recorded = RecordedRequest(
        package="snap", version="1.0.0", env={"TARGET": "aarch64-unknown-linux-gnu", "OUT_DIR": "/w/out"},
        workdir="/w/snap", out_dir="/w/out",
    )  # fmt: skip
    step = GeneratorStep(
        name="snap-1.0.0", program="/w/generator", generator_sha256="6" * 64, timeout_s=20,
        source_dirs=("/w/snap",), request=recorded,
    )  # fmt: skip
    return BundleRequest(identity=IDENTITY, steps=(step,))
