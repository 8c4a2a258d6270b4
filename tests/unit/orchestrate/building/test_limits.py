"""A compiler that is new enough, and how many of them fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.errors import ToolboxError
from pipeline.model.spec.origins import PathSource
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.target import find_target
from pipeline.model.toolchain import Tool, Toolchain
from pipeline.orchestrate.building.limits import need_of, require_rust

APP = RuntimeSpec(source=PathSource(kind="path", path=Path("/app")), rust="1.95")
TOOLCHAIN = Toolchain(
    target=find_target("arm64"), cargo=Path("cargo"), env={}, path_dirs=(), sysroot=Path("/"), qemu=Path("qemu"),
    qemu_version="7.2", patchelf=Path("patchelf"), strip=Path("strip"), digest="0",
    tools=(Tool(name="rustc", version="1.96.0", origin="private"),),
)  # fmt: skip
OLD = dataclasses.replace(TOOLCHAIN, tools=(Tool(name="rustc", version="1.85.0", origin="private"),))


def test_a_compiler_that_is_too_old() -> None:
    require_rust(APP, "app", TOOLCHAIN)
    require_rust(APP.model_copy(update={"rust": None}), "app", OLD)
    with pytest.raises(ToolboxError) as error:
        require_rust(APP, "app", OLD)
    assert str(error.value) == (
        "error: app wants Rust 1.95 or newer, and the tools have 1.85.0\n"
        "  usual cause: the distribution that the tools come from has no newer one yet, "
        "or --toolchain host chose an older one\n"
        "  what to do:  choose an older version of it with --version, "
        "or install a newer Rust and give --toolchain host"
    )


@pytest.mark.parametrize(
    ("profile", "largest_gb", "lower"),
    [
        ("release", 9.0, "choose a profile without LTO and with more codegen units"),
        ("fast", 3.4, ""),
        ("dev", 0.0, ""),
    ],
)
def test_what_a_profile_takes(profile: str, largest_gb: float, lower: str) -> None:
    runtime = APP.model_copy(
        update={
            "profile": profile,
            "profiles": {"release": {"lto": True}, "fast": {"inherits": "release", "codegen-units": 16}},
            "peak_memory_gb": {"release": 9.0, "fast": 3.4},
        }
    )
    need = need_of(runtime, "app")
    assert (need.what, need.largest_bytes, need.lower) == (
        f"compiling app with profile {profile}", int(largest_gb * 1e9), lower,
    )  # fmt: skip
