"""``rustc`` of an emulated root: a program of this machine that compiles for the root's architecture.

``rust`` puts it into the root, with settings beside it. Standard library only, and of that what Debian's
``python3-minimal`` has.

Cargo is told that it runs on the root's architecture: everything that names no target is compiled for the root, so that
build scripts are programs of the root, too. Only procedural macros are different: the compiler loads them, and it is a
program of this machine. They are compiled for this machine, and so must be every crate that they are made of. Whether a
library is part of a macro is not known when it is compiled; how it was compiled is therefore written down beside it
(``.native/``), and a macro has each library of its closure compiled a second time, which happens once.
"""

from __future__ import annotations

import fcntl
import os
import sys

from pipeline.rootfs.rustc_words import (
    RECORDS_NAME,
    Invocation,
    Settings,
    as_told,
    for_the_root,
    native_library,
    native_words,
)

_SCHEMA = "1"


class Record:
    """How a library was compiled: the directory, the words and what Cargo added to its environment."""

    def __init__(self, cwd: str, words: list[str], env: dict[str, str]) -> None:
        """Take the parts."""
        self.cwd = cwd
        self.words = words
        self.env = env

    def to_bytes(self) -> bytes:
        """Return what ``from_bytes`` reads; strings cannot hold a null byte."""
        added = [f"{name}={value}" for name, value in self.env.items()]
        parts = [_SCHEMA, self.cwd, str(len(self.words)), *self.words, *added]
        return b"\0".join(os.fsencode(part) for part in parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Read what ``to_bytes`` wrote; raises ValueError for what another version wrote."""
        schema, cwd, count, *rest = (os.fsdecode(part) for part in data.split(b"\0"))
        if schema != _SCHEMA:
            raise ValueError(schema)
        number = int(count)
        return cls(cwd, rest[:number], dict(text.partition("=")[::2] for text in rest[number:]))


def added_environment(environ: dict[str, str], parent: bytes) -> dict[str, str]:
    """Return what is not in the *parent*'s environment (``/proc/PID/environ``): what Cargo added for this crate.

    What the user has in the environment, secrets among it, is written nowhere.
    """
    inherited = set(parent.split(b"\0"))
    return {k: v for k, v in environ.items() if os.fsencode(f"{k}={v}") not in inherited}


def _write_record(invocation: Invocation) -> None:
    out_dir, key = invocation.out_dir, invocation.key
    if not out_dir or not key or not invocation.crate_types & {"lib", "rlib"}:
        return
    directory = f"{out_dir}/{RECORDS_NAME}"
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103
    try:
        with open(f"/proc/{os.getppid()}/environ", "rb") as stream:  # noqa: PTH123
            parent = stream.read()
    except OSError:
        parent = b""
    record = Record(os.getcwd(), invocation.words(), added_environment(dict(os.environ), parent))  # noqa: PTH109
    path = f"{directory}/{key}.record"
    with open(f"{path}.{os.getpid()}", "wb", opener=_private) as stream:
        stream.write(record.to_bytes())
    # The copy belongs to what is now compiled anew.
    if os.path.exists(f"{directory}/lib{key}.rlib"):  # noqa: PTH110
        os.unlink(f"{directory}/lib{key}.rlib")  # noqa: PTH108
    os.replace(f"{path}.{os.getpid()}", path)  # noqa: PTH105


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_copies(invocation: Invocation, settings: Settings) -> int:
    """Have every library that *invocation* names compiled for this machine, those that they name first.

    Return the exit code of what failed.
    """
    for value in invocation.values("--extern"):
        native = native_library(value.rpartition("=")[2])
        code = _make_copy(native, settings) if native else 0
        if code:
            return code
    return 0


def _make_copy(native: str, settings: Settings) -> int:
    directory, _slash, name = native.rpartition("/")
    key = name.removeprefix("lib").removesuffix(".rlib")
    with open(f"{directory}/{key}.record", "rb") as stream:  # noqa: PTH123
        record = Record.from_bytes(stream.read())
    invocation = Invocation(record.words)
    # Two macros may want one library at the same time.
    with open(f"{directory}/{key}.lock", "ab") as lock:  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(native):  # noqa: PTH110
            return 0
        code = _make_copies(invocation, settings)
        if code:
            return code
        os.chdir(record.cwd)
        code = _run([f"{settings.bin_dir}/rustc", *native_words(invocation, settings, is_macro=False)], record.env)
        if code:
            sys.stderr.write(
                f"error: {key} is part of a procedural macro, and cannot be compiled for this machine\n"
                "  usually: its build script found things of the root's architecture, such as a C library\n"
                "  next: run the whole build with NATIVE_rustc=0 and NATIVE_cargo=0, in a target directory of its own\n"
            )
        return code


def _run(words: list[str], env: dict[str, str]) -> int:
    return os.spawnve(os.P_WAIT, words[0], words, {**os.environ, **env})  # noqa: S606


def _tell(words: list[str], settings: Settings) -> int:
    """Run the compiler for what it says on standard output."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.execv(words[0], words)  # noqa: S606
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:  # noqa: PTH123
        sys.stdout.write(as_told(stream.read(), settings))
    sys.stdout.flush()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(program: str, words: list[str]) -> int:
    """Do what ``rustc`` or ``rustdoc`` with these *words* does."""
    own_dir, _slash, name = program.rpartition("/")
    with open(f"{own_dir}/settings", encoding="utf-8") as stream:  # noqa: PTH123
        settings = Settings(stream.read())
    invocation = Invocation(words)
    real = f"{settings.bin_dir}/{name}"
    if name == "rustc" and invocation.crate_types == {"proc-macro"} and not invocation.has("--print"):
        cwd = os.getcwd()  # noqa: PTH109
        code = _make_copies(invocation, settings)
        if code:
            return code
        os.chdir(cwd)
        argv = [real, *native_words(invocation, settings, is_macro=True)]
    else:
        argv = [real, *for_the_root(words, invocation, settings)]
        if invocation.has("--print", "-vV", "-Vv", "-V", "--version"):
            return _tell(argv, settings)
        if name == "rustc":
            _write_record(invocation)
    return os.execv(argv[0], argv)  # noqa: S606
