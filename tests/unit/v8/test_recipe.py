"""What compiling V8 takes, by version and target."""

from __future__ import annotations

import pytest

from pipeline.errors import PipelineError, SpecError, UnsupportedError
from pipeline.model.target import TARGETS, find_target
from pipeline.v8.recipe import ARCHITECTURES, RECIPES, V8Order, gn_arguments

ARM64 = find_target("arm64")


def order(version: str = "137.3.0", target: str = "arm64", **more: object) -> V8Order:
    return V8Order(version=version, target=find_target(target), **more)  # type: ignore[arg-type]


def message(error: pytest.ExceptionInfo[PipelineError]) -> str:
    return str(error.value)


def test_the_arguments_of_the_build_that_was_made() -> None:
    assert gn_arguments(order(), clang_base="/work/clang") == (
        "is_debug=false",
        "use_custom_libcxx=true",
        "v8_enable_pointer_compression=false",
        'clang_base_path="/work/clang"',
        'clang_version="19"',
        "treat_warnings_as_errors=false",
        'target_cpu="arm64"',
        "use_sysroot=false",
        "use_glib=false",
        "symbol_level=0",
        'v8_snapshot_toolchain="//build/toolchain/linux:clang_arm64"',
    )


def test_features_a_compiler_cache_and_arguments_of_the_user() -> None:
    wanted = order(features=frozenset({"v8_enable_pointer_compression"}), extra_arguments=("symbol_level=1",))
    arguments = gn_arguments(wanted, clang_base="/c", cc_wrapper="/usr/bin/ccache")
    assert arguments[1:3] == ("use_custom_libcxx=false", "v8_enable_pointer_compression=true")
    assert arguments[-2:] == ('cc_wrapper="/usr/bin/ccache"', "symbol_level=1")


def test_armhf_has_no_neon() -> None:
    arguments = gn_arguments(order(target="armhf"), clang_base="/c")
    assert ('target_cpu="arm"' in arguments, arguments[-2:]) == (True, ('v8_target_cpu="arm"', "arm_use_neon=false"))


@pytest.mark.parametrize("target", sorted(ARCHITECTURES))
def test_generators_are_made_by_the_targets_own_toolchain(target: str) -> None:
    (toolchain,) = [a for a in gn_arguments(order(target=target), clang_base="/c") if a.startswith("v8_snapshot")]
    (cpu,) = [a for a in gn_arguments(order(target=target), clang_base="/c") if a.startswith("target_cpu=")]
    assert toolchain.removesuffix('"').endswith(f"clang_{cpu.split(chr(34))[1]}")


def test_only_what_was_compiled_whole_counts_as_tried() -> None:
    assert order().is_tried
    assert not order("138.0.0").is_tried
    assert order("137.2.1", target="amd64").is_tried
    assert not order("137.2.1", target="armhf").is_tried


@pytest.mark.parametrize("target", [t.name for t in TARGETS if t.name not in ARCHITECTURES])
def test_architectures_that_the_build_files_refuse(target: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        gn_arguments(order(target=target), clang_base="/c")
    assert message(error) == (
        f"error: V8 cannot be compiled for {target} from the unmodified v8 crate\n"
        "  usual cause: the crate's build/config/clang/BUILD.gn stops with `Unhandled cpu type` for this architecture\n"
        "  what to do:  choose one of arm64, amd64, armhf, or use the provider `system`"
    )


def test_a_crate_that_is_too_new() -> None:
    with pytest.raises(UnsupportedError) as error:
        gn_arguments(order("150.4.0"), clang_base="/c")
    assert message(error) == (
        "error: V8 of the v8 crate 150.4.0 is too new for the toolbox: it needs GN of 2026-09-16 or later, Clang 22 or "
        "later, and a Rust toolchain laid out as Chromium's\n"
        "  usual cause: the toolbox has GN of 2025-04-30 and Clang 19\n"
        "  what to do:  use the provider `prebuilt`, or a runtime with a v8 crate before 140"
    )


@pytest.mark.parametrize("version", ["140.0.0", "148.1.0", "149.0.0", "151.0.0", "200.0.0"])
def test_every_newer_version_is_refused(version: str) -> None:
    with pytest.raises(UnsupportedError, match=f"V8 of the v8 crate {version} is too new"):
        _ = order(version).recipe


def test_a_crate_that_is_too_old() -> None:
    with pytest.raises(UnsupportedError) as error:
        _ = order("0.106.0").recipe
    assert message(error) == (
        "error: V8 of the v8 crate 0.106.0 cannot be compiled here\n"
        "  usual cause: its build files are older than those that were ever tried with this (130.0.0 and later)\n"
        "  what to do:  use a newer v8 crate, or the provider `prebuilt`"
    )


def test_a_version_that_is_none() -> None:
    with pytest.raises(SpecError, match=r"'137\.x' is not a version of the v8 crate") as error:
        _ = order("137.x").recipe
    assert "such as 137.3.0" in message(error)


def test_recipes_follow_each_other_without_a_gap() -> None:
    assert [recipe.end for recipe in RECIPES[:-1]] == [recipe.first for recipe in RECIPES[1:]]
