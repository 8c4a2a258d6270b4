"""Declarations of V8 for Rust, for targets that the ``v8`` crate ships none for.

The crate's build script makes them with bindgen's builder (``build_binding`` in ``build.rs``). What it asks for is
read from there, so that each version gets its own options, and given to bindgen's command, of the version that the
crate's lock has. V8's definitions come from GN. For arm64 the result is the file that the crate ships, byte for byte.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import CompileError, UnsupportedError
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.rust import cargo
from pipeline.rust.native_env import native_environment
from pipeline.v8_build.ninja import BuildDir, environment

HEADERS_TARGET = "//v8:v8_headers"
"""Whose definitions ``tools/get_bindgen_args.py`` of the crate takes."""
TIMEOUT_S = 300.0
_CHAIN = re.compile(r"bindgen::Builder::default\(\)(?P<calls>.*?)\.generate\(\)", re.DOTALL)
_STRING, _PARENTHESES = r"\"(?:[^\"\\]|\\.)*\"", r"\([^()]*(?:\([^()]*\))*\)"
_CALL = re.compile(rf"\s*\.(?P<method>[a-z_]+)\((?P<argument>(?:[^()\"]|{_STRING}|{_PARENTHESES})*)\)")
_IGNORED = frozenset({"parse_callbacks"})
"""Tells Cargo which headers were read."""
_DEFINITIONS = "args"
"""The variable in which the script holds V8's definitions."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuilderOptions:
    """What the crate's build script asks of bindgen."""

    header: str
    """Path inside the crate."""
    flags: tuple[str, ...]
    """The same as options of bindgen's command."""
    clang_arguments: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BindingOrder:
    """What declarations are made from."""

    bindgen: Path
    toolchain: Toolchain
    build: BuildDir
    """After ``gn gen``."""


def bindgen_version(crate: Path) -> str:
    """Return the version of bindgen in the lock that the crate was published with. Raises UnsupportedError."""
    lock = crate / "Cargo.lock"
    versions = (
        {package.version for package in cargo.read_lock(lock) if package.name == "bindgen"} if lock.is_file() else ()
    )
    if len(versions) != 1:
        raise _unreadable("its Cargo.lock names no bindgen, or more than one")
    return next(iter(versions))


def builder_options(build_script: str) -> BuilderOptions:
    """Return what a build script asks of ``bindgen::Builder``. Raises UnsupportedError where it is not understood."""
    chain = _CHAIN.search(build_script)
    if not chain:
        raise _unreadable("its build script does not use bindgen::Builder")
    header, flags, arguments = "", list[str](), list[str]()
    for method, argument in _calls(chain["calls"]):
        if method == "header":
            header = _text(argument)
        elif method == "clang_args":
            arguments += [] if argument.strip() == _DEFINITIONS else _texts(argument)
        elif argument.strip() == "true":
            flags.append(_flag(method))
        elif method not in _IGNORED:
            flags += [_flag(method), _text(argument)]
    return BuilderOptions(header=header, flags=tuple(flags), clang_arguments=tuple(arguments))


def generate_binding(order: BindingOrder, destination: Path, context: Context) -> None:
    """Write the declarations for the toolchain's target.

    Raises UnsupportedError for a build script that is not understood, CompileError with the words of GN or bindgen.
    """
    crate = order.build.source
    options = builder_options((crate / "build.rs").read_text(encoding="utf-8"))
    native = native_environment(order.toolchain, destination.parent, environment(context.environ))
    extra = native.env[f"BINDGEN_EXTRA_CLANG_ARGS_{order.toolchain.target.env_suffix}"]
    definitions = [f"-D{line}" for line in _definitions(order.build, context)]
    with fs.atomic_path(destination) as temporary:
        command = proc.Command(
            argv=(
                *(str(order.bindgen), "--formatter", "none", *options.flags, "-o", str(temporary), options.header),
                *("--", *options.clang_arguments, *definitions),
            ),
            env=environment(context.environ) | dict(native.env) | {"BINDGEN_EXTRA_CLANG_ARGS": extra},
            cwd=crate,
            timeout_s=TIMEOUT_S,
        )
        _check(command, "bindgen cannot make the declarations for Rust", "a header that Clang cannot read")


def _definitions(build: BuildDir, context: Context) -> list[str]:
    """Return the preprocessor definitions of V8's public headers, as GN resolves them."""
    argv = (str(build.gn), "desc", f"--root={build.source}", str(build.path), HEADERS_TARGET, "defines")
    command = proc.Command(argv=argv, env=environment(context.environ), cwd=build.source, timeout_s=TIMEOUT_S)
    completed = _check(command, "GN does not tell V8's definitions", "build files that name the headers differently")
    return completed.text.split()


def _check(command: proc.Command, what: str, cause: str) -> proc.Completed:
    completed = proc.run(command)
    if completed.exit_code != 0 or completed.timed_out:
        raise CompileError(
            what,
            cause=cause,
            action=f"by hand:\n{command.replay_line()}",
            details=completed.text + completed.stderr.decode(errors="replace"),
        )
    return completed


def _calls(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        call = _CALL.match(text, at)
        if not call:
            raise _unreadable(f"its build script has `{text[at:].strip()[:60]}`")
        yield call["method"], call["argument"]
        at = call.end()


def _flag(method: str) -> str:
    return "--" + method.replace("_", "-")


def _text(argument: str) -> str:
    found = _texts(f"[{argument}]")
    if len(found) != 1:
        raise _unreadable(f"its build script gives bindgen `{argument.strip(' []')[:60]}`")
    return found[0]


def _texts(argument: str) -> list[str]:
    """Return the strings of an array of string literals; Rust's simple ones are Python's, too."""
    try:
        found = ast.literal_eval(argument.strip())
    except (ValueError, SyntaxError) as error:
        raise _unreadable(f"its build script gives bindgen `{argument.strip(' []')[:60]}`") from error
    return [str(text) for text in found]


def _unreadable(cause: str) -> UnsupportedError:
    return UnsupportedError(
        "the declarations of V8 for Rust cannot be made for this target",
        cause=cause,
        action="use a target that the crate's gen directory has, or a version that was tried",
    )
