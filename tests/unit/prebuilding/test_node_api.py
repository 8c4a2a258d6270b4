"""Which version of Node-API an addon needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PrebuildError
from pipeline.model.target import find_target
from pipeline.prebuilding.node_api import NodeApiNeed, function_versions, node_api_need, returned_constant
from tests.unit.elf.files import ElfSpec, elf_file

AMD64, ARM64, ARMHF = map(find_target, ("amd64", "arm64", "armhf"))
# As in Node's headers: one function with its name on the line after its type, conditions nested in a guard.
JS_HEADER = """\
#ifndef SRC_JS_NATIVE_API_H_
#define SRC_JS_NATIVE_API_H_
#if !defined(NAPI_VERSION)
#define NAPI_VERSION 8
#endif
NAPI_EXTERN napi_status NAPI_CDECL napi_create_object(napi_env env,
                                                      napi_value* result);
#if NAPI_VERSION >= 5
NAPI_EXTERN napi_status NAPI_CDECL
napi_add_finalizer(napi_env env);
#endif  // NAPI_VERSION >= 5
#ifdef NAPI_EXPERIMENTAL
NAPI_EXTERN napi_status NAPI_CDECL node_api_post_finalizer(node_api_basic_env env);
#endif
#endif
"""
NODE_HEADER = """\
#if NAPI_VERSION >= 9
NAPI_EXTERN napi_status NAPI_CDECL node_api_get_module_file_name(napi_env env);
#endif
"""
RETURNS_8 = {
    "amd64": bytes.fromhex("f30f1efa 554889e5 b808000000 5d c3"),
    "arm64": bytes.fromhex("00018052 c0035fd6"),
    "armhf": bytes.fromhex("0800a0e3 1eff2fe1"),
}


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    (tmp_path / "js_native_api.h").write_text(JS_HEADER)
    (tmp_path / "node_api.h").write_text(NODE_HEADER)
    return tmp_path


def need(headers: Path, *called: str, code: bytes | None = RETURNS_8["arm64"]) -> NodeApiNeed | None:
    symbols: list[tuple[str, bytes | None]] = [(name, None) for name in (*called, "memcpy")]
    symbols += [("node_api_module_get_api_version_v1", code)] if code else []
    addon = headers / "x.node"
    addon.write_bytes(elf_file(ElfSpec(target=ARM64, symbols=(*symbols, ("napi_register_module_v1", b"c")))))
    return node_api_need(addon, headers, ARM64)


def test_versions_in_the_headers(headers: Path) -> None:
    versions = function_versions(headers)
    assert versions["napi_create_object"] == 1
    assert versions["napi_add_finalizer"] == 5
    assert versions["node_api_get_module_file_name"] == 9
    assert versions["node_api_post_finalizer"] > 1000


def test_the_functions_decide_where_nothing_is_declared(headers: Path) -> None:
    assert need(headers, "napi_add_finalizer", code=None) == NodeApiNeed(version=5, by_functions=5, declared=None)


def test_what_the_addon_says_counts_where_it_is_more(headers: Path) -> None:
    assert need(headers, "napi_create_object") == NodeApiNeed(version=8, by_functions=1, declared=8)
    assert need(headers, "node_api_get_module_file_name") == NodeApiNeed(version=9, by_functions=9, declared=8)


def test_functions_that_no_version_promises(headers: Path) -> None:
    with pytest.raises(PrebuildError) as caught:
        need(headers, "node_api_post_finalizer", "napi_made_up")
    assert str(caught.value) == (
        "error: x.node calls napi_made_up, node_api_post_finalizer, which no version of Node-API promises\n"
        "  usual cause: it was compiled with NAPI_EXPERIMENTAL, or with headers of another Node\n"
        "  what to do:  compile it without, or with the Node that it needs (`node` in releases.toml)"
    )


def test_an_addon_without_node_api(headers: Path) -> None:
    addon = headers / "x.node"
    addon.write_bytes(elf_file(ElfSpec(target=ARM64, symbols=(("_ZN4node11node_moduleE", None),))))
    assert node_api_need(addon, headers, ARM64) is None


def test_headers_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PrebuildError, match="the headers of Node-API are not in"):
        function_versions(tmp_path)


@pytest.mark.parametrize("target", [AMD64, ARM64, ARMHF], ids=lambda target: target.name)
def test_the_constant_that_a_function_returns(target: object) -> None:
    assert isinstance(target, type(ARM64))
    assert returned_constant(RETURNS_8[target.name], target) == 8


def test_thumb_code() -> None:
    assert returned_constant(bytes.fromhex("0920 7047"), ARMHF, thumb=True) == 9


def test_code_that_is_not_understood() -> None:
    assert returned_constant(b"\x90\xc3", AMD64) is None
    assert returned_constant(bytes.fromhex("c0035fd6 00018052"), ARM64) is None
    assert returned_constant(b"", ARMHF) is None
