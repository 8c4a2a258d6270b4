"""Command lines of rustc in an emulated root: taken apart, and changed for the root or for this machine.

Part of the program ``rustc``. Standard library only.
"""

from __future__ import annotations

import os

RECORDS_NAME = ".native"
"""Directory beside compiled crates: how each was compiled, and its copy for this machine."""
_FOR_THE_ROOT = ("linker", "linker-flavor", "link-arg", "link-args", "target-cpu", "target-feature", "incremental",
                 "linker-plugin-lto", "link-self-contained")  # fmt: skip
"""Options of ``-C`` that are about the root's programs, or would be in the way of a second compilation."""
_TAKE_A_VALUE = ("--target", "--crate-type", "--extern", "--out-dir", "--emit", "--crate-name", "--cfg", "--check-cfg",
                 "--edition", "--error-format", "--json", "--cap-lints", "--print", "--sysroot", "--remap-path-prefix",
                 "--color", "--diagnostic-width", "--codegen", "--allow", "--warn", "--deny", "--forbid", "--explain",
                 "-C", "-L", "-l", "-o", "-A", "-W", "-D", "-F", "-Z")  # fmt: skip


class Settings:
    """What ``rust`` wrote: lines of ``key=value``."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        values = dict(line.partition("=")[::2] for line in text.splitlines())
        self.bin_dir = values["bin-dir"]
        self.sysroot = values["sysroot"]
        self.shown_sysroot = values["shown-sysroot"]
        self.host = values["host"]
        self.target = values["target"]
        self.host_linker = values["host-linker"]


class Invocation:
    """One command line of rustc, split into options with their values and the rest."""

    def __init__(self, words: list[str]) -> None:
        """Split *words*; values keep their order."""
        self.parts: list[tuple[str, str | None]] = []
        remaining = iter(_expanded(words))
        for word in remaining:
            name, value = _split(word)
            if value is None and name in _TAKE_A_VALUE:
                value = next(remaining, "")
            self.parts.append((name, value))

    def values(self, *names: str) -> list[str]:
        """Return the values of an option."""
        return [value for name, value in self.parts if name in names and value is not None]

    def has(self, *names: str) -> bool:
        """Return whether one of the options is there."""
        return any(name in names for name, _value in self.parts)

    @property
    def crate_types(self) -> set[str]:
        """Return what is to be made."""
        return {kind for value in self.values("--crate-type") for kind in value.split(",")}

    @property
    def key(self) -> str | None:
        """Return what the crate's files are called, ``lib`` and ending aside, where Cargo gave them a name."""
        names = self.values("--crate-name")
        extra = [v.partition("=")[2] for v in self.values("-C", "--codegen") if v.startswith("extra-filename=")]
        return f"{names[0]}{extra[0]}" if names and extra else None

    @property
    def out_dir(self) -> str | None:
        """Return where the files go, as a whole path."""
        directories = self.values("--out-dir")
        return os.path.abspath(directories[0]) if directories else None  # noqa: PTH100 - pathlib is slow to load

    def words(self) -> list[str]:
        """Return the command line."""
        made = []
        for name, value in self.parts:
            joined = value is not None and name.startswith("--")
            made += [f"{name}={value}"] if joined else [name] if value is None else [name, value]
        return made


def _expanded(words: list[str]) -> list[str]:
    found = []
    for word in words:
        if word.startswith("@") and os.path.isfile(word[1:]):  # noqa: PTH113
            with open(word[1:], encoding="utf-8") as stream:  # noqa: PTH123
                found += stream.read().splitlines()
        else:
            found.append(word)
    return found


def _split(word: str) -> tuple[str, str | None]:
    if word.startswith("--"):
        name, separator, value = word.partition("=")
        return name, value if separator else None
    short = word[:2]
    if short in _TAKE_A_VALUE and len(word) > 2:
        return short, word[2:].removeprefix("=")
    return word, None


def native_words(invocation: Invocation, settings: Settings, *, is_macro: bool) -> list[str]:
    """Return how a crate is compiled for this machine: a macro in its place, a library beside the root's own."""
    made: list[tuple[str, str | None]] = []
    for name, value in invocation.parts:
        if not _is_for_the_root(name, value):
            made += _native_part(name, value, is_macro=is_macro)
    if not is_macro:
        made += [("--crate-type", "rlib"), ("--emit", "link"), ("--cap-lints", "allow")]
    made += [("-C", f"linker={settings.host_linker}"), ("--sysroot", settings.sysroot)]
    copy = Invocation([])
    copy.parts = made
    return copy.words()


def _is_for_the_root(name: str, value: str | None) -> bool:
    if name in {"-C", "--codegen"}:
        return str(value).partition("=")[0] in _FOR_THE_ROOT
    return name == "--target" or (name == "-L" and str(value).startswith(("native=", "framework=")))


def _native_part(name: str, value: str | None, *, is_macro: bool) -> list[tuple[str, str | None]]:
    text = value or ""
    if name == "--extern":
        label, separator, path = text.rpartition("=")
        native = native_library(path)
        return [(name, f"{label}{separator}{native or path}")]
    if name == "-L" and text.startswith("dependency="):
        directory = text.removeprefix("dependency=")
        return [(name, f"dependency={directory}/{RECORDS_NAME}"), (name, text)]
    if is_macro:
        return [(name, value)]
    if name in {"--crate-type", "--emit", "--cap-lints", "--json"}:
        return []
    return [(name, f"{text}/{RECORDS_NAME}" if name == "--out-dir" else value)]


def native_library(path: str) -> str | None:
    """Return where the copy of a library for this machine lies; None when none was written down."""
    directory, _slash, name = path.rpartition("/")
    stem, _dot, ending = name.rpartition(".")
    if ending not in {"rlib", "rmeta"}:
        return None
    record = f"{directory}/{RECORDS_NAME}/{stem.removeprefix('lib')}.record"
    return f"{directory}/{RECORDS_NAME}/{stem}.rlib" if os.path.exists(record) else None  # noqa: PTH110


def for_the_root(words: list[str], invocation: Invocation, settings: Settings) -> list[str]:
    """Return a command line that names no other target as one for the root's."""
    own = [] if invocation.has("--target") else ["--target", settings.target]
    sysroot = [] if invocation.has("--sysroot") else ["--sysroot", settings.sysroot]
    return [*words, *own, *sysroot]


def as_told(text: str, settings: Settings) -> str:
    """Return what the compiler says of itself as one of the root's architecture would say it."""
    lines = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        if bare in {f"host: {settings.host}", settings.host}:
            lines.append(line.replace(settings.host, settings.target))
        else:
            lines.append(line.replace(settings.sysroot, settings.shown_sysroot))
    return "".join(lines)
