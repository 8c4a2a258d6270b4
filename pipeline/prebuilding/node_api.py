"""Which version of Node-API an addon needs: by the functions that it calls, and by what it says itself.

The headers of Node put the functions of each version into ``#if NAPI_VERSION >= N`` (https://nodejs.org/api/n-api.html);
an addon says the version that it was compiled for by the function ``node_api_module_get_api_version_v1``, which Node
calls: with a later one than its own it ends. That function returns a constant, which is read from its code.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Iterable
from pathlib import Path

from pipeline.elf.symbols import Symbol, code_of, dynamic_symbols
from pipeline.errors import PrebuildError
from pipeline.model.target import Target

HEADERS = ("js_native_api.h", "node_api.h")
VERSION_FUNCTION = "node_api_module_get_api_version_v1"
_MODULE_FUNCTION = re.compile(r"napi_register_module_v[0-9]+|napi_module_register")
_CONDITION = re.compile(r"#\s*if(?:n?def)?\b(.*)")
_VERSION = re.compile(r"NAPI_VERSION\s*>=\s*([0-9]+)")
_FUNCTION = re.compile(r"\b((?:napi|node_api)_[a-z0-9_]+)\s*\(")
_EXPERIMENTAL = 0x7FFFFFFF
_PUSH_FRAME = b"\x55\x48\x89\xe5"
_ENDBR64 = b"\xf3\x0f\x1e\xfa"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeApiNeed:
    """What an addon needs of Node-API."""

    version: int
    by_functions: int
    """Version that has all the functions that it calls."""
    declared: int | None
    """Version that it says; None: it says none, or in code that is not understood."""


def function_versions(headers: Path) -> dict[str, int]:
    """Return the first version of Node-API that has each function, as the headers in *headers* say.

    Raises PrebuildError when they cannot be read.
    """
    versions: dict[str, int] = {}
    for name in HEADERS:
        try:
            text = (headers / name).read_text(encoding="utf-8")
        except OSError as error:
            raise PrebuildError(
                f"the headers of Node-API are not in {headers}: {error.strerror}",
                cause="the wheel of that version of Node has none, or it was unpacked in part",
                action="choose another version (`node` in releases.toml), or remove the directory",
            ) from error
        for function, version in _declared_in(text):
            versions.setdefault(function, version)
    return versions


def _declared_in(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    nested: list[int] = []
    for line in text.splitlines():
        stripped = line.strip()
        if condition := _CONDITION.match(stripped):
            nested.append(_version_of(condition[1]))
        elif re.match(r"#\s*(else|elif)\b", stripped) and nested:
            nested[-1] = 1
        elif re.match(r"#\s*endif\b", stripped) and nested:
            nested.pop()
        elif not stripped.startswith(("#", "//")):
            found += [(name, max(nested, default=1)) for name in _FUNCTION.findall(stripped)]
    return found


def _version_of(condition: str) -> int:
    version = _VERSION.search(condition)
    return int(version[1]) if version else _EXPERIMENTAL if "NAPI_EXPERIMENTAL" in condition else 1


def node_api_need(addon: Path, headers: Path, target: Target) -> NodeApiNeed | None:
    """Return which version the addon needs; None when it does not use Node-API.

    Raises PrebuildError for functions that no version has, ArchiveError for a damaged file.
    """
    symbols = dynamic_symbols(addon)
    names = {symbol.name for symbol in symbols}
    if not any(_MODULE_FUNCTION.fullmatch(name) for name in names):
        return None
    called = [s.name for s in symbols if not s.defined and s.name.startswith(("napi_", "node_api_"))]
    by_functions = newest_of(addon, called, headers)
    declared = _declared(addon, symbols, target)
    return NodeApiNeed(version=max(by_functions, declared or 1), by_functions=by_functions, declared=declared)


def newest_of(addon: Path, called: Iterable[str], headers: Path) -> int:
    """Return the first version that has all of the functions *called*; raises PrebuildError where none has."""
    versions = function_versions(headers)
    unknown = sorted(name for name in called if versions.get(name, _EXPERIMENTAL) == _EXPERIMENTAL)
    if unknown:
        raise PrebuildError(
            f"{addon.name} calls {', '.join(unknown)}, which no version of Node-API promises",
            cause="it was compiled with NAPI_EXPERIMENTAL, or with headers of another Node",
            action="compile it without, or with the Node that it needs (`node` in releases.toml)",
        )
    return max((versions[name] for name in called), default=1)


def _declared(addon: Path, symbols: tuple[Symbol, ...], target: Target) -> int | None:
    function = next((s for s in symbols if s.name == VERSION_FUNCTION and s.defined), None)
    if function is None:
        return None
    version = returned_constant(code_of(addon, function), target, thumb=bool(function.address & 1))
    return version if version and version < 1000 else None


def returned_constant(code: bytes, target: Target, *, thumb: bool = False) -> int | None:
    """Return the number that a function returns which does nothing else; None for code that is not understood."""
    match target.name:
        case "amd64":
            body = code.removeprefix(_ENDBR64).removeprefix(_PUSH_FRAME)
            return int(struct.unpack_from("<I", body, 1)[0]) if len(body) >= 5 and body[0] == 0xB8 else None
        case "arm64":
            return _arm64_constant(code)
        case "armhf" if thumb:
            # movs r0, #imm8
            halves = [word for (word,) in struct.iter_unpack("<H", code[: len(code) // 2 * 2])]
            return next((int(word & 0xFF) for word in halves if word & 0xFF00 == 0x2000), None)
        case "armhf":
            # mov r0, #imm8
            words = [word for (word,) in struct.iter_unpack("<I", code[: len(code) // 4 * 4])]
            return next((int(word & 0xFF) for word in words if word & 0xFFFFFF00 == 0xE3A00000), None)
        case _:
            return None


def _arm64_constant(code: bytes) -> int | None:
    """Return the number of the first ``mov w0, #imm16``: MOVZ, or ORR with the zero register for some compilers."""
    for (word,) in struct.iter_unpack("<I", code[: len(code) // 4 * 4]):
        if word & 0xFFE0001F == 0x52800000:
            return int(word >> 5 & 0xFFFF)
        if word == 0xD65F03C0:  # ret
            return None
    return None
